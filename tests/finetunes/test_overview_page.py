"""The overview of a finetune: who sees what, and each field as a form in its place or on a page of its own."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.organizations.models import Membership, Organization
from finetunes.forms.fields import FORMS
from finetunes.models import Checkpoint, Finetune, Tag
from finetunes.services.editing import edit_finetune
from finetunes.services.labels import set_tags
from tests.conftest import Cast, log_in

HTMX = {"HX-Request": "true"}
ASKS = ("Add a description", "Add tags", "Recommend a strength", "Add example prompts")


def overview_url(member: Membership, finetune: Finetune) -> str:
    return reverse("finetune", args=[member.organization.org_id, finetune.id_for(member.organization)])


def page_of(member: Membership, finetune: Finetune) -> str:
    response = log_in(member.user).get(overview_url(member, finetune))
    assert response.status_code == 200
    return response.content.decode()


def field_url(finetune: Finetune, key: str) -> str:
    return reverse("finetune-field", args=[finetune.organization.org_id, finetune.name, key])


def tags_url(member: Membership, finetune: Finetune) -> str:
    return reverse("finetune-tags", args=[member.organization.org_id, finetune.id_for(member.organization)])


@pytest.fixture
def developer(cast: Cast) -> Client:
    return log_in(cast.developer.user)


def send(client: Client, url: str, **data: Any) -> tuple[int, str]:
    response = client.post(url, data, headers=HTMX)
    return response.status_code, response.content.decode()


def test_editor_is_asked_for_what_is_missing_and_others_do_not_see_it(cast: Cast) -> None:
    page = page_of(cast.developer, cast.finetune)
    for ask in ASKS:
        assert ask in page
    assert all(field_url(cast.finetune, key) in page for key in FORMS)
    read_only = page_of(cast.viewer, cast.finetune)
    for word in (*ASKS, "/fields/", "Description", "Add"):
        assert word not in read_only
    for word in ("FLUX.2 [klein] 4B", "/v1/flux-2-klein-4b-finetuned", "TOK", "Apache-2.0", "as of its base model"):
        assert word in read_only


def test_recipient_reads_everything_and_edits_its_own_tags_alone(cast: Cast) -> None:
    edit_finetune(
        cast.granted, {"description": "**Dark** rooms.", "example_prompts": ["a & b"], "license_note": "Ask."}
    )
    set_tags(cast.organization, cast.granted, ["owners-tag"])
    page = page_of(cast.recipient, cast.granted)
    owner_id = cast.organization.org_id
    for word in ("<strong>Dark</strong>", "a &amp; b", "Ask.", f"{owner_id}/velvet-noir", "Add tags"):
        assert word in page
    assert f"?model={owner_id}%2Fvelvet-noir&amp;prompt=a%20%26%20b" in page
    assert "/fields/" not in page
    assert "owners-tag" not in page
    url = tags_url(cast.recipient, cast.granted)
    assert url in page
    status, row = send(log_in(cast.recipient.user), url, tags="Noir, portraits ,,")
    assert status == 200
    assert "noir" in row
    assert list(Tag.objects.filter(organization=cast.recipient.organization).values_list("name", flat=True)) == [
        "noir",
        "portraits",
    ]
    assert "noir" not in page_of(cast.owner, cast.granted).replace("velvet-noir", "")


@pytest.mark.parametrize(
    ("key", "data", "shown"),
    [
        ("serving", {"base_model": "flux-2-klein-9b-kv", "precision": "bf16"}, "/v1/flux-2-klein-9b-kv-bf16-finetuned"),
        ("trigger_phrase", {"trigger_phrase": "<ink> & co"}, "&lt;ink&gt; &amp; co"),
        ("description", {"description": "# Ink\n\n*thin* lines"}, "<h3>Ink</h3>"),
        ("recommended_strength", {"recommended_strength": "0,8"}, "<p>0.8</p>"),
        ("example_prompts", {"example_prompts": ["one", "", "two"]}, "<p>two</p>"),
        ("license_note", {"license_note": "Ask the author."}, "Ask the author."),
    ],
)
def test_each_field_is_saved_in_its_place(
    cast: Cast, developer: Client, key: str, data: dict[str, Any], shown: str
) -> None:
    form = developer.get(field_url(cast.finetune, key), headers=HTMX).content.decode()
    assert form.lstrip().startswith('<div class="setting setting-open"')
    assert "autofocus" in form
    response = developer.post(field_url(cast.finetune, key), data, headers=HTMX)
    row = response.content.decode()
    assert (response.status_code, shown in row) == (200, True)
    assert f"finetune-changed-{cast.finetune.pk}" in response["HX-Trigger"]
    assert " saved." in row.split("hx-swap-oob", 1)[1]
    assert "autofocus" in row
    assert shown in page_of(cast.viewer, cast.finetune)


@pytest.mark.parametrize("key", FORMS)
def test_without_scripts_the_form_is_a_page_that_leads_back(cast: Cast, developer: Client, key: str) -> None:
    page = developer.get(field_url(cast.finetune, key)).content.decode()
    assert page.lstrip().startswith("<!doctype html>")
    assert "hx-post" not in page
    assert f'href="{overview_url(cast.developer, cast.finetune)}"' in page
    data = {"base_model": "flux-2-klein-9b", "precision": "fp8"} if key == "serving" else {key: "1"}
    response = developer.post(field_url(cast.finetune, key), data, follow=True)
    assert response.redirect_chain[0][0].startswith(overview_url(cast.developer, cast.finetune))
    assert " saved." in response.content.decode()


def test_new_base_model_says_where_it_is_called_now(cast: Cast, developer: Client) -> None:
    data = {"base_model": "flux-2-klein-9b", "precision": "fp8"}
    told = "Base Model saved. It is called on /v1/flux-2-klein-9b-finetuned now."
    assert told in send(developer, field_url(cast.finetune, "serving"), **data)[1]
    assert "It is called on" not in send(developer, field_url(cast.finetune, "serving"), **data)[1]


@pytest.mark.parametrize(
    ("key", "data", "sentence"),
    [
        ("serving", {"base_model": "flux-2-klein-4b", "precision": "bf16"}, "BF16 is served for"),
        ("serving", {"base_model": "flux-2-klein-9b", "precision": "fp8"}, "The checkpoint is made for"),
        ("trigger_phrase", {"trigger_phrase": "y" * 201}, "at most 200 characters"),
        ("description", {"description": "<y>" * 4_000}, "at most 10,000 characters"),
        ("recommended_strength", {"recommended_strength": "strong"}, "Enter a number from 0 to 2"),
        ("example_prompts", {"example_prompts": ["fine", "y" * 2_001]}, "2,000 characters"),
        ("license_note", {"license_note": "y" * 301}, "at most 300 characters"),
    ],
)
def test_refusal_stands_at_the_field_and_keeps_what_was_typed(
    cast: Cast, developer: Client, key: str, data: dict[str, Any], sentence: str
) -> None:
    Checkpoint.objects.filter(versions__finetune=cast.finetune).update(facts={"family": "flux2-klein-4b"})
    status, form = send(developer, field_url(cast.finetune, key), **data)
    assert status == 422
    assert sentence in form
    assert 'aria-invalid="true"' in form
    typed = list(data.values())[0]
    for text in typed if isinstance(typed, list) else [typed]:
        assert text.replace("<", "&lt;").replace(">", "&gt;") in form
    assert send(developer, field_url(cast.finetune, key), **data)[0] == 422
    assert "HX-Trigger" not in developer.post(field_url(cast.finetune, key), data, headers=HTMX)


def test_refused_tags_stand_at_the_field(cast: Cast, developer: Client) -> None:
    status, form = send(developer, tags_url(cast.developer, cast.finetune), tags="good, b%d")
    assert status == 422
    assert "Use only letters" in form
    assert 'value="good, b%d"' in form


def test_name_of_the_organization_is_text_in_the_form_of_tags(cast: Cast, developer: Client) -> None:
    Organization.objects.filter(pk=cast.organization.pk).update(name="<i>Atelier</i>")
    page = developer.get(tags_url(cast.developer, cast.finetune)).content.decode()
    assert "Only members of &lt;i&gt;Atelier&lt;/i&gt; see them." in page
    assert "<i>Atelier" not in page


def test_cancel_shows_the_row_again_and_changes_nothing(cast: Cast, developer: Client) -> None:
    response = developer.get(field_url(cast.finetune, "trigger_phrase") + "?cancel", headers=HTMX)
    row = response.content.decode()
    assert row.lstrip().startswith('<div class="setting"')
    assert "autofocus" in row
    assert "saved" not in row
    assert "HX-Trigger" not in response


def test_field_that_is_none_is_not_found(cast: Cast, developer: Client) -> None:
    for key in ("name", "tags", "is_official"):
        assert developer.get(field_url(cast.finetune, key)).status_code == 404


def test_shared_finetune_has_no_fields_to_edit(cast: Cast) -> None:
    recipient = log_in(cast.recipient.user)
    url = reverse("finetune-field", args=[cast.recipient.organization.org_id, cast.granted.name, "description"])
    assert recipient.post(url, {"description": "mine"}).status_code == 404


def test_official_finetune_says_what_that_is(cast: Cast) -> None:
    Finetune.objects.filter(pk=cast.finetune.pk).update(is_official=True)
    for member in (cast.owner, cast.outsider):
        assert "Official: the operators of this server published it" in page_of(member, cast.finetune)


def test_head_is_loaded_anew_by_itself_with_the_title(cast: Cast, developer: Client) -> None:
    url = overview_url(cast.developer, cast.finetune) + "?part=head"
    assert url in page_of(cast.developer, cast.finetune)
    head = developer.get(url, headers=HTMX).content.decode()
    assert head.lstrip().startswith('<div class="page-head" id="finetune-head"')
    assert "<title>ink-portrait · Finetunes Dashboard</title>" in head
    assert "setting" not in head


def test_overview_costs_the_same_with_every_field_filled(cast: Cast, developer: Client) -> None:
    url = overview_url(cast.developer, cast.finetune)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            developer.get(url)
        return len(queries)

    count()  # the first request of a minute also notes that the session is in use
    empty = count()
    edit_finetune(cast.finetune, {"description": "x", "example_prompts": ["a", "b"], "recommended_strength": 1})
    set_tags(cast.organization, cast.finetune, ["a", "b", "c"])
    assert count() == empty
