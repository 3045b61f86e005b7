"""The trash: who loses a finetune and when, who gets it back, and that only what lies there its days goes for good."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.celery import app
from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations.events import Action
from dashboard.organizations.models import ApiKey, AuditEvent, Organization
from dashboard.organizations.services.deletion import consequences_of, delete_organization
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
from finetunes import clearing, queries
from finetunes.access import get_discarded, get_finetune, get_visible, resolve_finetune
from finetunes.models import Finetune, Grant
from finetunes.queries.dependents import SHOWN, dependents_of
from finetunes.queries.trash import TRASH_DAYS, days_left, removed_at
from finetunes.services import bulk, catalog, grants, trash, versions
from playground.models import Generation, State
from playground.queries import callable_finetunes
from tests.conftest import Cast
from tests.factories import make_finetune, make_organization, make_version

PAUSE_SECONDS = 0.5


def events_of(organization: Organization) -> list[tuple[str, str, str]]:
    events = AuditEvent.objects.of(organization).exclude(action=Action.CREDITS_TOPPED_UP).order_by("pk")
    return [(event.action, event.actor, event.subject) for event in events]


def age(finetune: Finetune, **ago: float) -> None:
    Finetune.objects.filter(pk=finetune.pk).update(deleted_at=timezone.now() - timedelta(**ago))


def make_generation(
    finetune: Finetune, caller: Organization, *, key: ApiKey | None = None, state: State = State.QUEUED, days: int = 0
) -> Generation:
    generation = Generation.objects.create(
        organization=caller, finetune=finetune, finetune_id_sent=finetune.id_for(caller), api_key=key, state=state,
        endpoint_name=finetune.endpoint.name, inputs={"prompt": "x"}, width=64, height=64, cost=1400,
        due_at=timezone.now(),
    )  # fmt: skip
    Generation.objects.filter(pk=generation.pk).update(created_at=timezone.now() - timedelta(days=days))
    return generation


# --- In and out --------------------------------------------------------------------------------------------


def test_what_is_in_the_trash_is_found_by_nobody(cast: Cast) -> None:
    assert trash.discard(cast.granted, by=cast.developer.user)
    theirs, own = cast.recipient.organization, cast.organization
    for organization, finetune_id in ((own, "velvet-noir"), (theirs, f"{own.org_id}/velvet-noir")):
        for door in (resolve_finetune, get_visible):
            with pytest.raises(NotFoundError):
                door(organization, finetune_id)
        assert cast.granted not in queries.list_finetunes(organization, queries.Tab.ALL)
        assert not any(cast.granted in group for group in callable_finetunes(organization).values())
    with pytest.raises(NotFoundError):
        get_finetune(own, "velvet-noir")
    checkpoint = cast.granted.checkpoint
    assert checkpoint
    assert queries.find_same_weights(own, checkpoint.weights_sha256) is None
    assert get_discarded(own, "velvet-noir") == cast.granted
    assert consequences_of(own).obstacle_count == 0


def test_only_one_discards_and_only_one_restores(cast: Cast) -> None:
    assert trash.discard(cast.granted, by=cast.developer.user)
    assert not trash.discard(cast.granted, by=cast.owner.user)
    cast.granted.refresh_from_db()
    assert cast.granted.deleted_by == cast.developer.user
    assert trash.restore(cast.granted)
    assert not trash.restore(cast.granted)
    cast.granted.refresh_from_db()
    assert not Finetune.objects.in_trash().exists()
    assert Finetune.objects.filter(deleted_by=None).count() == 2
    name, owner = "velvet-noir", str(cast.organization)
    assert events_of(cast.organization) == [
        (Action.FINETUNE_DELETED, "developer@example.com", name),
        (Action.FINETUNE_RESTORED, "Server", name),
    ]
    assert events_of(cast.recipient.organization) == [
        (Action.GRANT_LOST, owner, str(cast.granted)),
        (Action.GRANT_RECEIVED, owner, str(cast.granted)),
    ]


def test_several_go_and_return_once_in_as_many_statements_as_one(cast: Cast) -> None:
    owner, by, bureau = cast.organization, cast.owner.user, cast.recipient.organization
    costs: list[int] = []
    for count in (1, 8):
        several = [make_finetune(owner, f"look-{count}-{number}") for number in range(count)]
        with CaptureQueriesContext(connection) as statements:
            gone = bulk.discard_all(owner, [*several, make_finetune(bureau)], by=by)
            assert bulk.discard_all(owner, several, by=by) == []
            assert bulk.restore_all(owner, [finetune.pk for finetune in gone], by=cast.developer.user) == 0
            assert bulk.restore_all(owner, [finetune.pk for finetune in gone], by=by) == count
            assert bulk.restore_all(owner, [finetune.pk for finetune in gone], by=by) == 0
        assert gone == several
        costs.append(len(statements))
    assert costs[0] == costs[1]
    [*_, one_of_them] = [event for event in events_of(owner) if event[0] == "finetune.deleted"]
    assert one_of_them == ("finetune.deleted", "owner@example.com", "look-8-7")
    assert len([event for event in events_of(owner) if event[0] == "finetune.restored"]) == 9
    assert bulk.discard_all(owner, [cast.granted], by=by)  # shared since it was chosen
    assert bulk.restore_all(owner, [cast.granted.pk], by=by) == 1
    assert [action for action, _, _ in events_of(bureau)] == ["grant.lost", "grant.received"]


def test_grants_work_again_after_a_restore_and_expired_ones_are_no_news(cast: Cast) -> None:
    other = make_organization("Expired")
    Grant.objects.create(finetune=cast.granted, organization=other, expires_at=timezone.now() - timedelta(hours=1))
    trash.discard(cast.granted, by=None)
    trash.restore(cast.granted)
    assert resolve_finetune(cast.recipient.organization, str(cast.granted)) == cast.granted
    assert events_of(other) == []


def test_name_in_the_trash_stays_taken(cast: Cast) -> None:
    trash.discard(cast.finetune, by=None)
    with pytest.raises(InvalidInputError, match="is in the trash, and keeps its name") as caught:
        catalog.check_name_free(cast.organization, "ink-portrait")
    assert caught.value.field == "name"


def test_what_is_in_the_trash_is_neither_changed_nor_shared(cast: Cast) -> None:
    first = cast.finetune.versions.get()
    make_version(cast.finetune)
    stale = Finetune.objects.select_related("organization").get(pk=cast.finetune.pk)
    trash.discard(cast.finetune, by=None)
    first.finetune = stale
    assert not versions.make_current(first)
    assert not catalog.publish_official(stale)
    with pytest.raises(NotFoundError, match="was deleted"):
        grants.grant(stale, cast.recipient.organization.org_id, granted_by=None)
    assert not stale.grants.exists()
    stale.refresh_from_db()
    with pytest.raises(InvalidInputError, match="was deleted"):
        grants.find_recipient(stale, cast.recipient.organization.org_id)


def test_official_one_in_the_trash_can_be_withdrawn(cast: Cast) -> None:
    catalog.publish_official(cast.finetune)
    trash.discard(cast.finetune, by=None)
    with pytest.raises(NotFoundError):
        resolve_finetune(cast.outsider.organization, str(cast.finetune))
    assert catalog.withdraw_official(cast.finetune)


def test_queued_generation_and_history_keep_what_they_had(cast: Cast) -> None:
    queued = make_generation(cast.finetune, cast.organization)
    trash.discard(cast.finetune, by=None)
    queued.refresh_from_db()
    assert (queued.state, queued.finetune) == (State.QUEUED, cast.finetune)
    trash.remove(cast.finetune)
    queued.refresh_from_db()
    assert (queued.state, queued.finetune, queued.finetune_id_sent) == (State.QUEUED, None, "ink-portrait")


# --- For good ----------------------------------------------------------------------------------------------


def test_sweeper_removes_what_has_its_days_behind_it_and_nothing_else(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    young = make_finetune(cast.organization, "young")
    for finetune in (cast.granted, young):
        trash.discard(finetune, by=cast.developer.user)
    age(cast.granted, days=TRASH_DAYS, seconds=1)
    age(young, days=TRASH_DAYS, seconds=-60)
    checkpoint = cast.granted.checkpoint
    assert checkpoint
    with django_capture_on_commit_callbacks(execute=True):
        assert not clearing.empty_trash()
    left = set(Finetune.objects.kept_by(cast.organization))
    assert left == {cast.finetune, young}
    assert not default_storage.exists(str(checkpoint.file.name))
    assert events_of(cast.organization)[-1] == (Action.FINETUNE_REMOVED, "Server", "velvet-noir")
    lost = [event for event in events_of(cast.recipient.organization) if event[0] == Action.GRANT_LOST]
    assert len(lost) == 1
    assert not clearing.empty_trash()
    catalog.check_name_free(cast.organization, "velvet-noir")


def test_sweeper_of_the_trash_is_scheduled() -> None:
    assert settings.CELERY_BEAT_SCHEDULE["empty-trash"]["task"] in app.tasks


def test_trash_is_emptied_in_batches(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "BATCH", 1)
    for finetune in (cast.finetune, cast.granted):
        trash.discard(finetune, by=None)
        age(finetune, days=TRASH_DAYS + 1)
    assert [clearing.empty_trash() for _ in range(3)] == [True, True, False]


def test_only_what_lies_in_the_trash_is_removed_from_it(cast: Cast) -> None:
    assert not trash.remove(cast.finetune)
    trash.discard(cast.finetune, by=None)
    age(cast.finetune, days=TRASH_DAYS + 1)
    stale = Finetune.objects.in_trash().select_related("organization").get()
    trash.restore(cast.finetune)
    assert not trash.remove_expired(stale, timezone.now())
    trash.discard(cast.finetune, by=None)
    assert not trash.remove_expired(stale, timezone.now())  # its days began anew
    assert trash.remove(stale)
    assert not trash.remove(stale)


def test_restore_that_is_under_way_wins_over_the_sweeper(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    finetune = make_finetune(make_organization("Atelier"), "linocut")
    trash.discard(finetune, by=None)
    age(finetune, days=TRASH_DAYS + 1)
    removed: list[bool] = []

    def sweep() -> None:
        try:
            removed.append(trash.remove_expired(finetune, timezone.now()))
        finally:
            connections.close_all()

    sweeper = threading.Thread(target=sweep)

    def pause(finetune: Finetune) -> None:
        sweeper.start()
        sweeper.join(PAUSE_SECONDS)  # it waits for the row, or on SQLite for the database

    monkeypatch.setattr(grants, "record_received", pause)
    assert trash.restore(finetune)
    sweeper.join(30)
    assert removed == [False]
    assert Finetune.objects.owned_by(finetune.organization).get().versions.count() == 1


def test_deleted_organization_leaves_no_trash(cast: Cast) -> None:
    trash.discard(cast.granted, by=None)
    told = {loss.one: loss.count for loss in consequences_of(cast.organization).losses}
    assert (told["finetune"], told["finetune in the trash"]) == (1, 1)
    delete_organization(cast.organization)
    clearing.clear_deleted()
    assert not Finetune.objects.kept_by(cast.organization).exists()


def test_days_that_are_left_count_begun_ones(cast: Cast) -> None:
    trash.discard(cast.finetune, by=None)
    cast.finetune.refresh_from_db()
    end = removed_at(cast.finetune)
    spans = [timedelta(days=7), timedelta(days=6, hours=1), timedelta(seconds=1), timedelta(0), timedelta(days=-1)]
    assert [days_left(cast.finetune, end - span) for span in spans] == [7, 7, 1, 0, 0]


# --- Who relies on it --------------------------------------------------------------------------------------


def test_nobody_relies_on_a_finetune_at_first(cast: Cast) -> None:
    dependents = dependents_of(cast.finetune)
    assert not dependents
    assert not dependents.by_others


def test_grants_and_official_are_others(cast: Cast) -> None:
    Grant.objects.create(
        finetune=cast.granted, organization=make_organization(), expires_at=timezone.now() - timedelta(1)
    )
    dependents = dependents_of(cast.granted)
    assert (dependents.recipients, dependents.recipient_count) == ((cast.recipient.organization,), 1)
    assert dependents.by_others
    catalog.publish_official(cast.finetune)
    cast.finetune.refresh_from_db()
    assert dependents_of(cast.finetune).by_others


def test_own_keys_are_named_and_those_of_others_counted(cast: Cast) -> None:
    own, theirs = cast.organization, cast.recipient.organization
    ci, old, revoked = (mint_api_key(own, name)[0] for name in ("ci", "old", "revoked"))
    foreign = mint_api_key(theirs, "secret project")[0]
    for _ in range(2):
        make_generation(cast.finetune, own, key=ci, state=State.ERROR, days=2)
    make_generation(cast.finetune, own, key=old, state=State.ERROR, days=31)
    make_generation(cast.finetune, own, key=revoked, state=State.ERROR)
    make_generation(cast.finetune, theirs, key=foreign)
    make_generation(cast.finetune, own)
    make_generation(cast.granted, own, key=mint_api_key(own, "of another finetune")[0])
    revoke_api_key(revoked)
    dependents = dependents_of(cast.finetune)
    assert [key.name for key in dependents.keys] == [str(ci)]
    assert dependents.keys[0].last_used_at.date() == (timezone.now() - timedelta(days=2)).date()
    assert (dependents.key_count, dependents.foreign_key_count) == (1, 1)
    assert (dependents.unfinished, dependents.foreign_unfinished) == (2, 1)
    assert dependents.by_others


def test_lists_of_who_relies_on_it_are_bounded_and_read_in_as_many_queries(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as few:
        dependents_of(cast.finetune)
    for number in range(SHOWN + 2):
        Grant.objects.create(finetune=cast.finetune, organization=make_organization(f"Bureau {number}"))
        key = mint_api_key(cast.organization, f"key {number}")[0]
        make_generation(cast.finetune, cast.organization, key=key, state=State.ERROR, days=number)
    with CaptureQueriesContext(connection) as many:
        dependents = dependents_of(cast.finetune)
    assert len(many) == len(few) <= 5
    assert (len(dependents.recipients), dependents.more_recipients) == (SHOWN, 2)
    assert (len(dependents.keys), dependents.more_keys) == (SHOWN, 2)
    assert dependents.keys[0].name.startswith("key 0")
