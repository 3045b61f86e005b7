"""The page of the activity log and its CSV: sentences, filters, pages, and what they cost."""

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.lib.periods import NO_DATE, TURNED
from dashboard.organizations import activity, actors, audit
from dashboard.organizations.actors import Actor
from dashboard.organizations.events import Action, Kind
from dashboard.organizations.forms.activity import UNKNOWN_KIND
from dashboard.organizations.models import AuditEvent, Organization
from dashboard.organizations.services.keys import mint_api_key
from tests.conftest import Cast, log_in
from tests.factories import make_organization

HTMX = {"HX-Request": "true"}


@pytest.fixture
def organization(cast: Cast) -> Organization:
    """The owner's, with nothing in its log yet."""
    AuditEvent.objects.of(cast.organization)._raw_delete(using="default")
    return cast.organization


@pytest.fixture
def client(cast: Cast) -> Client:
    return log_in(cast.owner.user)


def get(client: Client, organization: Organization, *, status: int = 200, htmx: bool = False, **query: Any) -> str:
    url = reverse("activity", args=[organization.org_id])
    response = client.get(url, query, headers=HTMX if htmx else {})
    assert response.status_code == status
    return response.content.decode()


def sentences(page: str) -> list[str]:
    """The lines as they are read aloud, newest first."""
    found = re.findall(r'<div class="log-text">(.*?)</div>', page, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]*>", " ", line)).split()) for line in found]


def download(client: Client, organization: Organization, **query: Any) -> list[dict[str, str]]:
    response = client.get(reverse("activity-csv", args=[organization.org_id]), query)
    assert response.status_code == 200
    assert response.streaming
    return list(csv.DictReader(io.StringIO(b"".join(response).decode(), newline="")))


def fill(organization: Organization, count: int) -> None:
    audit.record_for_each([organization] * count, Action.SETTINGS_RENAMED, "again", actor=Actor("Server"))


def test_lines_read_as_sentences(cast: Cast, organization: Organization, client: Client) -> None:
    bureau = cast.recipient.organization
    owner = Actor(cast.owner.user.email, user=cast.owner.user, ip="203.0.113.9")
    changed: dict[str, str | int] = {"from": "viewer", "to": "developer"}
    audit.record(organization, Action.GRANT_GIVEN, "ink", actor=owner, details={"recipient": str(bureau)})
    audit.record(organization, Action.GRANT_RECEIVED, "x/noir", actor=actors.of_organization(bureau))
    audit.record(organization, Action.MEMBER_ROLE_CHANGED, "ada@example.com", actor=owner, details=changed)
    audit.record(organization, Action.CREDITS_TOPPED_UP, actor=Actor("Operator"), details={"amount": "7.5"})
    page = get(client, organization)
    assert sentences(page) == [
        "Operator added credits Amount: 7.5",
        "owner@example.com changed the role of ada@example.com Viewer → Developer",
        f"Bureau ({bureau.org_id}) shared with this organization x/noir",
        f"owner@example.com shared ink with Bureau ({bureau.org_id})",
    ]
    assert page.count("203.0.113.9") == 2
    event = AuditEvent.objects.of(organization).first()
    assert event is not None
    assert f'<time datetime="{event.created_at.isoformat()}"' in page
    assert re.findall(r'log-icon log-icon-(\w+)"', page) == ["operator", "person", "organization", "person"]


def test_markup_in_a_name_stays_text(organization: Organization, client: Client) -> None:
    audit.record(organization, Action.FINETUNE_ADDED, "<script>alert(1)</script>", actor=Actor("<b>x</b>@example.com"))
    page = get(client, organization)
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page


def test_a_tenant_sees_its_own_lines_alone(cast: Cast, organization: Organization, client: Client) -> None:
    audit.record(cast.outsider.organization, Action.SETTINGS_RENAMED, "of-another")
    assert "of-another" not in get(client, organization)
    assert download(client, organization) == []


def test_filters_by_person_kind_and_day(cast: Cast, organization: Organization, client: Client) -> None:
    key, _ = mint_api_key(organization, "nightly")
    AuditEvent.objects.of(organization)._raw_delete(using="default")
    audit.record(organization, Action.FINETUNE_ADDED, "by-key", actor=actors.on_behalf_of(api_key=key))
    audit.record(organization, Action.FINETUNE_DELETED, "by-owner", actor=actors.of_person(cast.owner.user))
    old = audit.record(organization, Action.MEMBER_LEFT, "", actor=Actor("former@example.com"))
    QuerySet(AuditEvent).filter(pk=old.pk).update(created_at=datetime(2026, 1, 31, 23, 59, 59, 999999, UTC))

    def asked(**query: Any) -> list[str]:
        assert len(download(client, organization, **query)) == len(sentences(get(client, organization, **query)))
        return [row["subject"] or row["actor"] for row in download(client, organization, **query)]

    assert asked() == ["former@example.com", "by-owner", "by-key"]
    assert asked(who=str(key)) == ["by-key"]
    assert asked(who="NIGHT") == ["by-key"]
    assert asked(who="owner@example.com") == ["by-owner"]
    assert asked(kind=Kind.FINETUNES.value) == ["by-owner", "by-key"]
    assert asked(kind="finetune", who="former") == []
    assert asked(since="2026-01-31", until="2026-01-31") == ["former@example.com"]
    assert asked(until="2026-01-30") == []
    assert asked(since="2026-02-01") == ["by-owner", "by-key"]
    assert asked(until="9999-12-31", since="0001-01-01") == ["former@example.com", "by-owner", "by-key"]


