"""Sharing in a browser: granted with limits, used by the recipient, limits changed, ended; and without scripts."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import sign_in
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

NAME = "nordic-light"
RECIPIENT, RECIPIENT_NAME = "administrator@bureau", "Bureau Delta"
ADDRESS_OF_USAGE = "/o/{org_id}/finetune/{name}/usage/"

pytestmark = pytest.mark.browser


@pytest.fixture
def recipient(browser: Browser, running_up: RunningUp) -> Iterator[tuple[Page, str]]:
    """The other organization's administrator in a browser of their own, and its org_id."""
    with browser.new_context() as context:
        page = context.new_page()
        yield page, sign_in(page, running_up, RECIPIENT)


def form_of(page: Page) -> Locator:
    return page.get_by_role("form", name="Share with another organization")


def grant_of(page: Page) -> Locator:
    return page.locator(".grant").filter(has_text=RECIPIENT_NAME)


def fill(page: Page, org_id: str, *, cap: int, days: int = 30) -> str:
    day = (timezone.now() + timedelta(days=days)).date().isoformat()
    form = form_of(page)
    form.get_by_label("Organization ID").fill(org_id)
    form.get_by_label("Expires").fill(day)
    form.get_by_label("Images a month").fill(str(cap))
    form.get_by_role("button", name="Grant").click()
    return day


def revoke_if_given(page: Page) -> None:
    if grant_of(page).count():
        grant_of(page).get_by_role("link", name="Revoke").click()
        page.get_by_role("button", name="Stop sharing").click()
        expect(grant_of(page)).to_have_count(0)


def test_grant_with_limits_from_both_sides(page: Page, running_up: RunningUp, recipient: tuple[Page, str]) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    theirs, their_id = recipient
    org_id = sign_in(page, running_up)
    tab = f"{running_up.base_url}/o/{org_id}/finetune/{NAME}/sharing/"
    page.goto(tab)
    revoke_if_given(page)

    grant_one_image(page, their_id)
    assert page.url == tab

    see_and_use_up(theirs, running_up, their_id, f"{org_id}/{NAME}")
    page.reload()
    expect(grant_of(page)).to_contain_text("1 of 1 image this month")
    change_limits(page, "5")
    check(page, "grants", EACH_ONCE)
    see_usage(page, running_up, org_id)

    page.goto(tab)
    revoke_if_given(page)
    theirs.get_by_label("Images", exact=True).fill("2")
    expect(theirs.locator("#quote")).to_contain_text("Pick a model")
    expect(theirs.locator("[data-run]")).to_have_attribute("aria-disabled", "true")
    theirs.goto(f"{running_up.base_url}/o/{their_id}/finetune/{org_id}~{NAME}/")
    expect(theirs.get_by_text("none of this name is shared with it")).to_be_visible()
    assert errors == []


def grant_one_image(page: Page, their_id: str) -> None:
    """After an ID that nobody has, and after a look at the name that was given up."""
    fill(page, "nobody-has-it", cap=1)
    expect(form_of(page).get_by_text("No organization has this ID")).to_be_visible()
    expect(form_of(page).get_by_label("Organization ID")).to_be_focused()
    expect(form_of(page).get_by_label("Images a month")).to_have_value("1")
    fill(page, their_id, cap=1)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(RECIPIENT_NAME)).to_be_visible()
    expect(dialog.get_by_text("at most 1")).to_be_visible()
    check(page, "confirm", EACH_ONCE)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(form_of(page).get_by_label("Organization ID")).to_have_value(their_id)
    form_of(page).get_by_role("button", name="Grant").click()
    dialog.get_by_role("button", name="Grant").click()
    expect(dialog).to_be_hidden()
    expect(grant_of(page)).to_contain_text("0 of 1 image this month")


