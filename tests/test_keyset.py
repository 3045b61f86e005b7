"""Keyset pages and CSV files: every row once, whatever is added meanwhile, and no cell that a spreadsheet runs."""

import csv
import io
import json
from base64 import urlsafe_b64encode

import pytest

from dashboard.billing.models import LedgerEntry
from dashboard.billing.services import top_up
from dashboard.lib.csv_download import Cell, send_csv
from dashboard.lib.keyset import Column, moment, read_cursor, read_keys, read_page, text, walk
from dashboard.lib.keyset import number as whole_number
from dashboard.organizations.models import Organization
from tests.factories import make_organization


@pytest.fixture
def organization(db: None) -> Organization:
    """With twelve entries in its ledger."""
    organization = make_organization("Atelier", credits=0)
    for number in range(1, 13):
        top_up(organization, number, note="test")
    return organization


def test_pages_lead_there_and_back(organization: Organization) -> None:
    entries = LedgerEntry.objects.filter(organization=organization)
    first = read_page(entries, size=5)
    assert ([entry.amount for entry in first.rows], first.newer) == ([12, 11, 10, 9, 8], None)
    second = read_page(entries, before=first.older, size=5)
    third = read_page(entries, before=second.older, size=5)
    assert ([entry.amount for entry in third.rows], third.older) == ([2, 1], None)
    back = read_page(entries, after=third.newer, size=5)
    assert [entry.amount for entry in back.rows] == [entry.amount for entry in second.rows]
    assert read_page(entries, after=back.newer, size=5) == first


def test_a_page_stays_while_rows_are_added(organization: Organization) -> None:
    entries = LedgerEntry.objects.filter(organization=organization)
    first = read_page(entries, size=5)
    top_up(organization, 13, note="test")
    assert [entry.amount for entry in read_page(entries, before=first.older, size=5).rows] == [7, 6, 5, 4, 3]


def test_near_the_newest_the_page_is_full(organization: Organization) -> None:
    entries = LedgerEntry.objects.filter(organization=organization)
    near = entries.get(amount=10)
    assert read_page(entries, after=near.pk, size=5) == read_page(entries, size=5)


def test_walk_gives_every_row_once(organization: Organization) -> None:
    entries = LedgerEntry.objects.filter(organization=organization)
    for chunk in (1, 5, 12, 100):
        assert [entry.amount for entry in walk(entries, chunk=chunk)] == list(range(12, 0, -1))


@pytest.mark.parametrize("value", [None, "", "0", "-1", "x", "1.5", "²", "9" * 19 + "9", "9" * 5000, "1 OR 1"])
def test_no_cursor_is_the_newest_page(value: str | None) -> None:
    assert read_cursor(value) is None


ORDER = (
    Column("note", text),
    Column("amount", whole_number, descending=True),
    Column("created_at", moment),
    Column("pk", whole_number),
)
NAME = "note -amount created_at pk"
NOW = "2026-11-21T20:00:00+00:00"


def sealed(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_order_of_several_columns_leads_there_and_back(organization: Organization) -> None:
    top_up(organization, 3, note="a")
    top_up(organization, 3, note="a")
    entries = LedgerEntry.objects.filter(organization=organization)
    expected = [3, 3, *range(12, 0, -1)]
    seen: list[int] = []
    cursor: str | None = None
    cursors: list[str | None] = []
    while len(seen) < len(expected):
        page = read_keys(entries, ORDER, cursor, size=3)
        seen += [row[1] for row in page.rows]
        cursors.append(page.previous)
        cursor = page.next
    assert (seen, cursor, cursors[0]) == (expected, None, None)
    back = read_keys(entries, ORDER, cursors[2], size=3)
    assert [row[1] for row in back.rows] == expected[3:6]
    assert read_keys(entries, ORDER, back.previous, size=3) == read_keys(entries, ORDER, None, size=3)


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "%%%", "ü", "A" * 5000, sealed(), sealed(1), sealed(NAME), sealed(NAME, "up", "a", "1", NOW, "1"),
        sealed("pk", "on", "1"), sealed(NAME, "on", "a\0", "1", NOW, "1"), sealed(NAME, "on", "\ud800", "1", NOW, "1"),
        sealed(NAME, "on", "a", "9" * 40, NOW, "1"), sealed(NAME, "on", "a", "-1", NOW, "1"),
        sealed(NAME, "on", "a", "1", "yesterday", "1"), sealed(NAME, "on", "a", "1", "2026-01-01T00:00:00", "1"),
        sealed(NAME, "on", "a", "1", "0001-01-01T00:00:00+14:00", "1"), sealed(NAME, "on", "a", "1", NOW, "1", "1"),
        sealed(NAME, "on", None, {"a": 1}, [], True), sealed(NAME, "on", [], "1", NOW, "1"),
        sealed(NAME, "on", {"a": 1}, "1", NOW, "1"), sealed(NAME, "on", "a", ["1"], NOW, "1"),
        urlsafe_b64encode(b"[" * 400).decode(),
        urlsafe_b64encode(b"{}").decode(), urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)  # fmt: skip
def test_what_is_no_cursor_of_the_order_is_the_first_page(organization: Organization, cursor: str) -> None:
    entries = LedgerEntry.objects.filter(organization=organization)
    assert read_keys(entries, ORDER, cursor, size=5) == read_keys(entries, ORDER, None, size=5)


def test_csv_holds_no_formula() -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]
    cells: list[Cell] = [*formulas, 'a "quoted", cell', "Ünï", -1.4, 3, None, "plain"]
    response = send_csv("file", [f"c{number}" for number in range(len(cells))], [cells])
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="file.csv"'
    text = b"".join(response.streaming_content).decode()  # type: ignore[arg-type]
    _, row = csv.reader(io.StringIO(text, newline=""))
    assert row[:7] == [f"'{formula}" for formula in formulas]
    assert row[7:] == ['a "quoted", cell', "Ünï", "-1.4", "3", "", "plain"]
