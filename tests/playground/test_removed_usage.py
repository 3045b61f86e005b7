"""Usage outlives the generations: whoever deletes them, however often, the sums stay and no query is added."""

import csv
import io
import threading
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Role
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
from finetunes.queries.dependents import SHOWN, dependents_of
from finetunes.services.catalog import delete_finetune
from playground import clearing, removal, retention
from playground.models import Generation, RemovedUsage, State
from playground.queries.usage import Period, Usage, csv_rows, read_usage
from tests.conftest import Cast, log_in
from tests.factories import make_organization, make_user
from tests.playground.history_rows import make_generation
from tests.playground.test_usage import MARCH, MARCH_PERIOD, NOON, build, keep

THREADS = 4
OLD = timedelta(days=31)


def told(organization: Organization) -> tuple[Usage, list[Any]]:
    return read_usage(organization, MARCH_PERIOD), list(csv_rows(organization, MARCH_PERIOD))


def of_every_kind(cast: Cast) -> list[Generation]:
    key, _ = mint_api_key(cast.organization, "nightly")
    noir: dict[str, Any] = {"finetune_id_sent": "x/noir", "endpoint_name": "flux-2-klein-9b-finetuned", "cost": 2_100}
    made = [
        build(cast.owner),
        build(cast.owner),
        build(cast.owner, State.ERROR),
        build(cast.creator, State.REQUEST_MODERATED, **noir),
        build(cast.creator, State.CONTENT_MODERATED),
        build(cast.owner, user=None, api_key=key, **noir),
        build(cast.owner, user=None),
    ]
    keep(*made)
    later = [build(cast.owner), build(cast.creator)]
    keep(*later, when=NOON + timedelta(hours=12))
    return made + later


def test_usage_is_the_same_after_everything_was_deleted(cast: Cast) -> None:
    made = of_every_kind(cast)
    keep(build(cast.creator, State.RUNNING))
    before = told(cast.organization)
    page = log_in(cast.owner.user).get(reverse("usage", args=[cast.organization.org_id]), MARCH).content
    for generation in made:
        assert removal.delete(cast.owner, [generation.pk]) == [generation.pk]
        assert told(cast.organization) == before
    assert Generation.objects.count() == 1
    assert read_usage(cast.organization, MARCH_PERIOD).total.cost == 5 * 1_400 + 2_100
    after = log_in(cast.owner.user).get(reverse("usage", args=[cast.organization.org_id]), MARCH).content
    figures = page.partition(b'<dl class="figures">')[2].partition(b"</section>\n")[0]
    assert figures
    assert figures in after


def test_what_is_deleted_is_added_to_one_row_a_group(cast: Cast) -> None:
    for _ in range(3):
        keep(*(made := [build(cast.owner), build(cast.owner, State.ERROR)]))
        removal.delete(cast.owner, [generation.pk for generation in made])
    row = RemovedUsage.objects.get()
    assert (row.day, row.ready, row.failed, row.cost) == (date(2026, 3, 10), 3, 3, 3 * 1_400)
    assert row.last_at == NOON


def test_days_are_those_of_utc_and_other_organizations_see_nothing(cast: Cast) -> None:
    for when in ("2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z", "2026-03-31T23:59:59.999999Z", "2026-04-01T00:00:00Z"):
        keep(made := build(cast.owner), when=datetime.fromisoformat(when))
        removal.delete(cast.owner, [made.pk])
    usage = read_usage(cast.organization, MARCH_PERIOD)
    assert usage.total.ready == 2
    assert [day.day for day, sums in usage.days if sums.ready] == [1, 31]
    assert not read_usage(cast.outsider.organization, MARCH_PERIOD).total.ready


def test_retention_lowers_no_usage(cast: Cast) -> None:
    retention.keep_for(cast.organization, 30)
    for state in (State.READY, State.ERROR):
        make_generation(cast.organization, user=cast.owner.user, age=OLD, state=state)
    today = timezone.now().date()
    period = Period(today - OLD, today)
    before = read_usage(cast.organization, period)
    retention.sweep()
    assert not Generation.objects.exists()
    assert (before.total.ready, before.total.failed) == (1, 1)
    assert read_usage(cast.organization, period) == before


