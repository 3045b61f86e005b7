"""Renaming: the new id works, the old one answers to nobody and is never another finetune's."""

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Organization, User
from finetunes.access import NOT_FOUND, RENAMED, get_visible, resolve_finetune
from finetunes.models import Finetune, FormerName, Version
from finetunes.services import catalog, trash, versions
from finetunes.services.names import rename_finetune
from finetunes.services.publishing import publish
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD, lora_bytes, make_finetune, make_organization, make_upload

PAUSE_SECONDS = 0.5
FIELDS: dict[str, Any] = {"base_model": "flux-2-klein-4b", "precision": "fp8", "trigger_phrase": ""}


def refusal(caller: Organization, finetune_id: str) -> str:
    with pytest.raises(NotFoundError) as caught:
        resolve_finetune(caller, finetune_id)
    assert caught.value.field == "finetune_id"
    return caught.value.message


def former_names(organization: Organization) -> list[str]:
    return sorted(FormerName.objects.filter(organization=organization).values_list("name", flat=True))


def test_new_name_answers_and_the_old_one_tells_who_may_know(cast: Cast) -> None:
    org_id, theirs = cast.organization.org_id, cast.recipient.organization
    assert rename_finetune(cast.granted, "velvet")
    assert resolve_finetune(cast.organization, "velvet") == cast.granted
    assert resolve_finetune(theirs, f"{org_id}/velvet") == cast.granted
    assert refusal(cast.organization, "velvet-noir") == RENAMED.format("velvet")
    assert refusal(theirs, f"{org_id}/velvet-noir") == RENAMED.format(f"{org_id}/velvet")
    assert refusal(cast.outsider.organization, f"{org_id}/velvet-noir") == NOT_FOUND
    assert refusal(theirs, "velvet-noir") == NOT_FOUND
    with pytest.raises(NotFoundError, match="look for velvet"):
        get_visible(cast.organization, "velvet-noir")
    trash.discard(cast.granted, by=None)
    assert refusal(cast.organization, "velvet-noir") == NOT_FOUND


