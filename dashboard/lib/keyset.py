"""Keyset pages: a long list, newest first or in another order, whose every page costs the same however deep it lies."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 50
CHUNK = 1000
LARGEST = 2**63 - 1
LONGEST = 600  # characters of a cursor
EARLIEST, LATEST = 1970, 9000  # years that every database and time zone can hold


@dataclass(frozen=True)
class Page(Generic[Row]):
    """`older` and `newer` are the cursors of the pages beside this one; None where there is none."""

    rows: list[Row]
    older: int | None = None
    newer: int | None = None


def read_cursor(value: str | None) -> int | None:
    """A row's id out of a URL; what is none leads to the newest page."""
    if value is None or not (value.isascii() and value.isdecimal()):
        return None
    number = int(value[:20])
    return number if 0 < number <= LARGEST else None


def read_page(
    rows: QuerySet[Row], *, before: int | None = None, after: int | None = None, size: int = PAGE_SIZE
) -> Page[Row]:
    """The rows next to a cursor, or the newest. One statement; two where the page after a cursor is not full."""
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        if len(found) >= size:
            newer = found[size - 1].pk if len(found) > size else None
            found = found[:size][::-1]
            return Page(found, older=found[-1].pk, newer=newer)
        before = None  # close to the newest: a whole page of these reads better than the rest
    older_rows = rows if before is None else rows.filter(pk__lt=before)
    found = list(older_rows.order_by("-pk")[: size + 1])
    older = found[size - 1].pk if len(found) > size else None
    return Page(found[:size], older=older, newer=found[0].pk if found and before is not None else None)


def walk(rows: QuerySet[Row], *, chunk: int = CHUNK) -> Iterator[Row]:
    """Every row, newest first, a statement a chunk: whoever reads slowly holds no transaction open."""
    before = LARGEST
    while True:
        found = list(rows.filter(pk__lt=before).order_by("-pk")[:chunk])
        yield from found
        if len(found) < chunk:
            return
        before = found[-1].pk


# --- Orders of several columns ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column of an order, and how its value is read out of a cursor. The last one of an order tells rows apart."""

    field: str
    read: Callable[[str], Any]
    descending: bool = False


@dataclass(frozen=True)
class Keys:
    """What the columns of an order hold in each row of a page, and the cursors of the pages beside it."""

    rows: list[tuple[Any, ...]]
    previous: str | None = None
    next: str | None = None


def read_keys(rows: QuerySet[Any], order: Sequence[Column], cursor: str | None, *, size: int = PAGE_SIZE) -> Keys:
    """The page behind a cursor; what is none of this order's leads to the first. One statement, or two near an end."""
    place = _open(order, cursor)
    if place is not None and place.is_backwards:
        found = _take(rows, order, place, size + 1)
        if len(found) >= size:
            has_previous = len(found) > size
            found = found[:size][::-1]
            return Keys(found, _seal(order, found[0], back=True) if has_previous else None, _seal(order, found[-1]))
        place = None
    found = _take(rows, order, place, size + 1)
    if place is not None and not found:  # what lay there is gone
        place, found = None, _take(rows, order, None, size + 1)
    following = _seal(order, found[size - 1]) if len(found) > size else None
    return Keys(found[:size], _seal(order, found[0], back=True) if found and place else None, following)


def cursor_behind(rows: QuerySet[Any], order: Sequence[Column], row: tuple[Any, ...]) -> str | None:
    """The cursor of the page that follows on a row with these values; None where nothing does. One statement."""
    follows = rows.filter(_beyond(order, _Place(list(row), is_backwards=False))).exists()
    return _seal(order, row) if follows else None


def text(value: str) -> str:
    # A cursor is anybody's JSON: what stands there need not be a text.
    if not isinstance(value, str) or "\0" in value or not value.isprintable():
        raise ValueError(value)
    return value


def number(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise ValueError(value)
    return int(value)


def moment(value: str) -> datetime:
    read = datetime.fromisoformat(value)
    if read.tzinfo is None or not EARLIEST <= read.year <= LATEST:
        raise ValueError(value)
    return read


@dataclass(frozen=True)
class _Place:
    values: list[Any]
    is_backwards: bool


def _take(rows: QuerySet[Any], order: Sequence[Column], place: _Place | None, most: int) -> list[tuple[Any, ...]]:
    back = place is not None and place.is_backwards
    if place is not None:
        rows = rows.filter(_beyond(order, place))
    by = [f"-{column.field}" if column.descending != back else column.field for column in order]
    return list(rows.order_by(*by).values_list(*(column.field for column in order))[:most])


def _beyond(order: Sequence[Column], place: _Place) -> Q:
    """Nested rather than unfolded, because a column may be a subquery, and is read again wherever it stands."""
    beyond = Q()
    for column, value in reversed(list(zip(order, place.values, strict=True))):
        comparison = "lt" if column.descending != place.is_backwards else "gt"
        further = Q(**{f"{column.field}__{comparison}": value})
        beyond = further | (Q(**{column.field: value}) & beyond) if beyond else further
    return beyond


def _seal(order: Sequence[Column], row: tuple[Any, ...], *, back: bool = False) -> str:
    values = [value.isoformat() if isinstance(value, datetime) else str(value) for value in row]
    packed = json.dumps([_name_of(order), "back" if back else "on", *values], separators=(",", ":"))
    return urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def _open(order: Sequence[Column], cursor: str | None) -> _Place | None:
    if not cursor or len(cursor) > LONGEST:
        return None
    try:
        name, way, *values = json.loads(urlsafe_b64decode(cursor + "=="))
        if name != _name_of(order) or way not in ("on", "back"):
            return None
        read = [column.read(value) for column, value in zip(order, values, strict=True)]
    except (ValueError, TypeError, RecursionError):
        return None
    return _Place(read, way == "back")


def _name_of(order: Sequence[Column]) -> str:
    return " ".join(f"-{column.field}" if column.descending else column.field for column in order)
