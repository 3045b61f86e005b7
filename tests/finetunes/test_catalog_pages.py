"""The catalog's list: tabs, rows, pages and what it says when it is empty."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Role
from finetunes.models import Favourite, Finetune, Grant, Sample
from finetunes.queries.listing import tags_of
from finetunes.services.labels import add_tag
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_member, make_organization

HTMX = {"HX-Request": "true"}


def url_of(organization: Organization) -> str:
    return reverse("finetunes", args=[organization.org_id])


def get_list(membership: Membership, query: str = "", *, htmx: bool = False) -> str:
    headers = HTMX if htmx else {}
    response = log_in(membership.user).get(url_of(membership.organization) + query, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def names_in(page: str) -> list[str]:
    titles = re.findall(r"data-expands>(.*?)</a>", page, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", title).strip() for title in titles]


def tabs_in(page: str) -> dict[str, int]:
    found = re.findall(r'id="tab-(\w+)".*?: </span>(\d+)</span>', page)
    return {tab: int(count) for tab, count in found}


def test_list_shows_what_is_owned_and_shared(cast: Cast) -> None:
    bureau = cast.recipient.organization
    make_finetune(bureau, "own-look")
    make_finetune(cast.outsider.organization, "secret-look")
    make_finetune(cast.outsider.organization, "house-style", is_official=True)
    atelier, elsewhere = cast.organization.org_id, cast.outsider.organization.org_id
    every = [f"{elsewhere}/house-style", "own-look", f"{atelier}/velvet-noir"]
    assert names_in(get_list(cast.recipient)) == every
    assert names_in(get_list(cast.recipient, "?tab=owned")) == ["own-look"]
    assert names_in(get_list(cast.recipient, "?tab=shared")) == [every[0], every[2]]
    assert tabs_in(get_list(cast.recipient)) == {"all": 3, "owned": 1, "shared": 2}


def test_row_carries_what_a_caller_needs(cast: Cast) -> None:
    page = get_list(cast.recipient)
    finetune_id = f"{cast.organization.org_id}/velvet-noir"
    playground = reverse("playground", args=[cast.recipient.organization.org_id])
    assert f'data-copy="{finetune_id}"' in page
    assert f'href="{playground}?model={finetune_id.replace("/", "%2F")}"' in page
    assert 'data-copy="TOK"' in page
    for text in ("FLUX.2 [klein] 9B (KV-cached)", "BF16", "Third party", "by Atelier"):
        assert text in page


def test_owner_copies_the_bare_name(cast: Cast) -> None:
    assert 'data-copy="velvet-noir"' in get_list(cast.owner)


def test_htmx_gets_the_list_alone(cast: Cast) -> None:
    page = get_list(cast.owner, "?tab=owned", htmx=True)
    assert names_in(page) == ["ink-portrait", "velvet-noir"]
    assert page.lstrip().startswith('<section id="catalog"')
    assert "<html" not in page


def test_history_restore_gets_the_whole_page(cast: Cast) -> None:
    headers = HTMX | {"HX-History-Restore-Request": "true"}
    response = log_in(cast.owner.user).get(url_of(cast.organization), headers=headers)
    assert "<html" in response.content.decode()
    assert "HX-Request" in response["Vary"]


def test_current_tab_is_marked_and_every_tab_has_an_address(cast: Cast) -> None:
    page = get_list(cast.owner, "?tab=shared")
    current = re.findall(r'<a id="tab-(\w+)"[^>]*aria-current="page"', page)
    assert current == ["shared"]
    assert page.count("hx-get=") >= 3
    for query in ("", "?tab=owned", "?tab=shared"):
        assert f'href="{url_of(cast.organization)}{query}"' in page


def test_unknown_tab_is_not_found(cast: Cast) -> None:
    response = log_in(cast.owner.user).get(f"{url_of(cast.organization)}?tab=stolen")
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("role", "can_add", "can_generate"),
    [
        (Role.ADMINISTRATOR, True, True),
        (Role.DEVELOPER, True, True),
        (Role.BILLING_MANAGER, False, False),
        (Role.VIEWER, False, False),
        (Role.CREATOR, False, True),
    ],
)
def test_role_decides_the_actions(cast: Cast, role: Role, can_add: bool, can_generate: bool) -> None:
    page = get_list(make_member(cast.organization, role))
    assert (reverse("finetune-add", args=[cast.organization.org_id]) in page) is can_add
    assert ("?model=" in page) is can_generate


def link_in(page: str, element_id: str) -> str:
    found = re.search(rf'id="{element_id}" href="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""


@pytest.mark.parametrize("sort", ["", "&sort=newest", "&sort=used"])
def test_pages_keep_what_is_asked_for(cast: Cast, sort: str) -> None:
    for number in range(60):
        make_finetune(cast.organization, f"look-{number:02}")
    client = log_in(cast.owner.user)
    first = get_list(cast.owner, f"?tab=owned&q=look{sort}")
    assert (len(names_in(first)), link_in(first, "page-previous")) == (50, "")
    assert "50 of 60" in first
    next_url = link_in(first, "page-next")
    assert next_url.startswith(f"{url_of(cast.organization)}?tab=owned&q=look{sort}&cursor=")
    second = client.get(next_url).content.decode()
    assert (len(names_in(second)), link_in(second, "page-next")) == (10, "")
    assert sorted(names_in(first) + names_in(second)) == [f"look-{number:02}" for number in range(60)]
    assert names_in(client.get(link_in(second, "page-previous")).content.decode()) == names_in(first)


@pytest.mark.parametrize(
    "query",
    [
        "?base_model=flux-1&precision=fp4&tag=none&sort=price&cursor=garbage",
        "?q=%00&base_model=%00&tag=%00&sort=%00&cursor=%00",
        "?q=" + "x" * 5000 + "&cursor=" + "A" * 5000,
        "?q=%ff%fe",
        "?tab=",
    ],
)
def test_what_is_not_understood_in_the_address_is_left_out(cast: Cast, query: str) -> None:
    page = get_list(cast.owner, query)
    assert names_in(page) == ["ink-portrait", "velvet-noir"] or "Nothing matches" in page


def test_filters_stand_in_the_form_and_in_every_link(cast: Cast) -> None:
    add_tag(cast.organization, [cast.finetune], "ink wash")
    page = get_list(cast.owner, "?q=ink&tag=ink+wash&precision=fp8&sort=newest")
    assert names_in(page) == ["ink-portrait"]
    assert "<strong>1</strong> of 2 matches" in page
    assert tabs_in(page) == {"all": 2, "owned": 2, "shared": 0}
    for choice in ('value="ink"', 'value="ink wash" selected', 'value="fp8" selected', 'value="newest" selected'):
        assert choice in page
    assert link_in(page, "tab-owned").endswith("?tab=owned&q=ink&precision=fp8&tag=ink+wash&sort=newest")
    assert link_in(page, "clear-filters") == url_of(cast.organization)


def test_row_by_itself_follows_a_rename_and_is_no_outsiders(cast: Cast) -> None:
    url = reverse("finetune-row", args=[cast.recipient.organization.org_id, cast.granted.pk])
    recipient = log_in(cast.recipient.user)
    Finetune.objects.filter(pk=cast.granted.pk).update(name="velvet-night")
    row = recipient.get(url, headers=HTMX).content.decode()
    assert names_in(row) == [f"{cast.organization.org_id}/velvet-night"]
    assert row.lstrip().startswith("<tr")
    assert recipient.get(url)["location"].endswith(f"/finetune/{cast.organization.org_id}~velvet-night/")
    hidden = reverse("finetune-row", args=[cast.recipient.organization.org_id, cast.finetune.pk])
    huge = reverse("finetune-row", args=[cast.recipient.organization.org_id, 10**30])
    assert [recipient.get(path).status_code for path in (hidden, huge)] == [404, 404]


def test_imported_finetune_has_no_file_here(cast: Cast) -> None:
    Finetune.objects.filter(pk=cast.finetune.pk).update(current_version=None)
    assert "no file here" in get_list(cast.viewer)


def test_picture_of_a_row_is_its_cover_and_else_its_initials(cast: Cast) -> None:
    sample = Sample(finetune=cast.finetune, width=1, height=1, prompt="x", strength=1, generation_id=uuid4())
    sample.thumbnail.save("x.webp", ContentFile(b"webp"))
    Finetune.objects.filter(pk=cast.finetune.pk).update(cover=sample)
    page = get_list(cast.viewer)
    assert f"/finetune/ink-portrait/samples/{sample.pk}/thumbnail/" in page
    assert re.findall(r'<span class="finetune-cover" aria-hidden="true">(\w+)</span>', page) == ["VN"]


# --- Favourites ------------------------------------------------------------------------------------------------


def press_star(membership: Membership, finetune: Finetune, value: str, *, htmx: bool = False) -> Any:
    url = reverse("finetune-star", args=[membership.organization.org_id, finetune.pk]) + "?tab=owned"
    return log_in(membership.user).post(url, {"star": value}, headers=HTMX if htmx else {})


def test_star_is_of_one_person_and_leads_back_to_the_list(cast: Cast) -> None:
    response = press_star(cast.viewer, cast.granted, "on")
    assert (response.status_code, response["location"]) == (302, url_of(cast.organization) + "?tab=owned")
    press_star(cast.viewer, cast.granted, "on")
    assert names_in(get_list(cast.viewer, "?favourites=1")) == ["velvet-noir"]
    assert "No favourites here yet" in get_list(cast.owner, "?favourites=1")
    assert get_list(cast.viewer).count('aria-pressed="true" aria-label="Favourite') == 1
    button = press_star(cast.viewer, cast.granted, "off", htmx=True).content.decode()
    assert 'aria-pressed="false"' in button
    assert not Favourite.objects.exists()


def test_star_of_a_hidden_finetune_is_not_found(cast: Cast) -> None:
    assert press_star(cast.recipient, cast.finetune, "on").status_code == 404


# --- Several at once -------------------------------------------------------------------------------------------


def post_bulk(membership: Membership, name: str, finetunes: list[Finetune], *, query: str = "", **fields: str) -> Any:
    url = reverse(f"finetunes-{name}", args=[membership.organization.org_id]) + query
    data = {"finetune": [finetune.pk for finetune in finetunes], **fields}
    return log_in(membership.user).post(url, data, headers=HTMX if fields.pop("htmx", "") else {}, follow=True)


def test_tag_is_put_on_the_selected_ones_and_taken_off(cast: Cast) -> None:
    both = [cast.finetune, cast.granted]
    page = post_bulk(cast.developer, "tag", both, query="?tab=owned", tag="Ink Wash", do="add")
    assert page.redirect_chain == [(url_of(cast.organization) + "?tab=owned", 302)]
    assert "Tagged 2 finetunes ink wash." in page.content.decode()
    assert "Took the tag ink wash off 1 finetune." in (
        post_bulk(cast.developer, "tag", [cast.granted], tag="ink wash", do="remove").content.decode()
    )
    assert tags_of(cast.organization, cast.finetune) == ["ink wash"]
    assert tags_of(cast.organization, cast.granted) == []


def test_recipient_tags_what_is_shared_and_nothing_that_is_hidden(cast: Cast) -> None:
    post_bulk(cast.recipient, "tag", [cast.finetune, cast.granted], tag="theirs", do="add")
    assert tags_of(cast.recipient.organization, cast.granted) == ["theirs"]
    assert tags_of(cast.recipient.organization, cast.finetune) == []


@pytest.mark.parametrize("htmx", ["", "yes"])
def test_refused_tag_keeps_what_was_typed_and_ticked(cast: Cast, htmx: str) -> None:
    response = post_bulk(cast.developer, "tag", [cast.granted], tag="a, b", do="add", htmx=htmx)
    page = response.content.decode()
    assert response.status_code == 422
    assert "Use only letters, digits" in page
    assert 'value="a, b" aria-invalid="true" aria-describedby="bulk-error"' in page
    assert re.findall(r'value="(\d+)" form="bulk" data-row-check checked', page) == [str(cast.granted.pk)]


def test_nothing_selected_says_so(cast: Cast) -> None:
    for name in ("tag", "delete"):
        response = post_bulk(cast.developer, name, [], tag="x")
        assert response.status_code == 422
        assert "Select at least one finetune in the list first." in response.content.decode()


def test_deletion_of_several_names_them_and_leaves_what_others_use(cast: Cast) -> None:
    official = make_finetune(cast.organization, "house-style", is_official=True)
    others = make_finetune(cast.outsider.organization, "foreign", granted_to=cast.organization)
    chosen = [cast.finetune, cast.granted, official, others]
    page = post_bulk(cast.developer, "delete", chosen).content.decode()
    assert re.findall(r'<li>([\w-]+)<input type="hidden" name="finetune"', page) == ["ink-portrait"]
    assert "Other organizations may use these, so they stay." in page
    assert "This one belongs to other organizations" in page
    assert Finetune.objects.in_trash().count() == 0
    page = post_bulk(cast.developer, "delete", chosen, confirmed="yes").content.decode()
    assert [finetune.name for finetune in Finetune.objects.in_trash()] == ["ink-portrait"]
    assert "ink-portrait is in the trash." in page


def test_deletion_of_several_is_undone_by_whoever_did_it(cast: Cast) -> None:
    second = make_finetune(cast.organization, "second")
    page = post_bulk(cast.developer, "delete", [cast.finetune, second], confirmed="yes").content.decode()
    assert "2 finetunes are in the trash." in page
    undo = re.search(r'class="toast-undo" method="post" action="([^"]*)"', page)
    assert undo
    url = html.unescape(undo[1])
    log_in(cast.owner.user).post(url)
    assert Finetune.objects.in_trash().count() == 2
    assert "2 finetunes restored." in log_in(cast.developer.user).post(url, follow=True).content.decode()
    assert Finetune.objects.in_trash().count() == 0
    assert "nothing left to restore" in log_in(cast.developer.user).post(url, follow=True).content.decode()


def test_who_may_not_edit_selects_nothing(cast: Cast) -> None:
    assert "data-row-check" in get_list(cast.developer)
    assert "data-row-check" not in get_list(cast.creator)
    assert 'id="bulk"' not in get_list(cast.creator)


# --- Cost and empty states ---------------------------------------------------------------------------------------


def test_list_costs_the_same_queries_however_long_it_is(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = url_of(cast.organization)
    client = log_in(cast.owner.user)
    url += "?q=look&sort=used"
    make_finetune(make_organization("Owner"), "look", granted_to=cast.organization)
    few = count_queries(client, url)
    for number in range(59):
        owner = make_organization(f"Owner {number}")
        make_finetune(owner, f"look-{number}", granted_to=cast.organization)
    add_tag(cast.organization, list(Finetune.objects.all()), "all")
    assert Grant.objects.filter(organization=cast.organization).count() == 60
    with django_assert_num_queries(few):
        page = client.get(url).content.decode()
    assert len(names_in(page)) == 50


def count_queries(client: Client, url: str) -> int:
    client.get(url)  # the first request of a minute also notes that the session is in use
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    return len(queries)


def test_empty_tabs_say_what_to_do_next(cast: Cast) -> None:
    organization = make_organization("Nouveau")
    developer = make_member(organization, Role.DEVELOPER)
    viewer = make_member(organization, Role.VIEWER)
    assert "No finetunes yet" in get_list(developer)
    assert reverse("finetune-add", args=[organization.org_id]) in get_list(developer, htmx=True)
    assert "Ask an Administrator or a Developer" in get_list(viewer)
    assert "Nouveau owns no finetunes yet" in get_list(developer, "?tab=owned")
    shared = get_list(developer, "?tab=shared", htmx=True)
    assert "Nothing is shared with Nouveau yet" in shared
    assert f'data-copy="{organization.org_id}"' in shared
