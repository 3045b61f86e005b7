"""Retention: the page that sets it and asks before, the line in the log, and the sweep."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent
from playground import removal, retention, tasks
from playground.models import Generation, Retention, State
from tests.conftest import Cast, log_in
from tests.playground.history_rows import files_of, make_generation

OLD = timedelta(days=31)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return log_in(cast.owner.user)


def url(cast: Cast) -> str:
    return f"/o/{cast.organization.org_id}/playground/retention/"


def test_page_says_how_many_go_before_it_saves(cast: Cast, owner: Client) -> None:
    make_generation(cast.organization, age=OLD)
    make_generation(cast.organization, age=OLD, is_starred=True)
    make_generation(cast.organization, age=OLD, state=State.RUNNING)
    make_generation(cast.recipient.organization, age=OLD)
    make_generation(cast.organization)
    asked = owner.post(url(cast), {"days": "30"}).content.decode()
    assert "1 generation is older than 30 days" in asked
    assert retention.days_of(cast.organization) is None
    # Who confirmed other days is asked again.
    assert "older than 20 days" in owner.post(url(cast), {"days": "20", "confirmed": "30"}).content.decode()
    assert owner.post(url(cast), {"days": "30", "confirmed": "30"}).status_code == 302
    assert retention.days_of(cast.organization) == 30
    assert 'value="30"' in owner.get(url(cast)).content.decode()
    assert "All is kept 30 days" in owner.get(f"/o/{cast.organization.org_id}/playground/history/").content.decode()


def test_what_takes_nothing_away_is_saved_at_once_and_logged(cast: Cast, owner: Client) -> None:
    for days in ("90", "90", ""):
        assert owner.post(url(cast), {"days": days}).status_code == 302
    assert retention.days_of(cast.organization) is None
    events = AuditEvent.objects.filter(action=Action.SETTINGS_RETENTION_CHANGED).order_by("pk")
    assert [event.details for event in events] == [
        {"from": "for ever", "to": "90 days"},
        {"from": "90 days", "to": "for ever"},
    ]
    assert {event.actor for event in events} == {"owner@example.com"}
    log = owner.get(f"/o/{cast.organization.org_id}/activity/").content.decode()
    assert "changed how long generations are kept" in log


@pytest.mark.parametrize("days", ["0", "-1", "3651", "soon", "1.5"])
def test_days_that_are_none_are_refused_at_the_field(cast: Cast, owner: Client, days: str) -> None:
    response = owner.post(url(cast), {"days": days})
    assert response.status_code == 422
    assert f'value="{days}"' in response.content.decode()
    assert not Retention.objects.exists()


def test_sweep_takes_what_expired_with_its_files_and_nothing_else(cast: Cast) -> None:
    assert retention.keep_for(cast.organization, 30)
    gone = make_generation(cast.organization, age=OLD)
    failed = make_generation(cast.organization, age=OLD, state=State.ERROR)
    kept = {
        make_generation(cast.organization, age=OLD, is_starred=True),
        make_generation(cast.organization, age=OLD, state=State.RUNNING),
        make_generation(cast.organization, age=timedelta(days=29)),
        make_generation(cast.recipient.organization, age=OLD),
    }
    assert not retention.sweep()
    assert set(Generation.objects.all()) == kept
    assert gone not in kept
    assert failed not in kept
    assert [name for name in files_of(gone) if default_storage.exists(name)] == []
    assert not retention.sweep()


def test_sweep_goes_on_until_nothing_is_left(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    retention.keep_for(cast.organization, 30)
    retention.keep_for(cast.recipient.organization, 30)
    for _ in range(3):
        make_generation(cast.organization, age=OLD)
    make_generation(cast.recipient.organization, age=OLD)
    monkeypatch.setattr(removal, "BATCH", 2)
    monkeypatch.setattr(retention, "BATCH", 2)
    assert retention.sweep()
    assert Generation.objects.count() == 1
    assert not retention.sweep()
    assert not Generation.objects.exists()


def test_sweep_of_one_organization_holds_up_no_other(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for organization in (cast.organization, cast.recipient.organization):
        retention.keep_for(organization, 30)
    stuck = make_generation(cast.organization, age=OLD)
    make_generation(cast.recipient.organization, age=OLD)
    delete = default_storage.delete

    def refuse_one(name: str) -> None:
        if name == str(stuck.image):
            raise OSError("the storage refuses")
        delete(name)

    monkeypatch.setattr(default_storage, "delete", refuse_one)
    assert not retention.sweep()
    assert list(Generation.objects.all()) == [stuck]
    monkeypatch.undo()
    tasks.sweep_expired()
    assert not Generation.objects.exists()
