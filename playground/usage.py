"""Reads of usage: what an organization's generations came to, summed up by day, finetune, endpoint and caller."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from dashboard.lib.credits import as_number, as_text
from dashboard.lib.csv_download import Cell
from dashboard.lib.periods import end_of, start_of
from dashboard.organizations.models import Organization
from playground.models import ENDS, OPEN_STATES, Generation, State

TOP = 20
COLUMNS = ("day", "finetune", "endpoint", "caller", "ready", "failed", "credits")
READY = Q(state=State.READY)
CALLER = ("user__email", "api_key__name", "api_key__prefix")
GONE = "Deleted person or key"
NO_FINETUNE = "Without a finetune"


@dataclass(frozen=True)
class Period:
    """From one day to another, both included."""

    since: date
    until: date

    @property
    def days(self) -> Iterator[date]:
        return (self.since + timedelta(days=number) for number in range((self.until - self.since).days + 1))


@dataclass(frozen=True)
class Sums:
    """What generations came to. Only what is ready costs."""

    ready: int = 0
    failed: int = 0
    cost: int = 0

    @property
    def cost_text(self) -> str:
        return as_text(self.cost)

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(self.ready - other.ready, self.failed - other.failed, self.cost - other.cost)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.ready + other.ready, self.failed + other.failed, self.cost + other.cost)


@dataclass(frozen=True)
class Part:
    """One finetune, endpoint or caller of the period."""

    name: str
    sums: Sums


@dataclass(frozen=True)
class Breakdown:
    """The parts with the most images; what the others came to together, and how many these are."""

    title: str
    parts: list[Part]
    others: int = 0
    rest: Sums = Sums()


@dataclass(frozen=True)
class Usage:
    total: Sums
    running: int
    days: list[tuple[date, Sums]]
    breakdowns: list[Breakdown]


def read_usage(organization: Organization, period: Period) -> Usage:
    """Five statements, however much there is."""
    generations = _of(organization, period)
    whole = generations.aggregate(
        **_SUMS,
        running=Count("pk", filter=Q(state__in=OPEN_STATES)),
        finetunes=Count("finetune_id_sent", distinct=True),
        endpoints=Count("endpoint_name", distinct=True),
        people=Count("user", distinct=True),
        keys=Count("api_key", distinct=True),
        nameless=Count("pk", filter=Q(user=None, api_key=None)),
    )
    total = _sums_of(whole)
    callers = whole["people"] + whole["keys"] + bool(whole["nameless"])
    return Usage(
        total=total,
        running=whole["running"],
        days=_by_day(generations, period),
        breakdowns=[
            _break_down("Finetunes", whole["finetunes"], total, _top(generations, "finetune_id_sent")),
            _break_down("Endpoints", whole["endpoints"], total, _top(generations, "endpoint_name")),
            _break_down("People and keys", callers, total, _top(generations, *CALLER)),
        ],
    )


def csv_rows(organization: Organization, period: Period) -> Iterator[tuple[Cell, ...]]:
    groups = ("day", "finetune_id_sent", "endpoint_name", *CALLER)
    days = _of(organization, period).annotate(day=TruncDate("created_at", tzinfo=UTC))
    for row in days.values(*groups).annotate(**_SUMS).order_by(*groups).iterator():
        sums = _sums_of(row)
        name, endpoint = row["finetune_id_sent"], row["endpoint_name"]
        yield (row["day"].isoformat(), name, endpoint, _caller_of(row), sums.ready, sums.failed, as_number(sums.cost))


_SUMS = {
    "ready": Count("pk", filter=READY),
    "failed": Count("pk", filter=Q(state__in=list(ENDS.values()))),
    "cost_sum": Coalesce(Sum("cost", filter=READY), 0),
}


def _of(organization: Organization, period: Period) -> QuerySet[Generation]:
    span = (start_of(period.since), end_of(period.until))
    # Without its order, which would become a part of every group.
    return Generation.objects.of_caller(organization).filter(created_at__range=span).order_by()


def _sums_of(row: Mapping[str, Any]) -> Sums:
    return Sums(row["ready"], row["failed"], row["cost_sum"])


def _by_day(generations: QuerySet[Generation], period: Period) -> list[tuple[date, Sums]]:
    """Every day of the period, also those without anything."""
    rows = generations.annotate(day=TruncDate("created_at", tzinfo=UTC)).values("day").annotate(**_SUMS)
    found = {row["day"]: _sums_of(row) for row in rows}
    return [(day, found.get(day, Sums())) for day in period.days]


def _top(generations: QuerySet[Generation], *groups: str) -> list[Part]:
    rows = generations.values(*groups).annotate(**_SUMS).order_by("-ready", "-failed", *groups)[:TOP]
    return [Part(_caller_of(row) if groups == CALLER else row[groups[0]] or NO_FINETUNE, _sums_of(row)) for row in rows]


def _break_down(title: str, count: int, total: Sums, parts: list[Part]) -> Breakdown:
    """The rest is what the largest lack to the total."""
    rest = total - sum((part.sums for part in parts), Sums())
    return Breakdown(title, parts, count - len(parts), rest)


def _caller_of(row: Mapping[str, Any]) -> str:
    if row["api_key__prefix"]:
        return f"{row['api_key__name']} ({row['api_key__prefix']}…)"
    return row["user__email"] or GONE
