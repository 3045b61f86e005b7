"""The model picker in a browser: by keyboard and by finger, with many finetunes and with none that fits."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.bfl.endpoints import BASE_ENDPOINTS
from tests.browser.accounts import enter, sign_in
from tests.browser.look import EACH_ONCE, check
from tests.browser.playground import model_button, open_picker, pick_model, picked_model
from tests.running import RunningUp

MANY = 230
FINGER = 44  # px

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


@pytest.fixture
def many_finetunes(running_up: RunningUp) -> Iterator[None]:
    """In an organization that has none of its own."""
    file = running_up.data_dir / "dashboard.sqlite3"
    if not file.exists():
        pytest.skip("the finetunes are laid into the file of SQLite")
    zero = "(SELECT id FROM organizations_organization WHERE name = 'Studio Zero')"
    with closing(sqlite3.connect(file, timeout=10)) as database:
        database.create_function("REGEXP", 2, lambda pattern, text: bool(re.search(pattern, text)))
        names = [row[1] for row in database.execute("PRAGMA table_info(finetunes_finetune)") if row[1] != "id"]
        other = {"name": "'many-' || printf('%03d', value)", "organization_id": zero, "is_official": "0"}
        values = [other.get(name, "NULL" if name.endswith("_id") else name) for name in names]
        database.execute(
            f"INSERT INTO finetunes_finetune ({', '.join(names)}) WITH RECURSIVE numbers(value) AS "
            f"(SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < {MANY}) "
            f"SELECT {', '.join(values)} FROM (SELECT * FROM finetunes_finetune LIMIT 1), numbers"
        )
        database.commit()
        yield
        database.execute(f"DELETE FROM finetunes_finetune WHERE organization_id = {zero}")
        database.commit()


def test_model_is_picked_by_keyboard_alone(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    button, picker = model_button(page), page.get_by_role("dialog", name="Pick a model")
    button.press("ArrowDown")
    search = picker.get_by_role("combobox", name="Search models")
    expect(search).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.type("velvet")
    expect(picker.get_by_role("status")).to_have_text("1 match")
    page.keyboard.press("Enter")
    expect(picker).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(button).to_contain_text("velvet-noir")
    expect(picked_model(page)).to_have_value("velvet-noir")
    expect(page.locator("#model-note")).to_contain_text("/v1/flux-2-klein-9b-kv")
    expect(page.get_by_role("link", name="Open velvet-noir")).to_have_attribute(
        "href", re.compile("/finetune/velvet-noir/$")
    )


def test_list_is_walked_and_left_as_it_was(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    pick_model(page, "velvet-noir")
    picker = open_picker(page)
    search, options = picker.get_by_role("combobox"), picker.get_by_role("option")
    chosen = picker.get_by_role("option", selected=True)
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text("velvet-noir")

    def stands_on(place: int) -> None:
        option = options.nth(place)
        expect(search).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "none")
        expect(option).to_be_in_viewport()

    last = options.count() - 1
    expect(search).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "none")
    for key, place in (
        ("Home", 0),
        ("ArrowUp", 0),
        ("ArrowDown", 1),
        ("End", last),
        ("ArrowDown", last),
        ("ArrowUp", last - 1),
    ):
        page.keyboard.press(key)
        stands_on(place)
    page.keyboard.press("Escape")
    expect(picker).to_be_hidden()
    expect(model_button(page)).to_be_focused()
    expect(picked_model(page)).to_have_value("velvet-noir")


def test_enter_before_the_list_is_there_picks_what_was_typed(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    open_picker(page)
    page.keyboard.type("velvet")
    page.keyboard.press("Enter")
    expect(picked_model(page)).to_have_value("velvet-noir")
    open_picker(page)
    page.keyboard.type("klein 9b base")
    page.keyboard.press("Enter")
    expect(picked_model(page)).to_have_value("/v1/flux-2-klein-9b")
    expect(page.locator("#model-note")).to_contain_text("without a finetune")


def test_groups_have_names_and_nothing_found_says_what_was_searched(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@bureau")
    picker = open_picker(page)
    for name in ("Finetunes · Shared with us", "Base models"):
        expect(picker.get_by_role("group", name=name).get_by_role("option").first).to_be_visible()
    expect(picker.get_by_role("listbox", name="Models")).to_be_visible()
    shared = picker.get_by_role("option").filter(has_text="velvet-noir")
    for fact in ("Atelier Nord", "FLUX.2 [klein] 9B (KV-cached)", "velvet noir portrait"):
        expect(shared).to_contain_text(fact)
    expect(shared.locator(".picker-cover")).to_be_visible()
    check(page, "picker")
    search = picker.get_by_role("combobox")
    search.fill("no such style")
    expect(picker).to_contain_text("No model matches “no such style”.")
    expect(picker.get_by_role("status")).to_have_text("0 matches")
    check(page, "picker without matches", EACH_ONCE)
    picker.get_by_role("button", name="Clear the search").click()
    expect(search).to_have_value("")
    expect(search).to_be_focused()
    expect(picker.get_by_role("option").first).to_be_visible()
    page.mouse.click(5, 5)  # beside it
    expect(picker).to_be_hidden()


def test_one_of_many_is_reached_by_more_and_by_search(page: Page, running_up: RunningUp, many_finetunes: None) -> None:
    enter(page, running_up, "administrator@studio-zero")
    picker = open_picker(page)
    expect(picker.get_by_role("status")).to_contain_text(
        re.compile(rf"^{(MANY + len(BASE_ENDPOINTS)) // 10}\d models$")
    )
    more = picker.get_by_role("option", name="Show more of Finetunes · Owned")
    expect(picker.locator("[data-value^='many-']")).to_have_count(10)
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(picker.locator("[data-value^='many-']")).to_have_count(40)
    expect(picker.locator("[data-active]")).to_have_attribute("data-value", "many-011")
    more.click()
    expect(picker.locator("[data-value^='many-']")).to_have_count(70)
    page.keyboard.press("Escape")
    assert picked_model(page).locator("[value=many-229]").count() == 0  # a plain list has an end
    pick_model(page, "many-229")
    expect(page.locator("#model-note")).to_contain_text("Routes to")
    expect(model_button(page)).to_contain_text("many-229")


def test_refused_form_keeps_the_button_and_what_was_picked(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    pick_model(page, "velvet-noir")
    # The page's own button waits for a prompt; the server refuses whoever gets past it.
    page.locator("#generate").evaluate(
        "form => htmx.ajax('POST', form.action, { source: form, values: { prompt: ' ' } })"
    )
    expect(page.get_by_text("Write what the image should show.", exact=True).first).to_be_visible()
    expect(page.locator("#id_prompt")).to_have_attribute("aria-invalid", "true")
    expect(model_button(page)).to_contain_text("velvet-noir")
    expect(picked_model(page)).to_be_hidden()
    expect(picked_model(page)).to_have_value("velvet-noir")


def test_select_changed_by_something_else_shows_at_the_button(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    pick_model(page, "nordic-light")
    picked_model(page).evaluate(
        "select => { select.value = 'velvet-noir'; select.dispatchEvent(new Event('change', { bubbles: true })); }"
    )
    expect(model_button(page)).to_contain_text("velvet-noir")


def test_on_a_phone_it_is_a_sheet_that_a_finger_can_use(browser: Browser, page: Page, running_up: RunningUp) -> None:
    sign_in(page, running_up, "creator@atelier")
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    phone = context.new_page()
    phone.goto(running_up.base_url)
    model_button(phone).tap()
    picker = phone.get_by_role("dialog", name="Pick a model")
    option = picker.locator("[data-value='velvet-noir']")
    expect(option).to_be_visible()
    picker.evaluate("sheet => Promise.all(sheet.getAnimations().map((each) => each.finished))")
    assert picker.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    for target in (option, picker.get_by_role("button", name="Close")):
        box = target.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= FINGER
    option.tap()
    expect(picker).to_be_hidden()
    expect(picked_model(phone)).to_have_value("velvet-noir")
    context.close()


def test_without_scripts_the_plain_list_picks(browser: Browser, page: Page, running_up: RunningUp) -> None:
    sign_in(page, running_up, "creator@atelier")
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto(running_up.base_url)
    select = plain.get_by_label("Model", exact=True).and_(plain.locator("select"))
    expect(select).to_be_visible()
    expect(plain.locator("#model-button")).to_be_hidden()
    assert select.locator("optgroup").first.get_attribute("label") == "Finetunes · Owned"
    select.select_option("velvet-noir")
    expect(select).to_have_value("velvet-noir")
    context.close()
