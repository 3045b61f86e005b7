"""The usage page and its CSV: sums by day, finetune, endpoint and caller, and what they cost to read."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.lib.periods import NO_DATE, TURNED
from dashboard.organizations.models import Membership
from dashboard.organizations.services.keys import mint_api_key
from playground.models import Generation, State
from playground.queries.usage import TOP, Period, Sums, _of, read_usage
from tests.conftest import Cast, log_in

HTMX = {"HX-Request": "true"}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARCH: dict[str, Any] = {"since": "2026-03-01", "until": "2026-03-31"}
MARCH_PERIOD = Period(date(2026, 3, 1), date(2026, 3, 31))


def build(member: Membership, state: State = State.READY, **given: Any) -> Generation:
    fields: dict[str, Any] = {
        "organization": member.organization, "user": member.user, "state": state, "cost": 1_400,
        "endpoint_name": "flux-2-klein-4b-finetuned", "finetune_id_sent": "ink-portrait",
        "inputs": {"prompt": "a quiet harbour"}, "width": 64, "height": 64, "image": "x.png",
        "due_at": NOON, "finished_at": NOON,
    }  # fmt: skip
    return Generation(**{**fields, **given})


def keep(*generations: Generation, when: datetime = NOON) -> None:
    Generation.objects.bulk_create(generations)
    ids = [generation.pk for generation in generations]
    for start in range(0, len(ids), 500):
        Generation.objects.filter(pk__in=ids[start : start + 500]).update(created_at=when)


def get(member: Membership, *, status: int = 200, htmx: bool = False, **query: Any) -> str:
    url = reverse("usage", args=[member.organization.org_id])
    response = log_in(member.user).get(url, query, headers=HTMX if htmx else {})
    assert response.status_code == status
    return response.content.decode()


def figures(page: str) -> dict[str, str]:
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    return {name: re.sub(r"<.*", "", value).strip() for name, value in found}


def breakdown(page: str, title: str) -> list[list[str]]:
    """The cells of each row, with the others at the end."""
    section = re.search(rf'<h2 id="breakdown-\d">{title}</h2>(.*?)</section>', page, re.DOTALL)
    assert section is not None
    rows = re.findall(r"<tr>(.*?)</tr>", section[1], re.DOTALL)[1:]
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


def test_sums_are_of_this_organization_and_of_these_days(cast: Cast) -> None:
    key, _ = mint_api_key(cast.organization, "nightly")
    noir: dict[str, Any] = {"finetune_id_sent": "x/noir", "endpoint_name": "flux-2-klein-9b-finetuned", "cost": 2_100}
    keep(
        build(cast.owner),
        build(cast.owner, State.ERROR),
        build(cast.owner, user=None, api_key=key, **noir),
        build(cast.creator, State.CONTENT_MODERATED),
        build(cast.creator, State.REQUEST_MODERATED),
        build(cast.creator, State.RUNNING),
        build(cast.outsider),
    )
    keep(build(cast.owner), when=datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
    keep(build(cast.owner), when=datetime(2026, 3, 31, 23, 59, 59, 999999, UTC))
    page = get(cast.viewer, **MARCH)
    assert figures(page) == {"Images ready": "3", "Failed or moderated": "3", "Spent": "4.9", "Under way": "1"}
    assert breakdown(page, "Finetunes") == [["ink-portrait", "2", "3", "2.8"], ["x/noir", "1", "0", "2.1"]]
    assert breakdown(page, "Endpoints") == [
        ["flux-2-klein-4b-finetuned", "2", "3", "2.8"],
        ["flux-2-klein-9b-finetuned", "1", "0", "2.1"],
    ]
    assert breakdown(page, "People and keys") == [
        ["owner@example.com", "2", "1", "2.8"],
        [str(key), "1", "0", "2.1"],
        ["creator@example.com", "0", "2", "0"],
    ]
    assert "a quiet harbour" not in page


def test_the_chart_has_every_day_and_its_numbers_as_a_table(cast: Cast) -> None:
    keep(build(cast.owner), build(cast.owner), build(cast.owner, State.ERROR))
    page = get(cast.owner, **MARCH)
    assert page.count('class="bar-ready"') == 31
    assert "<title>10 Mar 2026: 2 ready, 1 failed, 2.8 credits</title>" in page
    assert '<rect class="bar-ready" x="91" y="33.33" width="8" height="66.67">' in page
    assert '<rect class="bar-failed" x="91" y="0.0" width="8" height="33.33">' in page
    assert re.search(r'<th scope="row">10 Mar 2026</th><td class="amount">2</td>', page)
    assert "style=" not in page.partition('<section id="usage"')[2].partition("</section>")[0]


def test_thirty_days_unless_others_are_asked_for(cast: Cast) -> None:
    for days in (0, 6, 7, 29, 30, 89, 90):
        keep(build(cast.owner), when=timezone.now() - timedelta(days=days))
    assert figures(get(cast.owner))["Images ready"] == "4"
    assert figures(get(cast.owner, days="7"))["Images ready"] == "2"
    page = get(cast.owner, days="90")
    assert figures(page)["Images ready"] == "6"
    assert re.search(r'id="days-90"[^>]*aria-current="page"', page)


def test_beyond_the_largest_the_others_are_summed_up(cast: Cast) -> None:
    keep(*(build(cast.owner, finetune_id_sent=f"look-{number:02}") for number in range(TOP + 3)))
    keep(*(build(cast.owner, finetune_id_sent=f"look-{number:02}") for number in range(TOP)))
    rows = breakdown(get(cast.owner, **MARCH), "Finetunes")
    assert len(rows) == TOP + 1
    assert rows[0] == ["look-00", "2", "0", "2.8"]
    assert rows[-1] == ["and 3 others", "3", "0", "4.2"]


def test_who_is_gone_is_still_counted(cast: Cast) -> None:
    keep(build(cast.owner, user=None), build(cast.owner, finetune_id_sent=""))
    page = get(cast.owner, **MARCH)
    assert ["Deleted person or key", "1", "0", "1.4"] in breakdown(page, "People and keys")
    assert ["Without a finetune", "1", "0", "1.4"] in breakdown(page, "Finetunes")


def test_nothing_is_said_so(cast: Cast) -> None:
    assert "Nothing was generated" in get(cast.owner)
    keep(build(cast.owner, State.RUNNING))
    page = get(cast.owner, **MARCH)
    assert "No image is ready yet" in page
    assert reverse("playground", args=[cast.organization.org_id]) not in get(cast.viewer).partition("usage-days")[2]


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ({"since": "yesterday", "until": "2026-01-01"}, "since", NO_DATE),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "until", TURNED),
        ({"since": "2026-02-01"}, "until", "Give both days"),
        ({"until": "2026-02-01"}, "since", "Give both days"),
        ({"since": "2025-01-01", "until": "2026-01-02"}, "until", "At most 366 days"),
        ({"since": "0001-01-01", "until": "9999-12-31"}, "until", "At most 366 days"),
    ],
)
def test_impossible_days_are_told_at_their_field(cast: Cast, query: dict[str, Any], field: str, sentence: str) -> None:
    page = get(cast.owner, status=422, **query)
    assert re.search(rf'id="id_{field}_error"><li>{re.escape(sentence)}', page)
    url = reverse("usage-csv", args=[cast.organization.org_id])
    assert log_in(cast.owner.user).get(url, query).status_code == 422


def test_other_spans_are_refused(cast: Cast) -> None:
    assert "choose 7, 30 or 90 days" in get(cast.owner, status=422, days="5000")


@pytest.mark.parametrize(
    "query", [{"since": "0001-01-01", "until": "0001-12-31"}, {"since": "9999-01-01", "until": "9999-12-31"}]
)
def test_the_ends_of_time_are_empty(cast: Cast, query: dict[str, Any]) -> None:
    assert "Nothing was generated" in get(cast.owner, **query)


def test_htmx_gets_the_usage_alone(cast: Cast) -> None:
    assert get(cast.owner, htmx=True).lstrip().startswith('<section id="usage"')


def test_many_cost_the_statements_of_one(cast: Cast) -> None:
    client, url = log_in(cast.owner.user), reverse("usage", args=[cast.organization.org_id])
    keep(build(cast.owner))
    client.get(url, MARCH)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url, MARCH).status_code == 200
        return len(queries)

    few = cost()
    keep(*(build(cast.owner, finetune_id_sent=f"look-{number % 50}") for number in range(1_000)))
    assert cost() == few
    assert read_usage(cast.organization, MARCH_PERIOD).total == Sums(1_001, 0, 1_001 * 1_400)
    plan = _of(cast.organization, MARCH_PERIOD).explain()
    assert connection.vendor != "sqlite" or "generation_by_caller (organization_id=? AND created_at" in plan


def test_csv_tells_day_by_day(cast: Cast) -> None:
    key, _ = mint_api_key(cast.organization, "=nightly")
    keep(
        build(cast.owner), build(cast.owner), build(cast.owner, State.ERROR), build(cast.owner, user=None, api_key=key)
    )
    keep(build(cast.owner), when=NOON + timedelta(days=1))
    keep(build(cast.outsider))
    response = log_in(cast.viewer.user).get(reverse("usage-csv", args=[cast.organization.org_id]), MARCH)
    assert f"usage-{cast.organization.org_id}-2026-03-01-2026-03-31.csv" in response["Content-Disposition"]
    text = b"".join(response).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    told = sorted((row["day"], row["caller"], row["ready"], row["failed"], row["credits"]) for row in rows)
    assert told == [
        ("2026-03-10", f"'{key}", "1", "0", "1.4"),
        ("2026-03-10", "owner@example.com", "2", "1", "2.8"),
        ("2026-03-11", "owner@example.com", "1", "0", "1.4"),
    ]
    assert {row["finetune"] for row in rows} == {"ink-portrait"}
