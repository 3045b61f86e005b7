"""The catalog under /v1: who finds what by which id, what a program may change, and what nobody is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.models import AuditEvent
from finetunes.models import Finetune, Grant, Tag
from finetunes.services.amending import amend
from finetunes.services.labels import set_tags
from finetunes.services.names import rename_finetune
from tests.conftest import Cast
from tests.factories import lora_bytes, make_finetune, make_organization, make_version, upload_finetune
from tests.finetunes.calling import LIST, OWN, fields_of, patch, post, program
from tests.finetunes.uploading import json_of

HOSTILE = [
    "",
    "ink%00portrait",
    "ink\x00",
    "..",
    "Ink-Portrait",
    "ink-portrait/",
    "é",
    "a" * 5000,
    "' OR 1=1--",
    "\ud800",
]


@pytest.fixture
def owner(cast: Cast) -> Client:
    return program(cast.organization)


@pytest.fixture
def recipient(cast: Cast) -> Client:
    return program(cast.recipient.organization)


@pytest.fixture
def outsider(cast: Cast) -> Client:
    return program(cast.outsider.organization)


def delete_by_id(client: Client, finetune_id: str) -> Any:
    return post(client, "/v1/delete_finetune", finetune_id=finetune_id)


def details(client: Client, finetune_id: str) -> Any:
    return client.get("/v1/finetune_details", {"finetune_id": finetune_id})


# --- BFL's own calls ---------------------------------------------------------------------------------------------


def test_my_finetunes_are_own_names_and_then_the_ids_of_others(cast: Cast, owner: Client, recipient: Client) -> None:
    make_finetune(make_organization("House"), "glaze", is_official=True)
    glaze = f"{Finetune.objects.get(name='glaze').organization.org_id}/glaze"
    make_finetune(cast.recipient.organization, "zinc")
    assert owner.get("/v1/my_finetunes").json() == {"finetunes": ["ink-portrait", "velvet-noir", glaze]}
    theirs = recipient.get("/v1/my_finetunes").json()["finetunes"]
    assert theirs[0] == "zinc"
    assert theirs[1:] == sorted([glaze, f"{cast.organization.org_id}/velvet-noir"])


def test_my_finetunes_are_one_query_and_end_somewhere(
    cast: Cast, owner: Client, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.get("/v1/my_finetunes")
    with django_assert_num_queries(2):  # the key, and the ids
        assert len(owner.get("/v1/my_finetunes").json()["finetunes"]) == 2
    monkeypatch.setattr("finetunes.queries.directory.MAX_IDS", 1)
    assert owner.get("/v1/my_finetunes").json() == {"finetunes": ["ink-portrait"]}


def test_each_of_my_finetunes_has_details(cast: Cast, recipient: Client) -> None:
    (finetune_id,) = recipient.get("/v1/my_finetunes").json()["finetunes"]
    found = details(recipient, finetune_id).json()["finetune_details"]
    expected: dict[str, Any] = {
        "finetune_id": f"{cast.organization.org_id}/velvet-noir",
        "name": "velvet-noir",
        "base_model": "flux-2-klein-9b-kv",
        "precision": "bf16",
        "endpoint": "flux-2-klein-9b-kv-bf16-finetuned",
        "trigger_phrase": "TOK",
        "trigger_word": "TOK",
        "source": "third_party",
        "owner": cast.organization.org_id,
        "owner_name": "Atelier",
        "license": "FLUX Non-Commercial License",
        "recommended_strength": None,
        "tags": [],
    }
    assert expected.items() <= found.items()
    assert found["timestamp"] == found["created_at"]
    assert found["created_at"].endswith("Z")


def test_details_tell_the_rank_of_a_real_file_and_nothing_private(cast: Cast, owner: Client) -> None:
    metadata = {"ss_training_comment": "/home/anna/secret", "ss_output_name": "linocut"}
    finetune = upload_finetune(cast.organization, "linocut", lora_bytes("x", metadata=metadata))
    Grant.objects.create(finetune=finetune, organization=cast.recipient.organization)
    finetune.created_by = cast.owner.user
    finetune.save()
    theirs = program(cast.recipient.organization)
    for client, finetune_id in ((owner, "linocut"), (theirs, str(finetune))):
        for response in (details(client, finetune_id), client.get(f"{LIST}/{finetune_id}"), client.get(LIST)):
            assert response.status_code == 200
            assert "anna" not in response.content.decode()
            assert "@" not in response.content.decode()
    assert details(owner, "linocut").json()["finetune_details"]["lora_rank"] == 1


@pytest.mark.parametrize("finetune_id", HOSTILE)
def test_an_id_that_is_none_is_the_same_404_as_a_hidden_one(cast: Cast, outsider: Client, finetune_id: str) -> None:
    hidden = details(outsider, f"{cast.organization.org_id}/velvet-noir")
    found = outsider.get("/v1/finetune_details", {"finetune_id": finetune_id.encode(errors="surrogatepass")})
    assert (found.status_code, json_of(found)) == (404, json_of(hidden))
    assert outsider.get("/v1/finetune_details").status_code == 422
    # A body may be refused for what it is; it is never an error of the server's.
    assert delete_by_id(outsider, finetune_id).status_code in (404, 422)


def test_delete_puts_into_the_trash_and_says_who_lost_it(cast: Cast, owner: Client, recipient: Client) -> None:
    answer = delete_by_id(owner, "velvet-noir")
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"status", "message", "deleted_finetune_id", "timestamp"}
    assert all(isinstance(value, str) for value in body.values())
    assert (body["status"], body["deleted_finetune_id"]) == ("success", "velvet-noir")
    assert "Bureau lost it" in body["message"]
    assert Finetune.objects.get(name="velvet-noir").deleted_at is not None
    assert delete_by_id(owner, "velvet-noir").status_code == 404
    assert details(owner, "velvet-noir").status_code == 404
    assert recipient.get("/v1/my_finetunes").json() == {"finetunes": []}
    assert AuditEvent.objects.filter(organization=cast.organization, actor__contains="program").exists()


def test_delete_names_a_few_of_many_and_says_what_was_official(cast: Cast, owner: Client) -> None:
    for number in range(7):
        Grant.objects.create(finetune=cast.finetune, organization=make_organization(f"Guild {number}", credits=0))
    expired = Grant.objects.filter(organization__name="Guild 0")
    expired.update(expires_at=timezone.now() - timedelta(days=1))
    message = delete_by_id(owner, "ink-portrait").json()["message"]
    assert message.endswith("Guild 1, Guild 2, Guild 3, Guild 4, Guild 5 and 1 more lost it.")
    make_finetune(cast.organization, "glaze", is_official=True)
    assert "every organization lost it" in delete_by_id(owner, "glaze").json()["message"]
    make_finetune(cast.organization, "alone")
    assert "lost" not in delete_by_id(owner, "alone").json()["message"]


def test_only_the_owner_deletes(cast: Cast, recipient: Client, outsider: Client) -> None:
    finetune_id = f"{cast.organization.org_id}/velvet-noir"
    assert delete_by_id(recipient, finetune_id).status_code == 403
    assert "Atelier" in json_of(delete_by_id(recipient, finetune_id))["detail"]
    assert delete_by_id(outsider, finetune_id).status_code == 404
    assert recipient.delete(f"{LIST}/{cast.organization.org_id}~velvet-noir").status_code == 403
    assert outsider.delete(f"{LIST}/{cast.organization.org_id}~velvet-noir").status_code == 404
    assert Finetune.objects.filter(deleted_at=None).count() == 2


# --- The list ----------------------------------------------------------------------------------------------------


def names_of(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [each["finetune_id"] for each in response.json()["finetunes"]]


def test_the_list_goes_on_from_page_to_page(cast: Cast, owner: Client) -> None:
    for number in range(5):
        make_finetune(cast.organization, f"more-{number}")
    found: list[str] = []
    after = ""
    while True:
        page = owner.get(LIST, {"limit": "3", "after": after, "tab": "owned"})
        found += names_of(page)
        after = page.json()["next"]
        if after is None:
            break
    assert found == ["ink-portrait", *(f"more-{number}" for number in range(5)), "velvet-noir"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["ink-portrait", "velvet-noir"]),
        ({"search": "velvet"}, ["velvet-noir"]),
        ({"base_model": "flux-2-klein-4b"}, ["ink-portrait"]),
        ({"precision": "bf16"}, ["velvet-noir"]),
        ({"tab": "shared"}, []),
        ({"tag": "Portraits"}, ["ink-portrait"]),
        ({"sort": "newest"}, ["velvet-noir", "ink-portrait"]),
        ({"after": "no cursor", "unknown": "x"}, ["ink-portrait", "velvet-noir"]),
    ],
)
def test_the_list_is_narrowed_and_sorted(cast: Cast, owner: Client, query: dict[str, str], expected: list[str]) -> None:
    set_tags(cast.organization, cast.finetune, ["portraits"])
    assert names_of(owner.get(LIST, query)) == expected


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"tab": "trash"},
        {"sort": "id"},
        {"base_model": "flux-dev"},
        {"search": "\x00"},
        {"tag": "x" * 41},
    ],
)
def test_what_the_list_does_not_know_is_told_at_its_place(cast: Cast, owner: Client, query: dict[str, str]) -> None:
    assert fields_of(owner.get(LIST, query)) == [["query", *query]]


def test_the_list_costs_the_same_whatever_it_holds(
    cast: Cast, owner: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        set_tags(cast.organization, make_finetune(cast.organization, f"more-{number}"), [f"tag {number}"])
    owner.get(LIST)
    with django_assert_max_num_queries(4):  # the key, the keys of the page, its rows, their tags
        assert len(names_of(owner.get(LIST))) == 32


def test_a_recipient_sees_what_is_shared_with_tags_of_its_own(cast: Cast, recipient: Client) -> None:
    set_tags(cast.organization, cast.granted, ["unpaid client"])
    set_tags(cast.recipient.organization, cast.granted, ["noir"])
    (found,) = recipient.get(LIST).json()["finetunes"]
    shared_id = f"{cast.organization.org_id}/velvet-noir"
    assert (found["finetune_id"], found["tags"], found["source"]) == (shared_id, ["noir"], "third_party")
    assert recipient.get(f"{LIST}/{shared_id}").json() == found
    assert recipient.get(f"{LIST}/{shared_id.replace('/', '~')}").json() == found
    assert recipient.get(f"{LIST}/{shared_id.replace('/', '%2F')}").json() == found


def test_an_outsider_finds_nothing(cast: Cast, outsider: Client) -> None:
    assert names_of(outsider.get(LIST)) == []
    for path in (OWN, f"{LIST}/{cast.organization.org_id}/velvet-noir", f"{OWN}/versions", f"{OWN}/grants"):
        assert outsider.get(path).status_code == 404, path
        assert "Atelier" not in outsider.get(path).content.decode()


# --- Change ------------------------------------------------------------------------------------------------------


def test_what_is_sent_is_changed_and_the_rest_stays(cast: Cast, owner: Client) -> None:
    answer = patch(owner, OWN, description="Ink.", tags=["Ink", "b&w".replace("&", "n")], recommended_strength=0.7, x=1)
    assert answer.status_code == 200, answer.content
    changed = {"description": "Ink.", "tags": ["bnw", "ink"], "recommended_strength": 0.7, "trigger_phrase": "TOK"}
    assert changed.items() <= answer.json().items()
    cleared = patch(owner, OWN, description=None, recommended_strength=None, trigger_phrase=None, tags=[]).json()
    assert {
        "description": "",
        "recommended_strength": None,
        "trigger_phrase": "",
        "tags": [],
    }.items() <= cleared.items()
    assert patch(owner, OWN).json() == {**cleared, "updated_at": patch(owner, OWN).json()["updated_at"]}


def test_a_rename_answers_with_the_new_id_and_the_old_one_is_404(cast: Cast, owner: Client) -> None:
    assert patch(owner, OWN, name="brush", description="Renamed.").json()["finetune_id"] == "brush"
    assert owner.get(OWN).status_code == 404
    assert details(owner, "ink-portrait").status_code == 404
    assert owner.get(f"{LIST}/brush").json()["description"] == "Renamed."
    assert patch(owner, f"{LIST}/brush", name="velvet-noir").status_code == 422
    assert patch(owner, f"{LIST}/brush", name="brush").status_code == 200


def test_a_rename_that_another_one_came_before_is_told_and_changes_nothing(cast: Cast) -> None:
    rename_finetune(Finetune.objects.get(pk=cast.finetune.pk), "brush")
    with pytest.raises(NotFoundError, match="ink-portrait was renamed or deleted meanwhile"):
        amend(cast.finetune, {"name": "pen", "description": "Renamed."})
    kept = Finetune.objects.get(pk=cast.finetune.pk)
    assert (kept.name, kept.description) == ("brush", "")


REFUSED_EDITS: list[tuple[dict[str, Any], str]] = [
    ({"name": "velvet-noir"}, "name"),
    ({"name": "No"}, "name"),
    ({"name": None}, "name"),
    ({"name": "x" * 65}, "name"),
    ({"base_model": "sdxl"}, "base_model"),
    ({"base_model": None}, "base_model"),
    ({"precision": "bf16"}, "precision"),
    ({"recommended_strength": 2.01}, "recommended_strength"),
    ({"recommended_strength": "NaN"}, "recommended_strength"),
    ({"recommended_strength": {}}, "recommended_strength"),
    ({"trigger_phrase": "nul \x00"}, "trigger_phrase"),
    ({"trigger_phrase": 7}, "trigger_phrase"),
    ({"description": "half \ud800"}, "description"),
    ({"description": "x" * 10_001}, "description"),
    ({"example_prompts": "one"}, "example_prompts"),
    ({"example_prompts": ["x"] * 11}, "example_prompts"),
    ({"tags": ["a/b"]}, "tags"),
    ({"tags": [None]}, "tags"),
    ({"tags": [f"t{n}" for n in range(21)]}, "tags"),
    ({"license_note": "x" * 301}, "license_note"),
]


@pytest.mark.parametrize(("changes", "field"), REFUSED_EDITS)
def test_a_refused_change_names_its_field_and_changes_nothing(
    cast: Cast, owner: Client, changes: dict[str, Any], field: str
) -> None:
    before = owner.get(OWN).json()
    # Good ones beside it, which are written first, last and in between.
    good = {"description": "new", "tags": ["new"], "license_note": "new", "name": "brush"}
    answer = patch(owner, OWN, **{**good, **changes})
    assert fields_of(answer)[0][:2] == ["body", field]
    assert owner.get(OWN).json() == before
    assert Tag.objects.count() == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"[" * 100_000, b'{"tags": ' + b"9" * 5000 + b"}"])
def test_a_body_that_is_no_object_is_refused(cast: Cast, owner: Client, body: bytes) -> None:
    for path, method in ((OWN, "patch"), ("/v1/delete_finetune", "post")):
        assert getattr(owner, method)(path, body, content_type="application/json").status_code == 422


def test_a_checkpoint_that_contradicts_the_base_model_is_told(cast: Cast, owner: Client) -> None:
    upload_finetune(cast.organization, "linocut", lora_bytes("x"))
    assert fields_of(patch(owner, f"{LIST}/linocut", base_model="flux-2-klein-9b")) == [["body", "base_model"]]


def test_only_the_owner_changes(cast: Cast, recipient: Client, outsider: Client) -> None:
    path = f"{LIST}/{cast.organization.org_id}~velvet-noir"
    assert patch(recipient, path, description="mine").status_code == 403
    assert patch(outsider, path, description="mine").status_code == 404
    assert patch(outsider, OWN, description="mine").status_code == 404
    assert not Finetune.objects.filter(description="mine").exists()


def test_delete_answers_nothing_and_then_404(cast: Cast, owner: Client) -> None:
    answer = owner.delete(OWN)
    assert (answer.status_code, answer.content) == (204, b"")
    assert owner.delete(OWN).status_code == 404
    assert names_of(owner.get(LIST)) == ["velvet-noir"]


# --- Versions ----------------------------------------------------------------------------------------------------


def test_versions_are_listed_and_one_is_made_current(cast: Cast, owner: Client, recipient: Client) -> None:
    make_version(cast.finetune)
    listed = owner.get(f"{OWN}/versions").json()
    assert [(each["version"], each["is_current"]) for each in listed["versions"]] == [(2, True), (1, False)]
    first = owner.get(f"{OWN}/versions", {"limit": 1}).json()
    second = owner.get(f"{OWN}/versions", {"limit": 1, "after": first["next"]}).json()
    assert (len(first["versions"]), second["versions"], second["next"]) == (1, listed["versions"][1:], None)
    for _ in range(2):
        used = owner.post(f"{OWN}/versions/1/use")
        assert (used.status_code, used.json()["is_current"]) == (200, True)
    assert owner.get(OWN).json()["version"] == 1
    for number in ("3", "0", "9" * 30, "-1", "x"):
        assert owner.post(f"{OWN}/versions/{number}/use").status_code == 404
    shared = f"{LIST}/{cast.organization.org_id}~velvet-noir"
    assert recipient.get(f"{shared}/versions").status_code == 403
    assert recipient.post(f"{shared}/versions/1/use").status_code == 403


# --- Every call --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", "/v1/delete_finetune", "POST"),
        ("post", "/v1/my_finetunes", "GET"),
        ("put", LIST, "GET, POST"),
        ("post", OWN, "DELETE, GET, PATCH"),
        ("delete", f"{OWN}/grants", "GET, POST"),
        ("get", f"{OWN}/versions/1/use", "POST"),
    ],
)
def test_a_method_that_means_nothing_is_refused_in_json(
    cast: Cast, owner: Client, method: str, path: str, allowed: str
) -> None:
    refused = getattr(owner, method)(path)
    assert (refused.status_code, refused["Allow"]) == (405, allowed)
    assert json_of(refused)["detail"].endswith("does.")
