"""Keyset pages: a long list, newest first, whose every page costs the same however deep it lies."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 50
CHUNK = 1000
LARGEST = 2**63 - 1


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