def test_what_could_not_be_removed_is_not_counted_twice(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    made = of_every_kind(cast)
    before = told(cast.organization)
    monkeypatch.setattr(removal, "drop_empty_grids", lambda among: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        removal.delete(cast.owner, [made[0].pk])
    assert not RemovedUsage.objects.exists()
    assert told(cast.organization) == before


def test_people_and_finetunes_that_go_take_no_sums_with_them(cast: Cast) -> None:
    """Two that become nobody stand in one line, as they do while their generations are here."""
    people = [make_user(f"{name}@example.com") for name in ("ann", "ben")]
    made = [build(cast.owner, user=person, finetune=cast.finetune) for person in people]
    keep(*made)
    removal.delete(cast.owner, [generation.pk for generation in made])
    for person in people:
        person.delete()
    delete_finetune(cast.finetune)
    usage = read_usage(cast.organization, MARCH_PERIOD)
    assert [(part.name, part.sums.ready) for part in usage.breakdowns[2].parts] == [("Deleted person or key", 2)]
    assert [(part.name, part.sums.ready) for part in usage.breakdowns[0].parts] == [("ink-portrait", 2)]


def test_much_that_was_deleted_costs_the_statements_of_nothing(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as none:
        told(cast.organization)
    made = [build(cast.owner, finetune_id_sent=f"look-{number}") for number in range(60)]
    keep(*made)
    with CaptureQueriesContext(connection) as one_batch:
        removal.remove_batch(Generation.objects.filter(pk__in=[each.pk for each in made[:2]]))
    with CaptureQueriesContext(connection) as full_batch:
        removal.remove_batch(Generation.objects.filter(pk__in=[each.pk for each in made[2:52]]))
    assert len(full_batch) == len(one_batch)
    with CaptureQueriesContext(connection) as many:
        usage, rows = told(cast.organization)
    assert len(many) == len(none) == 5
    assert (usage.total.ready, len(rows), len(usage.breakdowns[0].parts), usage.breakdowns[0].others) == (
        60,
        60,
        20,
        40,
    )


def test_csv_has_one_line_for_what_is_here_and_what_was_deleted(cast: Cast) -> None:
    keep(*(made := [build(cast.owner), build(cast.owner)]))
    removal.delete(cast.owner, [made[0].pk])
    response = log_in(cast.viewer.user).get(reverse("usage-csv", args=[cast.organization.org_id]), MARCH)
    [row] = csv.DictReader(io.StringIO(b"".join(response).decode(), newline=""))
    assert (row["day"], row["caller"], row["ready"], row["credits"]) == ("2026-03-10", "owner@example.com", "2", "2.8")


def test_deleted_organization_leaves_no_sums(cast: Cast) -> None:
    removal.delete(cast.owner, [generation.pk for generation in of_every_kind(cast)])
    assert RemovedUsage.objects.exists()
    Organization.objects.filter(pk=cast.organization.pk).update(deleted_at=timezone.now())
    clearing.clear_deleted()
    assert not RemovedUsage.objects.exists()


# --- Who relies on a finetune --------------------------------------------------------------------------------------


def call(cast: Cast, organization: Organization, name: str, *, days: int = 0) -> Generation:
    key, _ = mint_api_key(organization, name)
    age = timedelta(days=days)
    return make_generation(organization, api_key=key, finetune=cast.granted, age=age, state=State.ERROR)


def test_keys_that_called_a_finetune_are_known_after_their_generations_went(cast: Cast) -> None:
    own, theirs = cast.organization, cast.recipient.organization
    made = [call(cast, own, "ci", days=2), call(cast, own, "old", days=31), call(cast, own, "revoked")]
    made += [call(cast, theirs, "secret project")]
    assert made[2].api_key
    revoke_api_key(made[2].api_key)
    before = dependents_of(cast.granted)
    assert (before.key_count, before.foreign_key_count) == (1, 1)
    removal.remove_batch(Generation.objects.all())
    assert not Generation.objects.exists()
    assert dependents_of(cast.granted) == before


def test_key_that_stands_in_both_is_one_and_its_later_call_counts(cast: Cast) -> None:
    kept = [call(cast, cast.organization, f"key {number}", days=number + 2) for number in range(SHOWN + 1)]
    last = make_generation(cast.organization, api_key=kept[-1].api_key, finetune=cast.granted, age=timedelta(days=1))
    removal.remove_batch(Generation.objects.filter(pk=last.pk))
    removal.remove_batch(Generation.objects.filter(pk=kept[0].pk))
    found = dependents_of(cast.granted)
    assert found.key_count == SHOWN + 1
    assert [key.name.partition(" (")[0] for key in found.keys] == [f"key {number}" for number in (5, 0, 1, 2, 3)]
    assert found.keys[0].last_used_at == last.created_at


# --- At once -------------------------------------------------------------------------------------------------------


def at_once(jobs: Iterable[Callable[[], object]]) -> list[BaseException]:
    """Runs them in threads that begin together; what went wrong."""
    started, failed = threading.Barrier(THREADS), list[BaseException]()

    def run(job: Callable[[], object]) -> None:
        try:
            started.wait(30)
            job()
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failed


@pytest.mark.parametrize("overlap", [True, False], ids=["the same ones", "others of the same groups"])
def test_many_delete_at_once_and_nothing_is_counted_twice(transactional_db: None, overlap: bool) -> None:
    organization = make_organization("Atelier")
    members = [
        Membership.objects.create(
            organization=organization, user=make_user(f"m{number}@x.org"), role=Role.ADMINISTRATOR
        )
        for number in range(THREADS)
    ]
    # Few groups, and every deletion touches all of them: whoever adds in another order would stand in the way.
    made = [build(members[n % 3], finetune_id_sent=f"look-{n % 5}", cost=1_400 + n) for n in range(8 * 15)]
    keep(*made)
    before = told(organization)
    ids: list[UUID] = [generation.pk for generation in made]
    shares = [ids if overlap else ids[number::THREADS] for number in range(THREADS)]
    jobs = [
        lambda member=member, share=share: removal.delete(member, share)
        for member, share in zip(members, shares, strict=True)
    ]
    assert at_once(jobs) == []
    while removal.remove_batch(Generation.objects.all()):
        pass  # what each of them left to another that held it
    assert told(organization) == before
    assert RemovedUsage.objects.count() == 15
