"""Reads of usage: what an organization's generations came to, summed up by day, finetune, endpoint and caller.

Those that were removed count on: with the rows that are here, the sums of what was removed are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from dashboard.lib.credits import as_number, as_text
from dashboard.lib.csv_download import Cell
from dashboard.lib.periods import end_of, start_of
from dashboard.organizations.models import Organization
from playground.models import FAILED_STATES, OPEN_STATES, Generation, RemovedUsage, State

TOP = 20
COLUMNS = ("day", "finetune", "endpoint", "caller", "ready", "failed", "credits")
CHUNK = 2000
BY_SIZE = "ready DESC, failed DESC, "
READY = Q(state=State.READY)
# What is summed up by: the columns of the sums, and where a generation and what was removed have them.
Groups = Mapping[str, str]
DAY: Groups = {"on_day": "day"}
FINETUNE: Groups = {"finetune_sent": "finetune_id_sent"}
ENDPOINT: Groups = {"endpoint_called": "endpoint_name"}
CALLER: Groups = {"email": "user__email", "key_name": "api_key__name", "key_prefix": "api_key__prefix"}
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
    """Four statements, however much there is."""
    days = {group.names[0]: group for group in _read(organization, period, DAY)}
    total = sum((group.sums for group in days.values()), Sums())
    breakdowns = [("Finetunes", FINETUNE), ("Endpoints", ENDPOINT), ("People and keys", CALLER)]
    return Usage(
        total=total,
        running=sum(group.running for group in days.values()),
        days=[(day, days[day].sums if day in days else Sums()) for day in period.days],
        breakdowns=[
            _break_down(title, total, list(_read(organization, period, groups, order=BY_SIZE, most=TOP)))
            for title, groups in breakdowns
        ],
    )


def csv_rows(organization: Organization, period: Period) -> Iterator[tuple[Cell, ...]]:
    for group in _read(organization, period, {**DAY, **FINETUNE, **ENDPOINT, **CALLER}):
        day, finetune, endpoint, *caller = group.names
        sums = group.sums
        yield (day.isoformat(), finetune, endpoint, _caller_of(*caller), sums.ready, sums.failed, as_number(sums.cost))


# --- Sums ----------------------------------------------------------------------------------------------------------

_HERE = {
    "ready_sum": Count("pk", filter=READY),
    "failed_sum": Count("pk", filter=Q(state__in=FAILED_STATES)),
    "cost_sum": Coalesce(Sum("cost", filter=READY), 0),
    "open_sum": Count("pk", filter=Q(state__in=OPEN_STATES)),
}
_REMOVED = {"ready_sum": Sum("ready"), "failed_sum": Sum("failed"), "cost_sum": Sum("cost"), "open_sum": Value(0)}
# One statement over the sums of both, which no queryset sums up again.
_SUM_UP = """
    SELECT {names}, SUM(ready_sum) AS ready, SUM(failed_sum) AS failed, SUM(cost_sum), SUM(open_sum), COUNT(*) OVER ()
    FROM ({both}) AS both_kinds GROUP BY {names} ORDER BY {order}{names} {limit}
"""


@dataclass(frozen=True)
class _Group:
    """`names` are its values of what is summed up by; `count` is how many groups there are, read or not."""

    names: tuple[Any, ...]
    sums: Sums
    running: int
    count: int


def _read(
    organization: Organization, period: Period, groups: Groups, *, order: str = "", most: int | None = None
) -> Iterator[_Group]:
    columns = {name: F(path) for name, path in groups.items()}
    here = _of(organization, period).annotate(day=TruncDate("created_at", tzinfo=UTC)).values(**columns)
    removed = _removed_of(organization, period).values(**columns)
    both, params = here.annotate(**_HERE).union(removed.annotate(**_REMOVED), all=True).query.sql_with_params()
    limit = f"LIMIT {most}" if most else ""
    sql = _SUM_UP.format(names=", ".join(groups), both=both, order=order, limit=limit)
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        for row in chain.from_iterable(iter(lambda: cursor.fetchmany(CHUNK), [])):
            *names, ready, failed, cost, running, count = row
            yield _Group(_typed(groups, names), Sums(int(ready), int(failed), int(cost)), int(running), count)


def _typed(groups: Groups, names: list[Any]) -> tuple[Any, ...]:
    """SQLite has no days, and gives them as text."""
    is_day = [name in DAY for name in groups]
    return tuple(date.fromisoformat(str(value)) if day else value for day, value in zip(is_day, names, strict=True))


def _of(organization: Organization, period: Period) -> QuerySet[Generation]:
    span = (start_of(period.since), end_of(period.until))
    # Without its order, which would become a part of every group.
    return Generation.objects.of_caller(organization).filter(created_at__range=span).order_by()


def _removed_of(organization: Organization, period: Period) -> QuerySet[RemovedUsage]:
    return RemovedUsage.objects.filter(organization=organization, day__range=(period.since, period.until))


def _break_down(title: str, total: Sums, groups: list[_Group]) -> Breakdown:
    """The rest is what the largest lack to the total."""
    rest = total - sum((group.sums for group in groups), Sums())
    others = groups[0].count - len(groups) if groups else 0
    return Breakdown(title, [Part(_name_of(*group.names), group.sums) for group in groups], others, rest)


def _name_of(name: str | None, *key: str | None) -> str:
    return _caller_of(name, *key) if key else name or NO_FINETUNE


def _caller_of(email: str | None, key_name: str | None, key_prefix: str | None) -> str:
    return f"{key_name} ({key_prefix}…)" if key_prefix else email or GONE
