"""The history's page: whose generations it shows, its filters and pages, stars, and what it costs the database."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard.organizations.services.keys import mint_api_key
from playground.models import Generation, State
from playground.queries.history import Filters, read_page
from tests.conftest import Cast, log_in
from tests.playground.history_rows import make_generation

HTMX = {"HX-Request": "true"}


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


def url(cast: Cast, query: str = "") -> str:
    return f"/o/{cast.organization.org_id}/playground/history/{query}"


def shown(client: Client, cast: Cast, query: str = "", **options: Any) -> list[str]:
    response = client.get(url(cast, query), **options)
    assert response.status_code == 200
    return [generation.prompt for generation in response.context["page"].rows]


@pytest.fixture
def made(cast: Cast) -> dict[str, Generation]:
    """One for each filter, of several people; the newest last."""
    organization = cast.organization
    key = mint_api_key(organization, "nightly")[0]
    make_generation(cast.recipient.organization, "of another organization", user=cast.creator.user)
    mine = {"user": cast.creator.user}
    rows: dict[str, dict[str, Any]] = {
        "old": {**mine, "created_at": datetime(2026, 3, 1, 12, tzinfo=UTC)},
        "by a key": {"api_key": key, "age": timedelta(hours=5)},
        "by the owner": {"user": cast.owner.user, "finetune_id_sent": "velvet-noir", "age": timedelta(hours=4)},
        "failed": {**mine, "state": State.REQUEST_MODERATED, "age": timedelta(hours=3)},
        "running": {**mine, "state": State.RUNNING, "age": timedelta(hours=2)},
        "starred 100%": {**mine, "is_starred": True, "endpoint_name": "flux-2-klein-9b-finetuned"},
    }
    return {prompt: make_generation(organization, prompt, **fields) for prompt, fields in rows.items()}


MINE = ["starred 100%", "running", "failed", "old"]


@pytest.mark.parametrize(
    ("query", "prompts"),
    [
        ("", MINE),
        ("?who=all", ["starred 100%", "running", "failed", "by the owner", "by a key", "old"]),
        ("?who=person-{owner}", ["by the owner"]),
        ("?who=key-{key}", ["by a key"]),
        ("?who=all&finetune=velvet-noir", ["by the owner"]),
        ("?endpoint=flux-2-klein-9b-finetuned", ["starred 100%"]),
        ("?state=ready", ["starred 100%", "old"]),
        ("?state=failed", ["failed"]),
        ("?state=running", ["running"]),
        ("?starred=1", ["starred 100%"]),
        ("?since=2026-03-01&until=2026-03-01", ["old"]),
        ("?until=2026-02-28", []),
        ("?q=STARRED", ["starred 100%"]),
        ("?q=0%25", ["starred 100%"]),
        ("?q=_unning", []),
        # What is not understood is left out.
        ("?state=sleepy&who=person-0&since=soon&finetune=none&cursor=%00", MINE),
    ],
)
def test_filters_narrow_it(
    cast: Cast, creator: Client, made: dict[str, Generation], query: str, prompts: list[str]
) -> None:
    key = made["by a key"].api_key
    assert key
    assert shown(creator, cast, query.format(owner=cast.owner.user.pk, key=key.pk)) == prompts


@pytest.mark.parametrize("place", ["5", '"x"', "null", "[]"])
def test_cursor_of_nobodys_making_leads_to_the_newest(cast: Cast, creator: Client, place: str) -> None:
    make_generation(cast.organization, user=cast.creator.user)
    packed = f'["-created_at -id","on","2026-01-01T00:00:00+00:00",{place}]'
    cursor = urlsafe_b64encode(packed.encode()).decode().rstrip("=")
    assert shown(creator, cast, f"?cursor={cursor}") == ["a pier"]


def test_page_tells_who_made_it_and_what_failed(cast: Cast, creator: Client, made: dict[str, Generation]) -> None:
    page = creator.get(url(cast, "?who=all")).content.decode()
    for text in ("owner@example.com", "nightly", "Request Moderated", "Not charged.", "velvet-noir", "Running…"):
        assert text in page
    assert "another organization" not in page


def test_pages_follow_each_other_without_gap_or_repetition(cast: Cast) -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    made = [make_generation(cast.organization, str(n), state=State.ERROR, created_at=at) for n in range(7)]
    seen, cursor = [], None
    while True:
        page = read_page(cast.organization, Filters(), cursor, size=3)
        seen += [generation.pk for generation in page.rows]
        assert bool(page.newer) == bool(cursor)
        if not (cursor := page.older):
            break
    assert seen == sorted((generation.pk for generation in made), reverse=True)


def test_older_page_is_a_link_and_its_cards_come_alone_for_htmx(cast: Cast, creator: Client) -> None:
    for number in range(50):
        make_generation(cast.organization, f"n{number}", state=State.ERROR, user=cast.creator.user)
    first = creator.get(url(cast, "?state=failed"))
    older = first.context["page"].older
    assert f'href="{url(cast)}?state=failed&amp;cursor={older}" rel="next"' in first.content.decode()
    rest = creator.get(url(cast, f"?state=failed&cursor={older}"))
    assert [generation.prompt for generation in rest.context["page"].rows] == ["n1", "n0"]
    assert 'id="page-newer"' in rest.content.decode()
    more = creator.get(url(cast, f"?state=failed&cursor={older}&more=1"), headers=HTMX).content.decode()
    assert more.count("<article") == 2
    assert "history-filters" not in more
    assert "data-history-more" not in more


def test_empty_states_say_what_is_empty(cast: Cast, creator: Client) -> None:
    assert "Nothing was generated yet" in creator.get(url(cast)).content.decode()
    make_generation(cast.organization, user=cast.owner.user)
    page = creator.get(url(cast)).content.decode()
    assert "You have made nothing here yet" in page
    assert 'href="?who=all"' in page.replace(url(cast), "")
    assert "Nothing matches" in creator.get(url(cast, "?q=none")).content.decode()


def test_history_costs_the_same_however_long_it_is(cast: Cast, creator: Client) -> None:
    def count(query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert creator.get(url(cast, query)).status_code == 200
        return len(queries)

    key = mint_api_key(cast.organization, "nightly")[0]
    make_generation(cast.organization, user=cast.creator.user)
    make_generation(cast.organization, api_key=key)
    creator.get(url(cast))
    few = count("?who=all")
    for number in range(30):
        member = (cast.creator, cast.owner, cast.developer)[number % 3]
        make_generation(cast.organization, f"n{number}", user=member.user, finetune_id_sent=f"f-{number}")
    assert count("?who=all") == few
    assert few <= 11


def test_star_is_set_and_taken_away(cast: Cast, creator: Client) -> None:
    generation = make_generation(cast.organization, user=cast.owner.user)
    path = f"/o/{cast.organization.org_id}/generations/{generation.pk}/"
    answer = creator.post(f"{path}star/", {"star": "on"}, headers=HTMX).content.decode()
    assert 'aria-pressed="true"' in answer
    assert "<html" not in answer
    assert shown(creator, cast, "?who=all&starred=1") == ["a pier"]
    back = url(cast, "?who=all#here")
    assert creator.post(f"{path}star/", {"star": "off", "back": back})["location"] == back
    assert creator.post(f"{path}star/", {"star": "on", "back": "//elsewhere.test/"})["location"] == path
    assert shown(log_in(cast.owner.user), cast, "?starred=1") == ["a pier"]


def test_playground_and_card_lead_there(cast: Cast, creator: Client) -> None:
    own = make_generation(cast.organization, user=cast.creator.user)
    other = make_generation(cast.organization, user=cast.owner.user)
    page = creator.get(f"/o/{cast.organization.org_id}/playground/").content.decode()
    assert f'href="{url(cast)}"' in page
    assert f"{own.pk}/star/" in page
    assert f"{own.pk}/delete/" in page
    assert f"{other.pk}/delete/" not in page