def test_hit_costs_no_query_more_and_a_miss_one(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as hit:
        resolve_finetune(cast.organization, "ink-portrait")
    with CaptureQueriesContext(connection) as miss:
        refusal(cast.organization, "nothing")
    assert (len(hit), len(miss)) == (1, 2)


def test_both_logs_tell_of_it(cast: Cast) -> None:
    rename_finetune(cast.granted, "velvet")
    event = AuditEvent.objects.of(cast.organization).get(action=Action.FINETUNE_RENAMED)
    assert event.subject == "velvet"
    assert event.details == {"from": "velvet-noir", "to": "velvet"}
    theirs = AuditEvent.objects.of(cast.recipient.organization).get(action=Action.GRANT_RECEIVED)
    assert theirs.subject == f"{cast.organization.org_id}/velvet"


def test_old_name_is_kept_from_others_as_long_as_the_finetune_is_there(cast: Cast) -> None:
    rename_finetune(cast.finetune, "ink")
    with pytest.raises(InvalidInputError, match="was the name of ink"):
        catalog.check_name_free(cast.organization, "ink-portrait")
    with pytest.raises(InvalidInputError, match="stays reserved") as caught:
        rename_finetune(cast.granted, "ink-portrait")
    assert caught.value.field == "name"
    trash.discard(cast.finetune, by=None)
    with pytest.raises(InvalidInputError):
        rename_finetune(cast.granted, "ink-portrait")
    trash.remove(cast.finetune)
    assert rename_finetune(cast.granted, "ink-portrait")


def test_renamed_back_it_has_its_name_again(cast: Cast) -> None:
    for name in ("ink", "ink-2", "ink-portrait"):
        assert rename_finetune(cast.finetune, name)
    assert former_names(cast.organization) == ["ink", "ink-2"]
    assert resolve_finetune(cast.organization, "ink-portrait") == cast.finetune
    assert refusal(cast.organization, "ink") == RENAMED.format("ink-portrait")


@pytest.mark.parametrize("name", ["", "Ink", "ink portrait", "ink/portrait", "ink\n", "é", "x" * 65, "ink-portrait"])
def test_name_that_cannot_be_is_refused_at_its_field(cast: Cast, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rename_finetune(cast.finetune, name)
    assert caught.value.field == "name"
    assert former_names(cast.organization) == []


@pytest.mark.parametrize("in_trash", [False, True])
def test_taken_name_is_refused(cast: Cast, in_trash: bool) -> None:
    if in_trash:
        trash.discard(cast.granted, by=None)
    with pytest.raises(InvalidInputError) as caught:
        rename_finetune(cast.finetune, "velvet-noir")
    assert caught.value.field == "name"


def test_second_rename_of_the_same_row_does_nothing(cast: Cast) -> None:
    stale = Finetune.objects.select_related("organization").get(pk=cast.finetune.pk)
    assert rename_finetune(cast.finetune, "ink")
    assert not rename_finetune(stale, "other")
    trash.discard(cast.finetune, by=None)
    assert not rename_finetune(cast.finetune, "third")
    assert former_names(cast.organization) == ["ink-portrait"]


def test_upstream_goes_on_with_the_name_that_it_has_there(cast: Cast, settings: Settings) -> None:
    settings.UPSTREAM_IS_SANDBOX = True
    rename_finetune(cast.finetune, "ink-2")
    cast.finetune.refresh_from_db()
    assert cast.finetune.upstream_name == ""
    settings.UPSTREAM_IS_SANDBOX = False
    for name in ("ink-3", "ink-4"):
        rename_finetune(cast.finetune, name)
    cast.finetune.refresh_from_db()
    assert cast.finetune.upstream_name == "ink-2"


def test_operator_renames_by_the_same_rules(cast: Cast) -> None:
    operator = log_in(User.objects.create_superuser("operator@example.com", PASSWORD))
    url = reverse("admin:finetunes_finetune_change", args=[cast.finetune.pk])
    form = operator.get(url).context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields} | {"name": "ink", "example_prompts": "[]"}
    inlines = {f"{each}-{key}_FORMS": 0 for each in ("versions", "grants") for key in ("TOTAL", "INITIAL")}
    assert operator.post(url, data | inlines).status_code == 302
    assert former_names(cast.organization) == ["ink-portrait"]
    assert resolve_finetune(cast.organization, "ink") == cast.finetune
    event = AuditEvent.objects.of(cast.organization).get(action=Action.FINETUNE_RENAMED)
    assert event.actor == "Operator"


# --- While another is added --------------------------------------------------------------------------------


def test_name_that_came_and_went_while_a_file_was_stored_is_not_given_away(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store(*args: Any, **kwargs: Any) -> Version:
        for name in ("linocut", "ink"):
            rename_finetune(cast.finetune, name)
        return publish(*args, **kwargs)

    monkeypatch.setattr(catalog, "publish", store)
    upload = make_upload(cast.organization, lora_bytes("linocut"))
    with pytest.raises(InvalidInputError, match="was the name of ink") as caught:
        catalog.add_finetune(cast.organization, upload, name="linocut", **FIELDS)
    assert caught.value.field == "name"


def test_rename_waits_for_who_is_adding_that_name(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = make_organization("Atelier")
    finetune = make_finetune(owner, "ink")
    refused: list[str] = []

    def rename() -> None:
        try:
            rename_finetune(finetune, "linocut")
        except InvalidInputError as error:
            refused.append(error.message)
        finally:
            connections.close_all()

    renamer, original = threading.Thread(target=rename), versions.append

    def append(*args: Any, **kwargs: Any) -> Version:
        renamer.start()
        renamer.join(PAUSE_SECONDS)
        return original(*args, **kwargs)

    monkeypatch.setattr(versions, "append", append)
    catalog.add_finetune(owner, make_upload(owner, lora_bytes("linocut")), name="linocut", **FIELDS)
    renamer.join(30)
    assert refused == ["There is a finetune named linocut already. Choose another name; it becomes the finetune_id."]
    assert sorted(Finetune.objects.owned_by(owner).values_list("name", flat=True)) == ["ink", "linocut"]
