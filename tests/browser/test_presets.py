"""Presets in a browser: saved, laid in without a reload, replaced, renamed, deleted with Undo; also without scripts."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import enter, sign_in
from tests.browser.look import EACH_ONCE, check, check_part
from tests.running import RunningUp

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def open_menu(page: Page) -> Locator:
    page.locator(".preset-menu > summary").click()
    return page.locator(".preset-list")


def ask_for_name(page: Page) -> Locator:
    open_menu(page).get_by_role("button", name="Save as preset…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Save as preset")).to_be_visible()
    expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    return dialog


def save(page: Page, name: str) -> None:
    dialog = ask_for_name(page)
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(f"Saved the preset {name}.")).to_be_visible()
    expect(page.locator("#dialog")).to_be_hidden()


def fields(page: Page) -> tuple[Locator, Locator]:
    return page.get_by_label("Prompt", exact=True), page.get_by_label("Seed", exact=True)


def test_form_is_saved_and_laid_in_again_and_back_leads_back(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    prompt, seed = fields(page)
    prompt.fill("a lamp in the fog")
    seed.fill("41")
    save(page, "Foggy lamp")
    expect(page.locator(".preset-menu > summary")).to_be_focused()
    expect(page.locator(".preset-current")).to_have_text(re.compile("Foggy lamp"))

    page.goto(f"{running_up.base_url}")
    plain = page.url
    page.evaluate("window.samePage = true")
    open_menu(page).get_by_role("link", name="Foggy lamp", exact=True).click()
    expect(prompt).to_have_value("a lamp in the fog")
    expect(seed).to_have_value("41")
    expect(page.locator("#announcement")).to_have_text("The form is filled in from Foggy lamp.")
    expect(page.locator(".preset-menu > summary")).to_be_focused()
    assert page.evaluate("window.samePage") is True
    expect(page).to_have_url(re.compile(r"\?preset=[0-9a-f-]{36}$"))
    expect(page.locator(".preset-list a[aria-current]")).to_have_text("Foggy lamp")
    page.go_back()
    expect(page).to_have_url(plain)
    expect(seed).to_have_value("")
    page.go_forward()
    expect(seed).to_have_value("41")


def test_preset_without_a_prompt_leaves_the_typed_one_alone(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    prompt, seed = fields(page)
    prompt.fill("")
    seed.fill("77")
    save(page, "Seed alone")
    seed.fill("")
    prompt.fill("typed just now")
    open_menu(page).get_by_role("link", name="Seed alone", exact=True).click()
    expect(seed).to_have_value("77")
    expect(prompt).to_have_value("typed just now")


def test_prompt_that_a_preset_replaced_is_a_key_away(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    prompt, _ = fields(page)
    prompt.fill("of the preset")
    save(page, "With a prompt")
    prompt.fill("typed and not yet used")
    open_menu(page).get_by_role("link", name="With a prompt", exact=True).click()
    expect(prompt).to_have_value("of the preset")
    prompt.press("Alt+ArrowUp")
    expect(prompt).to_have_value("typed and not yet used")


def test_taken_name_is_replaced_only_when_told_to(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    prompt, _ = fields(page)
    prompt.fill("the first")
    save(page, "Twice")
    prompt.fill("the second")
    dialog = ask_for_name(page)
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Twice")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("You have a preset named Twice already.")
    expect(dialog.get_by_role("alert")).to_be_focused()
    check(page, "a preset that is there already", EACH_ONCE)
    dialog.get_by_role("button", name="Replace it").click()
    expect(page.locator("#dialog")).to_be_hidden()
    page.reload()
    expect(open_menu(page).get_by_role("link", name="Twice", exact=True)).to_have_count(1)
    page.get_by_role("link", name="Twice", exact=True).click()
    expect(prompt).to_have_value("the second")


def test_preset_is_renamed_deleted_and_brought_back(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    prompt, _ = fields(page)
    prompt.fill("kept while its name changes")
    save(page, "Before")
    open_menu(page).get_by_role("link", name="Rename or delete Before").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    check(page, "the dialog of a preset", EACH_ONCE)
    dialog.get_by_label("Name", exact=True).fill("After")
    dialog.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_text("Before is called After now.")).to_be_visible()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator(".preset-current")).to_have_text(re.compile("After"))
    expect(prompt).to_have_value("kept while its name changes")

    open_menu(page).get_by_role("link", name="Rename or delete After").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator(".preset-current")).to_have_text("Presets")
    undo = page.get_by_role("button", name="Undo: Deleted the preset After.")
    expect(page.get_by_role("link", name="After", exact=True)).to_have_count(0)
    undo.click()
    expect(page.get_by_text("The preset After is back.")).to_be_visible()
    expect(open_menu(page).get_by_role("link", name="After", exact=True)).to_be_visible()


def test_menu_in_each_view_and_closed_by_escape(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "developer@atelier")
    menu = open_menu(page)
    expect(menu).to_contain_text("No presets yet.")
    check_part(page, ".preset-list", "the menu of presets, empty")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    dialog = ask_for_name(page)
    dialog.get_by_label("Everyone in Atelier Nord who generates").check()
    dialog.get_by_label("Name", exact=True).fill("House style")
    check(page, "the dialog that saves a preset", EACH_ONCE)
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#dialog")).to_be_hidden()
    open_menu(page)
    check_part(page, ".preset-list", "the menu of presets")
    page.context.clear_cookies()
    enter(page, running_up, "creator@atelier")
    menu = open_menu(page)
    expect(menu.get_by_role("link", name="House style", exact=True)).to_be_visible()
    expect(menu.get_by_role("link", name="Rename or delete House style")).to_have_count(0)


def test_enter_in_a_field_generates_and_saves_no_preset(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    prompt, seed = fields(page)
    prompt.fill("sent by Enter")
    seed.press("Enter")
    expect(page.locator("#results .generation").filter(has_text="sent by Enter").first).to_be_visible()
    expect(page.locator("#dialog")).to_be_hidden()


def test_whole_way_without_scripts(browser: Browser, running_up: RunningUp, page: Page) -> None:
    org_id = sign_in(page, running_up, "administrator@bureau")
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{**cookie} for cookie in page.context.cookies()])  # type: ignore[typeddict-item]
    plain = context.new_page()
    plain.goto(f"{running_up.base_url}/o/{org_id}/playground/")
    plain.get_by_label("Prompt", exact=True).fill("kept without scripts")
    plain.get_by_role("button", name="Save as preset…").click()
    plain.get_by_label("Name", exact=True).fill("Plain")
    plain.get_by_role("button", name="Save", exact=True).click()
    expect(plain.get_by_label("Prompt", exact=True)).to_have_value("kept without scripts")
    plain.locator(".preset-menu > summary").click()
    plain.get_by_role("link", name="Rename or delete Plain").click()
    plain.get_by_role("button", name="Delete").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Playground")
    plain.get_by_role("button", name="Undo: Deleted the preset Plain.").click()
    plain.locator(".preset-menu > summary").click()
    plain.get_by_role("link", name="Plain", exact=True).click()
    expect(plain.get_by_label("Prompt", exact=True)).to_have_value("kept without scripts")
    context.close()
