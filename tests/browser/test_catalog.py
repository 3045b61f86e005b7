"""The catalog's list in a browser: found by search, tab and filter, opened in place, starred, tagged and deleted."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import sign_in
from tests.browser.keyboard import walk
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

pytestmark = pytest.mark.browser


@pytest.fixture
def catalog(page: Page, running_up: RunningUp) -> Page:
    """The list, with leave to read what was copied."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetunes/")
    return page


@pytest.fixture
def plain(browser: Browser, running_up: RunningUp) -> Iterator[Page]:
    """The list in a browser without JavaScript."""
    with browser.new_context() as scripted:
        org_id = sign_in(scripted.new_page(), running_up)
        state = scripted.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        page = context.new_page()
        page.goto(f"{running_up.base_url}/o/{org_id}/finetunes/")
        yield page


def row(page: Page, name: str) -> Locator:
    return page.locator(".finetune-row").filter(has=page.get_by_role("link", name=name, exact=True))


def names(page: Page) -> Locator:
    return page.locator("[data-expands]")


def test_search_tab_and_filter_stand_in_the_address_and_back_leads_back(catalog: Page) -> None:
    search = catalog.get_by_label("Search", exact=True)
    for typed in ("no", "noir"):
        search.press_sequentially(typed.removeprefix("no") or typed)
        expect(catalog).to_have_url(re.compile(rf"/finetunes/\?q={typed}$"))
    expect(names(catalog)).to_have_text(["velvet-noir"])
    expect(search).to_be_focused()
    assert catalog.url.endswith("/finetunes/?q=noir")
    catalog.get_by_label("Precision").select_option("fp8")
    expect(catalog.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert catalog.url.endswith("/finetunes/?q=noir&precision=fp8")
    check(catalog, "catalog, nothing matches", EACH_ONCE)
    catalog.go_back()
    expect(names(catalog)).to_have_text(["velvet-noir"])
    expect(catalog.get_by_label("Precision")).to_have_value("")
    catalog.go_back()
    expect(search).to_have_value("")  # all that was typed is one step
    catalog.go_forward()
    expect(names(catalog)).to_have_text(["velvet-noir"])
    catalog.get_by_role("link", name="Shared").click()
    expect(catalog.get_by_role("heading", name="Nothing matches")).to_be_visible()
    expect(search).to_have_value("noir")
    catalog.get_by_role("link", name="Clear filters").click()
    expect(catalog.get_by_role("heading", name="Nothing is shared with Atelier Nord yet")).to_be_visible()
    catalog.get_by_role("link", name="Owned").click()
    expect(search).to_have_value("")


def test_sort_and_tag_are_chosen_from_lists(catalog: Page) -> None:
    catalog.locator("#catalog-tag").select_option("landscape")
    expect(names(catalog)).to_have_text(["nordic-light"])
    catalog.get_by_role("link", name="Clear filters").click()
    expect(catalog.locator("#clear-filters")).to_have_count(0)
    catalog.get_by_label("Sort by").select_option("newest")
    expect(catalog).to_have_url(re.compile(r"/finetunes/\?sort=newest$"))


def test_row_opens_beneath_itself_by_keyboard(catalog: Page) -> None:
    link = row(catalog, "nordic-light").get_by_role("link", name="nordic-light", exact=True)
    link.focus()
    catalog.keyboard.press("Enter")
    panel = catalog.locator(".finetune-detail .panel")
    expect(panel).to_be_visible()
    expect(link).to_have_attribute("aria-expanded", "true")
    expect(link).to_be_focused()
    check(catalog, "expanded row", EACH_ONCE)
    walk(catalog, "expanded row")
    panel.get_by_role("link", name="Checkpoint", exact=True).click()
    expect(panel.get_by_role("link", name="Checkpoint", exact=True)).to_have_attribute("aria-current", "page")
    assert catalog.url.endswith("/finetunes/")
    row(catalog, "velvet-noir").locator(".finetune-base").click()
    expect(catalog.locator(".finetune-detail .panel")).to_have_count(2)
    link.press("Enter")
    expect(catalog.locator(".finetune-detail:visible")).to_have_count(1)
    expect(link).to_have_attribute("aria-expanded", "false")


def test_row_that_changed_is_loaded_anew_and_stays_open(catalog: Page) -> None:
    chosen = row(catalog, "velvet-noir")
    chosen.get_by_label("Select velvet-noir").check()
    chosen.locator(".finetune-base").click()
    expect(catalog.locator(".finetune-detail .panel")).to_be_visible()
    number = (chosen.get_attribute("id") or "").removeprefix("row-")
    with catalog.expect_response(lambda response: f"/rows/{number}/" in response.url):
        catalog.evaluate("number => htmx.trigger(document.body, `finetune-changed-${number}`)", number)
    link = chosen.get_by_role("link", name="velvet-noir", exact=True)
    expect(link).to_have_attribute("aria-expanded", "true")
    expect(chosen.get_by_label("Select velvet-noir")).to_be_checked()
    expect(catalog.get_by_text("1 selected")).to_be_visible()


def test_id_is_copied_and_a_star_stays(catalog: Page) -> None:
    chosen = row(catalog, "paper-cut")
    chosen.get_by_role("button", name="Copy ID paper-cut").click()
    assert catalog.evaluate("navigator.clipboard.readText()") == "paper-cut"
    star = chosen.get_by_role("button", name="Favourite: paper-cut")
    star.press("Enter")
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(star).to_be_focused()
    catalog.get_by_label("Favourites").check(force=True)
    expect(names(catalog)).to_have_text(["paper-cut"])
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")


def test_several_are_tagged_at_once_and_a_refusal_keeps_what_was_typed(catalog: Page) -> None:
    for name in ("nordic-light", "paper-cut"):
        catalog.get_by_label(f"Select {name}").check()
    expect(catalog.get_by_text("2 selected")).to_be_visible()
    tag = catalog.locator("#bulk-tag")
    tag.fill("no, commas")
    tag.press("Enter")
    expect(catalog.get_by_text("Use only letters, digits")).to_be_visible()
    expect(tag).to_have_value("no, commas")
    check(catalog, "refused tag", EACH_ONCE)
    tag.fill("Season 26")
    catalog.get_by_role("button", name="Add tag").click()
    expect(catalog.get_by_text("Tagged 2 finetunes season 26.")).to_be_visible()
    expect(row(catalog, "paper-cut").get_by_role("link", name="Tag: season 26")).to_be_visible()
    expect(catalog.get_by_text("2 selected")).to_be_visible()
    tag.fill("season 26")
    catalog.get_by_role("button", name="Remove tag").click()
    expect(catalog.get_by_role("link", name="Tag: season 26")).to_have_count(0)


def test_all_are_selected_deleted_and_brought_back(catalog: Page) -> None:
    catalog.get_by_label("Search", exact=True).fill("nordic")
    expect(names(catalog)).to_have_text(["nordic-light"])
    catalog.get_by_label("Select all").check()
    catalog.get_by_role("button", name="Delete…").click()
    dialog = catalog.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_text(["nordic-light"])
    check(catalog, "delete several", EACH_ONCE)
    dialog.get_by_role("button", name="Delete nordic-light").click()
    expect(dialog).to_be_hidden()
    expect(names(catalog)).to_have_count(0)
    expect(catalog).to_have_url(re.compile(r"\?q=nordic$"))
    catalog.get_by_role("button", name="Undo").press("Enter")
    expect(names(catalog)).to_have_text(["nordic-light"])
    expect(names(catalog)).to_be_focused()


def test_list_search_and_tag_work_without_javascript(plain: Page) -> None:
    check_names = names(plain)
    expect(check_names.filter(has_text="velvet-noir")).to_have_count(1)
    plain.get_by_label("Search", exact=True).fill("noir")
    plain.get_by_role("button", name="Search").click()
    expect(check_names).to_have_text(["velvet-noir"])
    plain.get_by_label("Select velvet-noir").check()
    plain.locator("#bulk-tag").fill("by hand")
    plain.get_by_role("button", name="Add tag").click()
    expect(plain.get_by_text("Tagged 1 finetune by hand.")).to_be_visible()
    expect(check_names).to_have_text(["velvet-noir"])
    plain.get_by_label("Select velvet-noir").check()
    plain.locator("#bulk-tag").fill("by hand")
    plain.get_by_role("button", name="Remove tag").click()
    plain.get_by_role("button", name="Favourite: velvet-noir").click()
    expect(plain.get_by_role("button", name="Favourite: velvet-noir")).to_have_attribute("aria-pressed", "true")
    plain.get_by_role("button", name="Favourite: velvet-noir").click()
    check_names.first.click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("velvet-noir")
