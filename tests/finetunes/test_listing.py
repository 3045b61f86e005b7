"""Reading the catalog: what the filters find, in which order the pages come, and what a row tells."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.organizations.models import Organization
from finetunes.models import Checkpoint, Finetune, Use
from finetunes.queries import Tab
from finetunes.queries.listing import USES_DAYS, Filters, Page, Row, Sort, count_matches, list_tags, read_page, read_row
from finetunes.services.labels import add_tag, star
from tests.conftest import Cast
from tests.factories import make_finetune, make_organization


def names_of(page: Page) -> list[str]:
    return [row.finetune.name for row in page.rows]


def find(viewer: Organization, search: str = "", **filters: object) -> list[str]:
    return names_of(read_page(viewer, Filters(search=search, **filters), None))  # type: ignore[arg-type]


def row_of(viewer: Organization, finetune: Finetune) -> Row:
    row = read_row(viewer, finetune.pk)
    assert row
    return row


def use(finetune: Finetune, caller: Organization, images: int, *, days_ago: int = 0) -> None:
    day = timezone.now().date() - timedelta(days=days_ago)
    Use.objects.create(finetune=finetune, organization=caller, day=day, strength=10, images=images)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", ["ink-portrait", "velvet-noir"]),
        ("INK", ["ink-portrait"]),
        ("night", ["velvet-noir"]),  # its trigger phrase
        ("Silk", ["ink-portrait"]),  # its tag
        ("atelier noir", ["velvet-noir"]),  # each word somewhere
        ("atelier", ["ink-portrait", "velvet-noir"]),
        ("%", []),
        ("nothing", []),
    ],
)
def test_search_finds_by_name_phrase_tag_and_owner(cast: Cast, search: str, expected: list[str]) -> None:
    Finetune.objects.filter(pk=cast.granted.pk).update(trigger_phrase="velvet NIGHT")
    add_tag(cast.organization, [cast.finetune], "raw silk")
    assert find(cast.organization, search) == expected
    assert count_matches(cast.organization, Filters(search=search)) == len(expected)


def test_pasted_id_finds_its_finetune(cast: Cast) -> None:
    make_finetune(cast.recipient.organization, "velvet-noir-2")
    assert find(cast.recipient.organization, str(cast.granted)) == ["velvet-noir"]
    assert find(cast.organization, str(cast.granted)) == ["velvet-noir"]
    assert find(cast.recipient.organization, f"{cast.organization.org_id}/") == ["velvet-noir"]
    assert find(cast.recipient.organization, cast.organization.org_id) == ["velvet-noir"]
    assert find(cast.outsider.organization, str(cast.granted)) == []


def test_tags_of_another_organization_find_nothing(cast: Cast) -> None:
    add_tag(cast.organization, [cast.granted], "secret project")
    bureau = cast.recipient.organization
    assert find(bureau, "secret") == []
    assert find(bureau, tag="secret project") == []
    assert (list_tags(bureau), row_of(bureau, cast.granted).tags) == ([], [])
    assert find(cast.organization, tag="secret project") == ["velvet-noir"]


def test_filters_leave_what_fits_all_of_them(cast: Cast) -> None:
    atelier = cast.organization
    star(cast.owner.user, cast.granted)
    assert find(atelier, base_model="flux-2-klein-4b") == ["ink-portrait"]
    assert find(atelier, precision="bf16") == ["velvet-noir"]
    assert find(atelier, precision="bf16", base_model="flux-2-klein-4b") == []
    assert find(atelier, starred_by=cast.owner.user) == ["velvet-noir"]
    assert find(atelier, starred_by=cast.developer.user) == []
    assert find(atelier, tab=Tab.SHARED) == []
    assert find(cast.recipient.organization, tab=Tab.SHARED) == ["velvet-noir"]


def test_uses_of_an_own_finetune_are_every_callers_and_else_the_viewers_own(cast: Cast) -> None:
    atelier, bureau = cast.organization, cast.recipient.organization
    use(cast.granted, atelier, 3)
    use(cast.granted, bureau, 4)
    use(cast.granted, bureau, 5, days_ago=USES_DAYS - 1)
    use(cast.granted, bureau, 100, days_ago=USES_DAYS)
    assert row_of(atelier, cast.granted).uses == 12
    assert row_of(bureau, cast.granted).uses == 9
    assert row_of(atelier, cast.finetune).uses == 0


def test_row_tells_rank_tags_and_whose_favourite_it_is(cast: Cast) -> None:
    Checkpoint.objects.filter(versions__finetune=cast.finetune).update(facts={"rank": 16, "family": "x"})
    add_tag(cast.organization, [cast.finetune, cast.granted], "portrait")
    add_tag(cast.organization, [cast.finetune], "ink")
    star(cast.owner.user, cast.finetune)
    with CaptureQueriesContext(connection) as queries:
        ink, velvet = read_page(cast.organization, Filters(), None, user=cast.owner.user).rows
        assert ink.finetune.checkpoint
        assert ink.finetune.checkpoint.bytes
    assert len(queries) == 3
    assert (ink.rank, ink.tags, ink.is_favourite) == ("16", ["ink", "portrait"], True)
    assert (velvet.rank, velvet.tags, velvet.is_favourite) == ("", ["portrait"], False)
    assert "facts" in ink.finetune.checkpoint.get_deferred_fields()


def test_row_of_an_imported_finetune_has_no_file(cast: Cast) -> None:
    Finetune.objects.filter(pk=cast.finetune.pk).update(current_version=None)
    row = row_of(cast.organization, cast.finetune)
    assert (row.rank, row.finetune.checkpoint) == ("", None)


@pytest.fixture
def used(db: None) -> Organization:
    """With finetunes a to g: each pair is used alike, and the last ones never."""
    organization, now = make_organization("Pages"), timezone.now()
    for number, name in enumerate("abcdefg"):
        finetune = make_finetune(organization, name)
        made = now - timedelta(days=number // 2)
        Finetune.objects.filter(pk=finetune.pk).update(created_at=made)
        if number < 4:
            use(finetune, organization, 10 - number // 2)
    return organization


@pytest.mark.parametrize(
    ("sort", "expected"), [(Sort.NAME, "abcdefg"), (Sort.NEWEST, "badcfeg"), (Sort.MOST_USED, "abcdefg")]
)
def test_pages_of_every_sort_lead_there_and_back(used: Organization, sort: Sort, expected: str) -> None:
    filters = Filters(sort=sort)
    first = read_page(used, filters, None, size=3)
    second = read_page(used, filters, first.next, size=3)
    third = read_page(used, filters, second.next, size=3)
    assert "".join(name for page in (first, second, third) for name in names_of(page)) == expected
    assert (first.previous, third.next) == (None, None)
    back = read_page(used, filters, third.previous, size=3)
    assert names_of(back) == names_of(second)
    assert read_page(used, filters, back.previous, size=3) == first


def test_page_keeps_its_place_when_a_row_joins_before_it(used: Organization) -> None:
    first = read_page(used, Filters(), None, size=3)
    make_finetune(used, "aa")
    assert names_of(read_page(used, Filters(), first.next, size=3)) == ["d", "e", "f"]


def test_page_whose_rows_are_gone_is_the_first(used: Organization) -> None:
    third = read_page(used, Filters(), None, size=6).next
    Finetune.objects.filter(name="g").update(deleted_at=timezone.now())
    assert names_of(read_page(used, Filters(), third, size=6)) == list("abcdef")


def test_cursor_of_another_sort_is_the_first_page(used: Organization) -> None:
    first = read_page(used, Filters(), None, size=3)
    other = Filters(sort=Sort.MOST_USED)
    assert read_page(used, other, first.next, size=3) == read_page(used, other, None, size=3)


@pytest.mark.parametrize("sort", Sort)
def test_page_costs_three_queries_however_many_rows_there_are(cast: Cast, sort: Sort) -> None:
    for number in range(60):
        owner = make_organization(f"Owner {number}")
        shared = make_finetune(owner, f"look-{number:02}", granted_to=cast.organization)
        use(shared, cast.organization, number + 1)
    add_tag(cast.organization, Finetune.objects.all(), "all")
    for filters in (Filters(sort=sort), Filters(sort=sort, search="look", tag="all", starred_by=None)):
        with CaptureQueriesContext(connection) as queries:
            page = read_page(cast.organization, filters, None, user=cast.owner.user)
            seen = [(row.finetune.organization.name, row.finetune.cover, row.finetune.checkpoint) for row in page.rows]
        assert (len(seen), len(queries)) == (50, 3)
