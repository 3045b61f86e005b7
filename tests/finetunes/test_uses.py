"""The counters of use: one a caller, day and strength, exact under races, given back where they were taken."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from threading import Barrier

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.organizations.models import Organization
from finetunes.models import Finetune, Grant, Use
from finetunes.queries import usage
from finetunes.services import catalog, uses
from playground.models import Generation, State
from tests.conftest import Cast
from tests.factories import make_finetune, make_organization

NIGHT = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
MORNING = NIGHT + timedelta(seconds=2)
THREADS = 20


def counters(finetune: Finetune) -> list[tuple[int, date, int, int]]:
    rows = Use.objects.filter(finetune=finetune).order_by("organization", "day", "strength")
    return list(rows.values_list("organization", "day", "strength", "images"))


def cap(finetune: Finetune, images: int | None) -> None:
    Grant.objects.filter(finetune=finetune).update(monthly_cap=images)


def take(finetune: Finetune, caller: Organization, strength: float = 1.0, at: datetime = NIGHT) -> None:
    with transaction.atomic():
        uses.take(finetune, caller, strength, at)


def test_images_are_counted_by_caller_day_and_strength(cast: Cast) -> None:
    owner, recipient = cast.organization, cast.recipient.organization
    for caller, strength, at in [
        (owner, 1.0, NIGHT), (owner, 1.04, NIGHT), (owner, 1.06, NIGHT), (owner, 1.0, MORNING), (recipient, 2.0, NIGHT),
    ]:  # fmt: skip
        take(cast.granted, caller, strength, at)
    assert counters(cast.granted) == [
        (owner.pk, NIGHT.date(), 10, 2),
        (owner.pk, NIGHT.date(), 11, 1),
        (owner.pk, MORNING.date(), 10, 1),
        (recipient.pk, NIGHT.date(), 20, 1),
    ]
    assert counters(cast.finetune) == []


def test_given_back_on_its_own_day_and_never_below_none(cast: Cast) -> None:
    caller = cast.recipient.organization
    take(cast.granted, caller, at=NIGHT)
    take(cast.granted, caller, at=MORNING)
    for _ in range(2):
        uses.give_back(cast.granted.pk, caller.pk, 1.0, NIGHT)
    assert counters(cast.granted) == [(caller.pk, NIGHT.date(), 10, 0), (caller.pk, MORNING.date(), 10, 1)]


def test_cap_refuses_until_the_month_ends_or_an_image_is_given_back(cast: Cast) -> None:
    caller = cast.recipient.organization
    cap(cast.granted, 2)
    take(cast.granted, caller, 0.5)
    take(cast.granted, caller, 1.5, NIGHT - timedelta(days=20))
    with pytest.raises(uses.CapReachedError) as refused:
        take(cast.granted, caller)
    assert refused.value.status == 403
    for part in ("2 images", "1 February 2026", cast.organization.name, str(cast.granted)):
        assert part in refused.value.message
    take(cast.granted, caller, at=MORNING)
    uses.give_back(cast.granted.pk, caller.pk, 0.5, NIGHT)
    take(cast.granted, caller)
    assert sum(images for *_, images in counters(cast.granted)) == 3


def test_cap_binds_neither_the_owner_nor_other_recipients_nor_other_finetunes(cast: Cast) -> None:
    caller = cast.recipient.organization
    other = make_finetune(cast.organization, granted_to=caller)
    Grant.objects.create(finetune=cast.granted, organization=cast.outsider.organization)
    Grant.objects.filter(finetune=cast.granted, organization=caller).update(monthly_cap=1)
    take(cast.granted, caller)
    with pytest.raises(uses.CapReachedError):
        take(cast.granted, caller)
    for finetune, who in [
        (cast.granted, cast.organization), (cast.granted, cast.outsider.organization), (other, caller),
    ]:  # fmt: skip
        for _ in range(2):
            take(finetune, who)


def test_cap_does_not_bind_while_the_finetune_is_official(cast: Cast) -> None:
    cap(cast.granted, 1)
    assert catalog.publish_official(cast.granted)
    official = Finetune.objects.get(pk=cast.granted.pk)
    for _ in range(3):
        take(official, cast.recipient.organization)
    assert catalog.withdraw_official(official)
    with pytest.raises(uses.CapReachedError):
        take(Finetune.objects.get(pk=cast.granted.pk), cast.recipient.organization)


def test_counting_costs_one_statement_and_three_with_a_cap(cast: Cast) -> None:
    def cost(caller: Organization, strength: float) -> int:
        with transaction.atomic(), CaptureQueriesContext(connection) as statements:
            uses.take(cast.granted, caller, strength, NIGHT)
        return len(statements)

    cap(cast.granted, 9)
    assert [cost(cast.organization, strength) for strength in (1.0, 1.0, 0.2)] == [1, 1, 1]
    assert [cost(cast.recipient.organization, strength) for strength in (1.0, 1.0, 0.2)] == [3, 3, 3]
    with CaptureQueriesContext(connection) as back:
        uses.give_back(cast.granted.pk, cast.organization.pk, 1.0, NIGHT)
    assert len(back) == 1


@pytest.mark.django_db(transaction=True)
def test_first_images_of_a_day_at_once_are_all_counted() -> None:
    owner = make_organization()
    finetune, start = make_finetune(owner), Barrier(THREADS)

    def count(_: int) -> None:
        start.wait(timeout=30)
        take(finetune, owner)
        connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(count, range(THREADS)))
    assert counters(finetune) == [(owner.pk, NIGHT.date(), 10, THREADS)]


# --- What reads them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "first", "following"),
    [
        (NIGHT, date(2026, 1, 1), date(2026, 2, 1)),
        (MORNING, date(2026, 2, 1), date(2026, 3, 1)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_months_are_calendar_months(at: datetime, first: date, following: date) -> None:
    assert (usage.month_of(at), usage.next_month(at)) == (first, following)


def test_terms_of_a_recipient(cast: Cast) -> None:
    caller, now = cast.recipient.organization, timezone.now()
    cap(cast.granted, 2)
    take(cast.granted, caller, at=now)
    take(cast.granted, caller, at=now - timedelta(days=40))
    terms = usage.terms_for(caller, cast.granted)
    assert terms
    assert (terms.monthly_cap, terms.used, terms.expires_at) == (2, 1, None)
    assert (terms.is_limited, terms.is_used_up) == (True, False)
    assert usage.terms_for(cast.organization, cast.granted) is None
    assert usage.terms_for(cast.outsider.organization, cast.granted) is None
    catalog.publish_official(cast.granted)
    assert usage.terms_for(caller, Finetune.objects.get(pk=cast.granted.pk)) is None


# --- What was there before the counters --------------------------------------------------------------------


def test_migration_counts_what_was_made_before(cast: Cast) -> None:
    def make(finetune: Finetune | None, state: State, strength: float = 1.0) -> None:
        ended = {"finished_at": NIGHT, "image": "x.png"} if state == State.READY else {}
        generation = Generation.objects.create(
            organization=cast.recipient.organization, finetune=finetune, endpoint_name="flux-2-klein-4b-finetuned",
            inputs={"prompt": "x", "finetune_strength": strength}, width=64, height=64, cost=1, state=state,
            due_at=NIGHT, **ended,
        )  # fmt: skip
        Generation.objects.filter(pk=generation.pk).update(created_at=NIGHT)

    for state in (State.READY, State.READY, State.RUNNING, State.ERROR, State.CONTENT_MODERATED):
        make(cast.granted, state)
    make(cast.granted, State.READY, 0.25)
    make(None, State.READY)
    migration = import_module("playground.migrations.0003_count_uses")
    migration.count_uses(apps, None)
    caller = cast.recipient.organization.pk
    assert counters(cast.granted) == [(caller, NIGHT.date(), 2, 1), (caller, NIGHT.date(), 10, 3)]
    assert Use.objects.count() == 2
