"""Import: finetunes of the upstream's account join the catalog without a file, and nobody's twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.organizations.models import AuditEvent
from dashboard.sandbox.server import Sandbox
from finetunes.models import Finetune
from finetunes.services import upstream
from finetunes.services.upstream import Import, InvalidRowsError, clean_name, import_finetunes, propose
from finetunes.services.versions import add_version
from tests.conftest import Cast, log_in
from tests.factories import lora_bytes, make_finetune, make_upload
from tests.playground.conftest import submit_one

NAMES = ["ink-portrait", "Studio Look", "Studio-Look", "org/noir", "taken-elsewhere", *(f"shot-{n}" for n in range(30))]


@pytest.fixture
def account(settings: Settings) -> Iterator[Sandbox]:
    with Sandbox(seconds=0.05, finetunes=NAMES) as server:
        settings.UPSTREAM_IS_SANDBOX = False
        settings.BFL_API_URL = server.url
        yield server


@pytest.fixture
def developer(cast: Cast) -> Client:
    return log_in(cast.developer.user)


def url(cast: Cast) -> str:
    return reverse("finetune-import", args=[cast.organization.org_id])


def rows(*given: dict[str, str]) -> dict[str, str]:
    """As the second form sends them."""
    data = {"form-TOTAL_FORMS": str(len(given)), "form-INITIAL_FORMS": str(len(given))}
    for at, row in enumerate(given):
        fields = {"base_model": "flux-2-klein-4b", "precision": "fp8", "trigger_phrase": "", **row}
        data |= {f"form-{at}-{name}": value for name, value in fields.items()}
    return data


def test_offers_what_nobody_on_this_server_answers_for(cast: Cast, account: Sandbox, developer: Client) -> None:
    make_finetune(cast.outsider.organization, "taken-elsewhere")
    page = developer.get(url(cast)).content.decode()
    assert 'value="Studio-Look"' in page
    assert "32 to choose from" in page
    # Its own, another's, and what no request could name.
    assert not [name for name in ("ink-portrait", "taken-elsewhere", "Studio Look") if f'value="{name}"' in page]


def test_filter_keeps_what_was_chosen_in_sight(cast: Cast, account: Sandbox, developer: Client) -> None:
    page = developer.get(url(cast), {"q": "SHOT-2", "chosen": ["org/noir", "ink-portrait"]}).content.decode()
    assert 'value="org/noir" checked' in page
    assert 'value="shot-29"' in page
    assert 'value="shot-3"' not in page
    assert 'value="ink-portrait"' not in page


def test_chosen_ones_are_described_and_join_without_a_file(cast: Cast, account: Sandbox, developer: Client) -> None:
    described = developer.post(url(cast), {"chosen": ["Studio-Look", "org/noir"]}).content.decode()
    assert 'value="studio-look"' in described
    assert 'value="noir"' in described
    answer = developer.post(
        url(cast),
        rows(
            {"upstream_name": "Studio-Look", "name": "studio-look", "trigger_phrase": "STDIO"},
            {"upstream_name": "org/noir", "name": "noir", "base_model": "flux-2-klein-9b-kv", "precision": "bf16"},
        ),
    )
    assert answer.status_code == 302
    found = Finetune.objects.get(name="studio-look")
    assert (found.organization, found.upstream_name, found.trigger_phrase) == (
        cast.organization, "Studio-Look", "STDIO",
    )  # fmt: skip
    assert (found.current_version, found.created_by) == (None, cast.developer.user)
    events = AuditEvent.objects.filter(action="finetune.imported").order_by("pk")
    assert [(event.subject, event.details["upstream_name"]) for event in events] == [
        ("studio-look", "Studio-Look"), ("noir", "org/noir"),
    ]  # fmt: skip
    assert submit_one(cast.organization, "studio-look").upstream_finetune_id == "Studio-Look"
    tab = developer.get(reverse("finetune-checkpoint", args=[cast.organization.org_id, "noir"])).content.decode()
    assert "The file lies upstream; this server has none." in tab


def test_refusals_stand_in_their_rows_and_nothing_is_imported(cast: Cast, account: Sandbox, developer: Client) -> None:
    wrong = rows(
        {"upstream_name": "shot-1", "name": "ink-portrait"},
        {"upstream_name": "shot-2", "name": "same"},
        {"upstream_name": "shot-3", "name": "same", "trigger_phrase": "kept words"},
        {"upstream_name": "shot-4", "name": "four", "precision": "bf16"},
    )
    answer = developer.post(url(cast), wrong)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The name ink-portrait is taken." in page
    assert "Two rows have this name." in page
    assert "BF16 is served for" in page
    assert 'value="kept words"' in page
    assert not Finetune.objects.filter(name__in=["same", "four"]).exists()


def test_name_that_another_organization_took_meanwhile_is_refused(cast: Cast, account: Sandbox) -> None:
    theirs = make_finetune(cast.outsider.organization, "theirs")
    Finetune.objects.filter(pk=theirs.pk).update(upstream_name="shot-1")
    for name in ("shot-1", "not-in-the-account"):
        row = Import(name, "mine", "flux-2-klein-4b")
        with pytest.raises(InvalidRowsError) as refusal:
            import_finetunes(cast.organization, [row], created_by=None)
        assert list(refusal.value.errors[0]) == ["upstream_name"]


def test_two_with_one_upstream_name_are_refused(cast: Cast, account: Sandbox) -> None:
    twice = [Import("shot-1", name, "flux-2-klein-4b") for name in ("one", "two")]
    with pytest.raises(InvalidRowsError):
        import_finetunes(cast.organization, twice, created_by=None)


def test_upstream_that_is_away_is_told_with_a_way_to_try_again(
    cast: Cast, account: Sandbox, developer: Client, settings: Settings
) -> None:
    settings.BFL_API_URL = "http://127.0.0.1:9"
    answer = developer.get(url(cast))
    assert answer.status_code == 503
    assert "The upstream does not answer." in answer.content.decode()
    assert "Retry" in answer.content.decode()
    assert developer.post(url(cast), {"chosen": ["shot-1"]}).status_code == 503


def test_too_few_and_too_many_are_told(cast: Cast, account: Sandbox, developer: Client) -> None:
    none = developer.post(url(cast), {})
    assert (none.status_code, "Choose the finetunes to import." in none.content.decode()) == (422, True)
    many = developer.post(url(cast), {"chosen": [f"shot-{n}" for n in range(21)]})
    assert (many.status_code, "At most 20 are imported at once." in many.content.decode()) == (422, True)


def test_details_fill_the_form_in_as_far_as_they_are_understood(
    cast: Cast, account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, dict[str, Any]] = {
        "shot-1": {"base_model": "flux-2-klein-9b-kv", "precision": "BF16", "trigger_word": "SHOT\ud83d "},
        "shot-2": {"base_model": {"strange": 1}, "precision": None, "trigger_phrase": 7},
        "shot-3": {"finetune_comment": "my dog", "iterations": 300, "trigger_word": "TOK"},
    }
    monkeypatch.setattr(upstream, "_ask_details", lambda name: told.get(name, {}))
    found = propose(cast.organization, ["shot-1", "shot-2", "shot-3", "Ink-Portrait"])
    assert found == [
        Import("shot-1", "shot-1", "flux-2-klein-9b-kv", "bf16", "SHOT"),
        Import("shot-2", "shot-2"),
        Import("shot-3", "shot-3", "flux-1-pro", trigger_phrase="TOK"),
        Import("Ink-Portrait", "ink-portrait-2"),
    ]


@pytest.mark.parametrize(
    ("upstream_name", "name"),
    [
        ("org/Fine One", "fine-one"),
        ("a.b+c", "a-b-c"),
        ("///", "finetune"),
        ("x" * 90, "x" * 64),
        ("--é--", "finetune"),
    ],
)
def test_name_is_made_of_what_may_stand_in_one(upstream_name: str, name: str) -> None:
    assert clean_name(upstream_name) == name


def test_link_stands_on_the_list_where_there_is_something_to_import_from(
    cast: Cast, account: Sandbox, developer: Client, settings: Settings
) -> None:
    catalog = reverse("finetunes", args=[cast.organization.org_id])
    assert url(cast) in developer.get(catalog).content.decode()
    assert url(cast) not in log_in(cast.viewer.user).get(catalog).content.decode()
    settings.UPSTREAM_IS_SANDBOX = True
    assert url(cast) not in developer.get(catalog).content.decode()


@pytest.mark.django_db(transaction=True)
def test_file_that_comes_later_becomes_the_first_version(cast: Cast, account: Sandbox) -> None:
    row = Import("shot-1", "shot", "flux-2-klein-4b")
    finetune = import_finetunes(cast.organization, [row], created_by=None)[0]
    version = add_version(finetune, make_upload(cast.organization, lora_bytes("late")))
    finetune.refresh_from_db()
    assert (version.label, finetune.current_version) == ("v1", version)
