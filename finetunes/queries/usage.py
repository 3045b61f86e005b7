"""Reads of how finetunes are used: by whom, when and how strong; never what for. Days and months are of UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from dashboard.lib.csv_download import Cell
from dashboard.organizations.models import Organization
from finetunes import queries
from finetunes.models import STRENGTHS, Finetune, Grant, Use

TOP = 50
WEEK = timedelta(days=7)
COLUMNS = ("day", "organization_id", "organization", "strength", "images")
TENTHS = 10
CHUNK = 2000
MOST_TENTHS = STRENGTHS[1] * TENTHS


# --- Months, which caps are for ----------------------------------------------------------------------------


def month_of(at: datetime) -> date:
    """The first day of its month."""
    return at.astimezone(UTC).date().replace(day=1)


def next_month(at: datetime) -> date:
    return (month_of(at) + timedelta(days=31)).replace(day=1)


def used_in_month(finetune: Finetune, caller: Organization, at: datetime) -> int:
    """Images that were submitted in the month of this moment and did not end without one."""
    month = Use.objects.filter(finetune=finetune, organization=caller, day__gte=month_of(at), day__lt=next_month(at))
    images: int = month.aggregate(images=Coalesce(Sum("images"), 0))["images"]
    return images


# --- Grants ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """What a recipient may do with a finetune, and how much of it is done."""

    expires_at: datetime | None
    monthly_cap: int | None
    used: int
    renews_on: date

    @property
    def is_limited(self) -> bool:
        return bool(self.expires_at or self.monthly_cap)

    @property
    def is_used_up(self) -> bool:
        return self.monthly_cap is not None and self.used >= self.monthly_cap


def terms_for(viewer: Organization, finetune: Finetune) -> Terms | None:
    """The terms of the viewer's grant; None without one, and for an official finetune, which needs none."""
    if finetune.is_official or viewer.pk == finetune.organization_id:
        return None
    now = timezone.now()
    grant = _with_use(Grant.objects.live(now).filter(finetune=finetune, organization=viewer), now).first()
    return grant and Terms(grant.expires_at, grant.monthly_cap, grant.used_this_month, next_month(now))


def list_grants(finetune: Finetune) -> QuerySet[Any]:
    """Whom it is shared with, as `queries.list_grants`, and what each made of it: `used_this_month`, `used`."""
    return _with_use(queries.list_grants(finetune), timezone.now())


def _with_use(grants: QuerySet[Grant], now: datetime) -> QuerySet[Any]:
    this_month = Q(day__gte=month_of(now), day__lt=next_month(now))
    return grants.annotate(used_this_month=_images(this_month), used=_images(Q()))


def _images(which: Q) -> Coalesce:
    uses = Use.objects.filter(which, finetune=OuterRef("finetune"), organization=OuterRef("organization"))
    total = uses.order_by().values("finetune").annotate(total=Sum("images")).values("total")
    return Coalesce(Subquery(total, output_field=IntegerField()), 0)


# --- For the owner -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    name: str
    org_id: str
    is_own: bool


@dataclass(frozen=True)
class Part:
    """Images of one caller, week or strength, and which share of the whole or of the largest they are."""

    label: Any
    images: int
    percent: int


@dataclass(frozen=True)
class Usage:
    """`since` is a Monday, and `until` is today. `others` counts the callers that have no part of their own."""

    since: date
    until: date
    images: int
    callers: list[Part]
    weeks: list[Part]
    strengths: list[Part]
    caller_count: int
    rest: int = 0

    @property
    def others(self) -> int:
        return self.caller_count - len(self.callers)

    @property
    def most(self) -> int:
        return max(week.images for week in self.weeks)

    @property
    def most_of_a_strength(self) -> int:
        return max(strength.images for strength in self.strengths)


def since(weeks: int, today: date) -> date:
    """The Monday with which the last so many weeks begin, this one included."""
    return today - timedelta(days=today.weekday()) - (weeks - 1) * WEEK


def read_usage(finetune: Finetune, weeks: int, today: date) -> Usage:
    """Four statements, however much there is."""
    start = since(weeks, today)
    uses = _of(finetune, start)
    whole = uses.aggregate(images=Coalesce(Sum("images"), 0), callers=Count("organization", distinct=True))
    callers = _by_caller(uses, finetune, whole["images"])
    return Usage(
        since=start,
        until=today,
        images=whole["images"],
        callers=callers,
        weeks=_by_week(uses, start, weeks),
        strengths=_by_strength(uses),
        caller_count=whole["callers"],
        rest=whole["images"] - sum(caller.images for caller in callers),
    )


def csv_rows(finetune: Finetune, weeks: int, today: date) -> Iterator[tuple[Cell, ...]]:
    groups = ("day", "organization__org_id", "organization__name", "strength", "images")
    rows = _of(finetune, since(weeks, today)).order_by(*groups).values_list(*groups)
    for day, org_id, name, tenths, images in rows.iterator(CHUNK):
        yield (day.isoformat(), org_id, name, tenths / TENTHS, images)


def _of(finetune: Finetune, start: date) -> QuerySet[Use]:
    return Use.objects.filter(finetune=finetune, day__gte=start, images__gt=0).order_by()


def _by_caller(uses: QuerySet[Use], finetune: Finetune, whole: int) -> list[Part]:
    """The owner's own organization first, then who made the most."""
    names = ("organization", "organization__name", "organization__org_id")
    is_own = Case(When(organization=finetune.organization_id, then=1), default=0)
    rows = uses.values_list(*names).annotate(own=is_own, made=Sum("images")).order_by("-own", "-made", "organization")
    return [
        Part(Caller(name, org_id, bool(own)), made, _percent(made, whole)) for _, name, org_id, own, made in rows[:TOP]
    ]


def _by_week(uses: QuerySet[Use], start: date, weeks: int) -> list[Part]:
    """Every week, also those without an image; each by its Monday, and against the largest."""
    images = [0] * weeks
    for day, made in uses.values_list("day").annotate(made=Sum("images")):
        number = (day - start) // WEEK
        if number < weeks:  # a clock that runs ahead
            images[number] += made
    most = max(images)
    return [Part(start + number * WEEK, made, _percent(made, most)) for number, made in enumerate(images)]


def _by_strength(uses: QuerySet[Use]) -> list[Part]:
    """Every tenth from 0.0 to 2.0, against the largest."""
    found = dict(uses.values_list("strength").annotate(made=Sum("images")))
    most = max(found.values(), default=0)
    return [
        Part(tenths / TENTHS, found.get(tenths, 0), _percent(found.get(tenths, 0), most))
        for tenths in range(MOST_TENTHS + 1)
    ]


def _percent(part: int, whole: int) -> int:
    """What is there at all shows."""
    return max(1, round(100 * part / whole)) if part else 0