def see_and_use_up(page: Page, up: RunningUp, org_id: str, finetune_id: str) -> None:
    """The recipient finds it under Shared with its owner, reads its terms, and is refused beyond its cap."""
    page.goto(f"{up.base_url}/o/{org_id}/finetunes/?tab=shared")
    row = page.get_by_role("row").filter(has_text=NAME)
    expect(row).to_contain_text("Atelier Nord")
    expect(row.locator(f"[data-copy='{finetune_id}']").first).to_be_visible()
    page.goto(f"{up.base_url}/o/{org_id}/finetune/{finetune_id.replace('/', '~')}/")
    expect(page.get_by_text("0 of 1 image used this month")).to_be_visible()
    check(page, "terms", EACH_ONCE)
    page.goto(f"{up.base_url}/o/{org_id}/playground/?model={finetune_id}")
    page.get_by_label("Prompt", exact=True).fill("a quiet pier")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#results .generation").filter(has_text="a quiet pier").first).to_be_visible()
    expect(page.locator("#quote")).to_contain_text("1 of 1 images of this finetune are used this month")
    expect(page.locator("[data-run]")).to_have_attribute("aria-disabled", "true")


def change_limits(page: Page, cap: str) -> None:
    grant_of(page).get_by_role("link", name="Edit limits").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Images a month")).to_have_value("1")
    dialog.get_by_label("Images a month").fill("0")
    dialog.get_by_role("button", name="Save limits").click()
    expect(dialog.get_by_label("Images a month")).to_have_attribute("aria-invalid", "true")
    check(page, "edit limits", EACH_ONCE)
    dialog.get_by_label("Images a month").fill(cap)
    dialog.get_by_role("button", name="Save limits").click()
    expect(dialog).to_be_hidden()
    expect(grant_of(page)).to_contain_text(f"1 of {cap} images this month")


def see_usage(page: Page, up: RunningUp, org_id: str) -> None:
    page.get_by_role("link", name="Usage", exact=True).last.click()
    row = page.locator(".use-callers").get_by_role("row").filter(has_text=RECIPIENT_NAME)
    expect(row).to_be_visible()
    page.get_by_role("link", name="4 weeks").click()
    expect(page.get_by_role("link", name="4 weeks")).to_have_attribute("aria-current", "page")
    assert page.url == f"{up.base_url}{ADDRESS_OF_USAGE.format(org_id=org_id, name=NAME)}?weeks=4"
    check(page, "usage with callers", EACH_ONCE)
    expect(page.get_by_text("a quiet pier")).to_have_count(0)


def test_grant_without_scripts(
    page: Page, running_up: RunningUp, browser: Browser, recipient: tuple[Page, str]
) -> None:
    _, their_id = recipient
    org_id = sign_in(page, running_up)
    cookies = page.context.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=cookies) as context:
        plain = context.new_page()
        plain.goto(f"{running_up.base_url}/o/{org_id}/finetune/{NAME}/sharing/")
        fill(plain, "nobody-has-it", cap=40)
        expect(plain.get_by_text("No organization has this ID")).to_be_visible()
        day = fill(plain, their_id, cap=40)
        expect(plain.get_by_text(RECIPIENT_NAME)).to_be_visible()
        plain.get_by_role("button", name="Back").click()
        expect(form_of(plain).get_by_label("Organization ID")).to_have_value(their_id)
        expect(form_of(plain).get_by_label("Expires")).to_have_value(day)
        form_of(plain).get_by_role("button", name="Grant").click()
        plain.get_by_role("button", name="Grant").click()
        expect(grant_of(plain)).to_contain_text("of 40 images this month")
        grant_of(plain).get_by_role("link", name="Edit limits").click()
        plain.get_by_label("Images a month").fill("")
        plain.get_by_role("button", name="Save limits").click()
        expect(grant_of(plain)).not_to_contain_text("of 40 images")
        grant_of(plain).get_by_role("link", name="Revoke").click()
        plain.get_by_role("button", name="Stop sharing").click()
        expect(grant_of(plain)).to_have_count(0)
