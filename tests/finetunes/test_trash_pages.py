"""The pages that delete, restore and rename: what they tell, what must be typed, where they lead; also by htmx."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.organizations.models import Membership
from dashboard.organizations.services.keys import mint_api_key
from finetunes.models import Finetune
from finetunes.services import trash
from playground.models import Generation
from tests.conftest import Cast, log_in
from tests.factories import make_finetune

HOST = "http://testserver"


@pytest.fixture
def client(cast: Cast) -> Client:
    return log_in(cast.developer.user)


@pytest.fixture
def administrator(cast: Cast) -> Client:
    return log_in(cast.owner.user)


def url_of(cast: Cast, route: str, *args: str) -> str:
    return reverse(route, args=[cast.organization.org_id, *args])


def over(path: str) -> dict[str, str]:
    """The headers of htmx from a page at this address."""
    return {"HX-Request": "true", "HX-Current-URL": f"{HOST}{path}"}


def is_listed(cast: Cast, name: str) -> bool:
    return Finetune.objects.owned_by(cast.organization).filter(name=name).exists()


def undo_of(response: Any) -> str:
    """Where the Undo on the page posts to."""
    html = response.content.decode()
    assert "in the trash for 7 days" in html
    return str(html.partition('class="toast-undo" method="post" action="')[2].partition('"')[0])


# --- Delete ------------------------------------------------------------------------------------------------


def test_what_nobody_relies_on_is_deleted_by_one_click_and_undone_by_another(cast: Cast, client: Client) -> None:
    url = url_of(cast, "finetune-delete", "ink-portrait")
    page = client.get(url).content.decode()
    assert "Nobody relies on it" in page
    assert 'name="typed"' not in page
    response = client.post(url, follow=True)
    assert response.redirect_chain == [(url_of(cast, "finetunes"), 302)]
    assert not is_listed(cast, "ink-portrait")
    undo = undo_of(response)
    assert undo == url_of(cast, "finetune-restore", "ink-portrait")
    back = client.post(undo, follow=True)
    assert back.redirect_chain == [(url_of(cast, "finetunes"), 302)]
    assert "ink-portrait is back" in back.content.decode()
    assert is_listed(cast, "ink-portrait")


def test_header_that_can_be_no_address_is_that_of_no_page(cast: Cast, client: Client) -> None:
    nowhere = {"HX-Request": "true", "HX-Current-URL": "http://["}
    response = client.post(url_of(cast, "finetune-delete", "ink-portrait"), headers=nowhere)
    assert response["HX-Redirect"] == url_of(cast, "finetunes")


def test_who_relies_on_it_is_told(cast: Cast, client: Client) -> None:
    own = mint_api_key(cast.organization, "nightly")[0]
    foreign = mint_api_key(cast.recipient.organization, "their secret project")[0]
    for organization, key in ((cast.organization, own), (cast.recipient.organization, foreign)):
        Generation.objects.create(
            organization=organization, finetune=cast.granted, api_key=key, endpoint_name=cast.granted.endpoint.name,
            inputs={"prompt": "x"}, width=64, height=64, cost=1400, due_at=timezone.now(),
        )  # fmt: skip
    for route in ("finetune-delete", "finetune-rename"):
        page = client.get(url_of(cast, route, "velvet-noir")).content.decode()
        words = " ".join(page.split())
        assert cast.recipient.organization.org_id in words
        assert "nightly" in words
        assert "<strong>1</strong> API key of other organizations called it" in words
        assert "<strong>2</strong> generations are queued or running, 1 of other organizations" in words
        assert "their secret project" not in words


@pytest.mark.parametrize("typed", ["", "velvet", "VELVET-NOIR"])
def test_name_is_typed_where_others_rely_on_it(cast: Cast, client: Client, typed: str) -> None:
    url = url_of(cast, "finetune-delete", "velvet-noir")
    for headers in ({}, over(url)):
        response = client.post(url, {"typed": typed}, headers=headers)
        assert response.status_code == 422
        assert "velvet-noir" in response.context["form"].errors["typed"][0]
        assert f'value="{typed}"' in response.content.decode() or not typed
    assert is_listed(cast, "velvet-noir")
    assert client.post(url, {"typed": " velvet-noir "}).status_code == 302
    assert not is_listed(cast, "velvet-noir")


def test_from_a_row_of_the_list_the_list_is_loaded_as_it_is_filtered(cast: Cast, client: Client) -> None:
    listed = url_of(cast, "finetunes") + "?tab=owned&q=ink"
    response = client.post(url_of(cast, "finetune-delete", "ink-portrait"), headers=over(listed))
    location = json.loads(response["HX-Location"])
    assert (location["path"], location["target"], location["push"]) == (listed, "#catalog", "false")
    assert "dialog:close" in response["HX-Trigger"]
    fragment = client.get(url_of(cast, "finetunes") + "?tab=owned", headers=over(listed))
    undo = undo_of(fragment)
    location = json.loads(client.post(undo, headers=over(listed))["HX-Location"])
    assert (location["path"], location["target"]) == (listed, "#catalog")
    assert is_listed(cast, "ink-portrait")


@pytest.mark.parametrize("tab", ["finetune", "finetune-checkpoint"])
def test_from_its_own_page_the_browser_goes_to_the_list(cast: Cast, client: Client, tab: str) -> None:
    own_page = over(url_of(cast, tab, "ink-portrait"))
    response = client.post(url_of(cast, "finetune-delete", "ink-portrait"), headers=own_page)
    assert response["HX-Redirect"] == url_of(cast, "finetunes")


def test_overview_offers_both_to_who_may_edit(cast: Cast, client: Client) -> None:
    urls = [url_of(cast, route, "velvet-noir") for route in ("finetune-delete", "finetune-rename")]
    page = url_of(cast, "finetune", "velvet-noir")
    assert all(f'href="{url}"' in client.get(page).content.decode() for url in urls)
    assert not any(url in log_in(cast.viewer.user).get(page).content.decode() for url in urls)
    assert not any(
        url in client.get(url_of(cast, "finetune-checkpoint", "velvet-noir")).content.decode() for url in urls
    )
    theirs = reverse("finetune", args=[cast.recipient.organization.org_id, str(cast.granted)])
    assert "/delete/" not in log_in(cast.recipient.user).get(theirs).content.decode()


def test_what_is_deleted_is_not_deleted_again(cast: Cast, client: Client) -> None:
    trash.discard(cast.finetune, by=None)
    for route in ("finetune-delete", "finetune-rename", "finetune", "finetune-sharing"):
        assert client.get(url_of(cast, route, "ink-portrait")).status_code == 404
    assert client.post(url_of(cast, "finetune-restore", "velvet-noir")).status_code == 404


# --- The trash ---------------------------------------------------------------------------------------------


def test_trash_shows_who_deleted_what_and_what_is_left(cast: Cast, administrator: Client) -> None:
    url = url_of(cast, "finetune-trash")
    assert "The trash is empty" in administrator.get(url).content.decode()
    trash.discard(cast.finetune, by=cast.developer.user)
    page = administrator.get(url).content.decode()
    assert all(text in page for text in ("ink-portrait", "developer@example.com", "7 days"))
    assert "velvet-noir" not in page


def test_trash_takes_as_many_queries_for_many_as_for_few(
    cast: Cast, administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finetunes.views.trash.PAGE_SIZE", 4)
    trash.discard(cast.finetune, by=cast.developer.user)
    url = url_of(cast, "finetune-trash")
    administrator.get(url)
    with CaptureQueriesContext(connection) as few:
        administrator.get(url)
    people: list[Membership] = list(cast.members.values())
    for person in people:
        trash.discard(make_finetune(cast.organization), by=person.user)
    with CaptureQueriesContext(connection) as many:
        response = administrator.get(url)
    assert len(many) == len(few)
    assert len(response.context["rows"]) == 4
    assert len(administrator.get(url + "?page=2").context["rows"]) == 2


def test_restored_from_the_trash_the_trash_is_shown_again(cast: Cast, administrator: Client) -> None:
    trash.discard(cast.finetune, by=None)
    url, shown = url_of(cast, "finetune-restore", "ink-portrait"), url_of(cast, "finetune-trash")
    response = administrator.post(url, {"from_trash": "1"}, headers=over(shown + "?page=1"))
    location = json.loads(response["HX-Location"])
    assert (location["path"], location["target"]) == (shown + "?page=1", "#trash")
    assert is_listed(cast, "ink-portrait")
    trash.discard(cast.finetune, by=None)
    assert administrator.post(url, {"from_trash": "1"})["Location"] == shown


def test_for_good_takes_the_name_always(cast: Cast, administrator: Client) -> None:
    trash.discard(cast.finetune, by=None)
    url = url_of(cast, "finetune-remove", "ink-portrait")
    assert administrator.get(url).status_code == 200
    assert administrator.post(url).status_code == 422
    assert Finetune.objects.filter(pk=cast.finetune.pk).exists()
    response = administrator.post(url, {"typed": "ink-portrait"}, follow=True)
    assert response.redirect_chain == [(url_of(cast, "finetune-trash"), 302)]
    assert "deleted for good" in response.content.decode()
    assert not Finetune.objects.filter(pk=cast.finetune.pk).exists()


# --- Rename ------------------------------------------------------------------------------------------------


def test_rename_leads_to_the_new_page(cast: Cast, client: Client) -> None:
    url = url_of(cast, "finetune-rename", "ink-portrait")
    assert 'value="ink-portrait"' in client.get(url).content.decode()
    response = client.post(url, {"name": "ink"}, follow=True)
    assert response.redirect_chain == [(url_of(cast, "finetune", "ink"), 302)]
    assert "ink-portrait is called ink now" in response.content.decode()
    old = client.get(url_of(cast, "finetune", "ink-portrait"))
    assert old.status_code == 404
    assert "look for ink" in old.content.decode()


def test_rename_in_a_dialog_leaves_the_page_of_the_old_name(cast: Cast, client: Client) -> None:
    here = over(url_of(cast, "finetune-checkpoint", "ink-portrait"))
    response = client.post(url_of(cast, "finetune-rename", "ink-portrait"), {"name": "ink"}, headers=here)
    assert response["HX-Redirect"] == url_of(cast, "finetune", "ink")
    listed = url_of(cast, "finetunes")
    response = client.post(url_of(cast, "finetune-rename", "ink"), {"name": "ink-2"}, headers=over(listed))
    assert json.loads(response["HX-Location"])["target"] == "#catalog"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": "", "typed": "velvet-noir"}, "name"),
        ({"name": "Velvet", "typed": "velvet-noir"}, "name"),
        ({"name": "ink-portrait", "typed": "velvet-noir"}, "name"),
        ({"name": "velvet-noir", "typed": "velvet-noir"}, "name"),
        ({"name": "velvet", "typed": "velvet"}, "typed"),
        ({"name": "velvet"}, "typed"),
    ],
)
def test_refused_rename_stands_at_its_field_and_keeps_what_was_typed(
    cast: Cast, client: Client, data: dict[str, str], field: str
) -> None:
    response = client.post(url_of(cast, "finetune-rename", "velvet-noir"), data)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert f'value="{data["name"]}"' in response.content.decode() or not data["name"]
    assert is_listed(cast, "velvet-noir")