def test_a_person_is_found_by_the_address_of_today(cast: Cast, organization: Organization, client: Client) -> None:
    audit.record(organization, Action.FINETUNE_ADDED, "ink", actor=actors.of_person(cast.developer.user))
    cast.developer.user.email = "renamed@example.com"
    cast.developer.user.save()
    assert sentences(get(client, organization, who="renamed@example.com")) == [
        "developer@example.com added finetune ink"
    ]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "31.01.2026"}, NO_DATE),
        ({"until": "2026-02-30"}, NO_DATE),
        ({"since": "2026-02-01", "until": "2026-01-01"}, TURNED),
        ({"kind": "secrets"}, UNKNOWN_KIND),
        ({"who": "x" * 255}, "at most 254 characters"),
        ({"who": "nul\0"}, "Null characters"),
    ],
)
def test_a_bad_filter_is_told_at_its_field(
    organization: Organization, client: Client, query: dict[str, Any], sentence: str
) -> None:
    fill(organization, 1)
    page = get(client, organization, status=422, **query)
    field = "until" if sentence is TURNED else next(iter(query))
    assert re.search(rf'id="id_{field}_error"><li>[^<]*{re.escape(sentence)}', page)
    assert sentences(page) == []
    assert "Clear filters" in page
    assert client.get(reverse("activity-csv", args=[organization.org_id]), query).status_code == 422


@pytest.mark.parametrize("query", [{"before": "x"}, {"after": "-1"}, {"before": "9" * 40}, {"before": "0"}])
def test_a_damaged_cursor_leads_to_the_newest(
    organization: Organization, client: Client, query: dict[str, Any]
) -> None:
    fill(organization, 2)
    assert len(sentences(get(client, organization, **query))) == 2


def test_empty_states(organization: Organization, client: Client) -> None:
    assert "Nothing happened yet" in get(client, organization)
    fill(organization, 1)
    page = get(client, organization, who="nobody")
    assert "Nothing matches" in page
    assert "Clear filters" in page


def test_htmx_gets_the_log_alone_and_the_form_names_its_address(organization: Organization, client: Client) -> None:
    fill(organization, 1)
    page = get(client, organization, htmx=True, kind="settings")
    assert page.lstrip().startswith('<section id="activity"')
    assert "<html" not in page
    url = reverse("activity", args=[organization.org_id])
    assert f'action="{url}" hx-get="{url}"' in page
    assert '<option value="settings" selected>' in page


def test_pages_keep_the_filter(organization: Organization, client: Client) -> None:
    fill(organization, 120)
    first = get(client, organization, kind="settings")
    older = re.search(r'id="page-older" href="([^"]*)"', first)
    assert older is not None
    assert "kind=settings&amp;before=" in older[1]
    second = client.get(unescape(older[1])).content.decode()
    newer = re.search(r'id="page-newer" href="([^"]*)"', second)
    assert newer is not None
    assert sentences(client.get(unescape(newer[1])).content.decode()) == sentences(first)
    assert 'id="page-newer"' not in first


def test_a_deep_page_costs_what_the_first_one_does(organization: Organization, client: Client) -> None:
    fill(organization, 60)
    get(client, organization)

    def cost(**query: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(sentences(get(client, organization, **query))) == 50
        return len(queries)

    few = cost()
    fill(organization, 2000)
    last = AuditEvent.objects.of(organization).order_by("pk")[60].pk
    assert cost() == cost(before=last) == cost(kind="settings") == few


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads a small table whole")
@pytest.mark.parametrize(
    "wanted", [activity.Filter(), activity.Filter(kind=Kind.KEYS), activity.Filter(who="a@example.com")]
)
def test_a_page_is_read_by_the_index(organization: Organization, wanted: activity.Filter) -> None:
    fill(organization, 200)
    events = activity.find_events(organization, wanted).filter(pk__lt=10**6).order_by("-pk")[:51]
    plan = events.explain()
    assert "audit_by_organization" in plan
    assert "TEMP B-TREE" not in plan


def test_csv_is_streamed_guarded_and_named(organization: Organization, client: Client) -> None:
    audit.record(
        organization, Action.GRANT_GIVEN, "=cmd|' /C calc'!A0", actor=Actor("@SUM", ip="2001:db8::7"),
        details={"recipient": "Bureau (x)", "from": "viewer", "to": "creator"},
    )  # fmt: skip
    response = client.get(reverse("activity-csv", args=[organization.org_id]))
    assert f'filename="activity-{organization.org_id}-' in response["Content-Disposition"]
    (row,) = download(client, organization)
    assert datetime.fromisoformat(row.pop("time")).tzinfo is not None
    assert row == {
        "actor": "'@SUM",
        "actor kind": "Person",
        "action": "grant.given",
        "subject": "'=cmd|' /C calc'!A0",
        "details": "with Bureau (x); Changed: Viewer → Creator",
        "ip": "2001:db8::7",
    }


def test_csv_holds_every_line_in_few_statements(organization: Organization, client: Client) -> None:
    fill(organization, 2500)
    with CaptureQueriesContext(connection) as queries:
        assert len(download(client, organization)) == 2500
    assert len([query for query in queries if "auditevent" in query["sql"]]) == 3


def test_names_are_suggested(cast: Cast, organization: Organization, client: Client) -> None:
    key, _ = mint_api_key(organization, "nightly")
    mint_api_key(make_organization("Other"), "foreign")
    page = get(client, organization)
    assert f'<option value="{key}">' in page
    assert '<option value="viewer@example.com">' in page
    assert "foreign" not in page
    assert "outsider@example.com" not in page
