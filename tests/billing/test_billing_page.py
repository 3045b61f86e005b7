"""The billing page and its CSV: what is free, held and spent, and the entries that say so."""

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.billing.forms import UNKNOWN_MONTH
from dashboard.billing.models import LedgerEntry
from dashboard.billing.queries import month_after, month_before
from dashboard.billing.services import hold, release, settle, top_up
from dashboard.organizations.models import Membership, Organization
from tests.conftest import Cast, log_in

HTMX = {"HX-Request": "true"}


def get(member: Membership, *, status: int = 200, htmx: bool = False, **query: Any) -> str:
    url = reverse("billing", args=[member.organization.org_id])
    response = log_in(member.user).get(url, query, headers=HTMX if htmx else {})
    assert response.status_code == status
    return response.content.decode()


def text_of(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def figures(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?) <small>", page))


def entries(page: str) -> list[tuple[str, str]]:
    """What and how much, newest first."""
    found = re.findall(r'<th scope="row">(.*?)</th>\s*<td class="amount[^"]*">(.*?)</td>', page, re.DOTALL)
    return [(text_of(what), amount) for what, amount in found]


def generate(organization: Organization, millicredits: int, *, ready: bool | None = True) -> UUID:
    """One that ended; with None it is still open."""
    event = uuid4()
    hold(organization, millicredits, event)
    if ready is not None:
        (settle if ready else release)(event)
    return event


def date_back(organization: Organization, event: UUID, when: datetime) -> None:
    QuerySet(LedgerEntry).filter(organization=organization, reference__endswith=str(event)).update(created_at=when)


def test_figures_tell_what_is_free_held_and_spent(cast: Cast) -> None:
    organization = cast.organization
    now = timezone.now()
    generate(organization, 1_400)
    generate(organization, 2_000, ready=None)
    generate(organization, 5_000, ready=False)
    before = month_before(now.date())
    date_back(organization, generate(organization, 3_000), datetime(before.year, before.month, 1, tzinfo=UTC))
    long_ago = month_before(before)
    date_back(organization, generate(organization, 7_000), datetime(long_ago.year, long_ago.month, 1, tzinfo=UTC))
    generate(cast.outsider.organization, 50_000)
    assert figures(get(cast.owner)) == {
        "Free to spend": "86.6",
        "Held now": "2",
        "Spent this month": "1.4",
        "Spent last month": "3",
    }


def test_charges_and_top_ups_stand_alone_until_all_is_asked_for(cast: Cast) -> None:
    charged = str(generate(cast.organization, 1_400))[:8]
    failed = str(generate(cast.organization, 2_100, ready=False))[:8]
    page = get(cast.owner)
    assert entries(page) == [(f"Generation {charged}", "−1.4"), ("Top-up test", "+100")]
    assert "ask the operator of this server" in page
    assert entries(get(cast.owner, show="all")) == [
        (f"Hold released for generation {failed}", "+2.1"),
        (f"Held for generation {failed}", "−2.1"),
        (f"Generation {charged}", "−1.4"),
        (f"Hold released for generation {charged}", "+1.4"),
        (f"Held for generation {charged}", "−1.4"),
        ("Top-up test", "+100"),
    ]


def test_only_who_may_see_generations_is_led_to_them(cast: Cast) -> None:
    event = generate(cast.organization, 1_400)
    url = reverse("generation", args=[cast.organization.org_id, event])
    assert url in get(cast.owner)
    page = get(cast.billing_manager)
    assert url not in page
    assert str(event)[:8] in page


def test_a_month_holds_its_own_entries(cast: Cast) -> None:
    organization, today = cast.organization, timezone.now().date()
    before = month_before(today)
    QuerySet(Organization).filter(pk=organization.pk).update(
        created_at=datetime(before.year, before.month, 3, tzinfo=UTC)
    )
    event = generate(organization, 3_000)
    date_back(organization, event, datetime(before.year, before.month, 28, 23, 59, 59, tzinfo=UTC))
    page = get(cast.owner, month=f"{before:%Y-%m}")
    assert entries(page) == [(f"Generation {str(event)[:8]}", "−3")]
    assert "show=all" in page
    assert entries(get(cast.owner, month=f"{today:%Y-%m}")) == [("Top-up test", "+100")]
    assert page.count("<option") == 3


@pytest.mark.parametrize("month", ["2026-13", "1999-01", "x", "9999-12", "²"])
def test_a_month_that_is_none_is_told_at_its_field(cast: Cast, month: str) -> None:
    page = get(cast.owner, status=422, month=month)
    assert re.search(rf'id="id_month_error"><li>{re.escape(UNKNOWN_MONTH)}', page)
    assert figures(page)["Free to spend"] == "100"
    url = reverse("billing-csv", args=[cast.organization.org_id])
    assert log_in(cast.owner.user).get(url, {"month": month}).status_code == 422


def test_an_unknown_view_is_told(cast: Cast) -> None:
    assert "Clear the filter" in get(cast.owner, status=422, show="secrets")


def test_months_run_over_the_turn_of_the_year() -> None:
    assert month_before(datetime(2026, 1, 31).date()).isoformat() == "2025-12-01"
    assert month_after(datetime(2025, 12, 31).date()).isoformat() == "2026-01-01"


def test_an_organization_without_credits_reads_so(cast: Cast) -> None:
    QuerySet(LedgerEntry)._raw_delete(using="default")
    page = get(cast.owner)
    assert "No credits yet" in page
    assert figures(page)["Held now"] == "0"


def test_htmx_gets_the_entries_alone_and_nothing_is_summed_up(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = get(cast.owner, htmx=True)
    assert page.lstrip().startswith('<section id="ledger"')
    assert not [query for query in queries if "SUM(" in query["sql"]]


def test_pages_cost_the_same_however_many_there_are(cast: Cast) -> None:
    client, url = log_in(cast.owner.user), reverse("billing", args=[cast.organization.org_id])
    client.get(url)

    def cost(**query: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url, query).status_code == 200
        return len(queries)

    few = cost()
    for number in range(120):
        top_up(cast.organization, number + 1, note=f"no. {number}")
    assert cost() == cost(show="all") == cost(before=10**9) == few
    first = client.get(url).content.decode()
    older = re.search(r'id="page-older" href="([^"]*)"', first)
    assert older is not None
    second = client.get(unescape(older[1])).content.decode()
    assert len(entries(first)) == len(entries(second)) == 50
    assert not set(entries(first)) & set(entries(second))


def test_csv_holds_the_entries_of_the_filter(cast: Cast) -> None:
    event = generate(cast.organization, 1_400)
    top_up(cast.organization, 2_000, note="=HYPERLINK(1)")
    client: Client = log_in(cast.billing_manager.user)
    response = client.get(reverse("billing-csv", args=[cast.organization.org_id]))
    assert response.streaming
    text = b"".join(response).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["kind"], row["credits"], row["note"]) for row in rows] == [
        ("top_up", "2.0", "'=HYPERLINK(1)"),
        ("settle", "-1.4", ""),
        ("top_up", "100.0", "test"),
    ]
    assert rows[1]["reference"] == str(event)
