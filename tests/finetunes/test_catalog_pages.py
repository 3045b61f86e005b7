"""The catalog's list: tabs, rows, pages and what it says when it is empty."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Role
from finetunes.models import Grant
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
    titles = re.findall(r'class="finetune-title">(.*?)</span>\s*<span class="finetune-meta"', page, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", title) for title in titles]


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
    assert f'href="{playground}?finetune={finetune_id.replace("/", "%2F")}"' in page
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
    for tab in ("all", "owned", "shared"):
        assert f'href="{url_of(cast.organization)}?tab={tab}"' in page


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
    assert ("?finetune=" in page) is can_generate


def test_pages_keep_the_tab(cast: Cast) -> None:
    for number in range(60):
        make_finetune(cast.organization, f"look-{number:02}")
    first = get_list(cast.owner, "?tab=owned")
    assert len(names_in(first)) == 50
    assert "1–50 of 62" in first
    assert f'href="{url_of(cast.organization)}?tab=owned&amp;page=2"' in first
    second = get_list(cast.owner, "?tab=owned&page=2")
    assert len(names_in(second)) == 12
    assert f'href="{url_of(cast.organization)}?tab=owned&amp;page=1"' in second


def test_list_costs_the_same_queries_however_long_it_is(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = url_of(cast.organization)
    client = log_in(cast.owner.user)
    few = count_queries(client, url)
    for number in range(60):
        owner = make_organization(f"Owner {number}")
        make_finetune(owner, f"look-{number}", granted_to=cast.organization)
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
