"""The Playground by keys: earlier prompts, and the list of all shortcuts."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import enter, sign_in
from tests.browser.look import EACH_ONCE, check, check_part
from tests.running import RunningUp

WAIT_MS = 20_000

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]
EXPECTED_ERRORS = ("503",)


def prompt_of(page: Page) -> Locator:
    return page.get_by_label("Prompt", exact=True)


def generate(page: Page, *prompts: str) -> None:
    for prompt in prompts:
        prompt_of(page).fill(prompt)
        page.get_by_role("button", name="Generate").click()
        card = page.locator("#results .generation").filter(has_text=prompt).first
        expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)


def said(page: Page) -> Locator:
    return page.locator("#announcement")


def caret(page: Page) -> int:
    at: int = prompt_of(page).evaluate("field => field.selectionStart")
    return at


def test_arrows_step_through_earlier_prompts_and_back_to_the_draft(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@bureau")
    generate(page, "first of three", "second of three", "third of three")
    page.reload()
    prompt = prompt_of(page)
    prompt.fill("my draft")
    for text, place in (("third of three", 1), ("second of three", 2), ("first of three", 3)):
        prompt.press("Alt+ArrowUp")
        expect(prompt).to_have_value(text)
        expect(said(page)).to_have_text(f"Prompt {place} of 3")
        assert caret(page) == len(text)
    prompt.press("Alt+ArrowUp")
    expect(said(page)).to_have_text("The oldest prompt")
    for text in ("second of three", "third of three", "my draft", "my draft"):
        prompt.press("Alt+ArrowDown")
        expect(prompt).to_have_value(text)
    expect(said(page)).to_have_text("Your draft")


def test_what_was_just_generated_is_skipped_while_it_still_stands_there(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@bureau")
    generate(page, "an older one", "the newest one")
    prompt_of(page).press("Alt+ArrowUp")
    expect(prompt_of(page)).to_have_value("an older one")
    prompt_of(page).press("Alt+ArrowDown")
    prompt_of(page).press("Alt+ArrowDown")
    expect(prompt_of(page)).to_have_value("the newest one")


def test_draft_outlives_the_editing_of_an_earlier_prompt(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@bureau")
    generate(page, "to be written on")
    prompt = prompt_of(page)
    prompt.fill("a draft of mine")
    prompt.press("Alt+ArrowUp")
    expect(prompt).to_have_value("to be written on")
    prompt.press_sequentially(", in snow")
    prompt.press("Alt+ArrowUp")
    expect(prompt).to_have_value("a draft of mine")
    prompt.press("Alt+ArrowDown")
    expect(prompt).to_have_value("to be written on, in snow")


def test_list_of_earlier_prompts_by_mouse_and_by_keys(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@bureau")
    generate(page, "listed below", "listed above")
    prompt = prompt_of(page)
    prompt.fill("not to be lost")
    recent = page.locator(".recent-prompts > summary")
    recent.click()
    page.get_by_role("button", name="listed below", exact=True).click()
    expect(prompt).to_have_value("listed below")
    expect(prompt).to_be_focused()
    prompt.press("Alt+ArrowDown")
    prompt.press("Alt+ArrowDown")
    expect(prompt).to_have_value("not to be lost")
    recent.press("Enter")
    expect(page.get_by_role("button", name="listed above", exact=True)).to_be_visible()
    check_part(page, ".recent-prompts", "the list of earlier prompts")
    recent.press("ArrowDown")
    expect(page.get_by_role("button", name="listed above", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("listed below")
    recent.click()
    page.keyboard.press("Escape")
    expect(page.locator(".recent-prompts .more-menu")).to_be_hidden()


def test_prompts_are_asked_for_once_and_again_after_a_failure(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@bureau")
    generate(page, "asked for once")
    page.reload()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/prompts/") else None)
    page.route("**/playground/prompts/", lambda route: route.fulfill(status=503), times=1)
    prompt = prompt_of(page)
    prompt.fill("mine")
    prompt.press("Alt+ArrowUp")
    expect(said(page)).to_have_text("Earlier prompts could not be loaded. Try again.")
    expect(prompt).to_have_value("mine")
    for _ in range(3):
        prompt.press("Alt+ArrowUp")
    expect(prompt).not_to_have_value("mine")
    assert len(asked) == 2


def test_somebody_without_prompts_is_told_so(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "administrator@studio-zero")  # who has no credits, and so never generates
    prompt = prompt_of(page)
    prompt.fill("mine")
    prompt.press("Alt+ArrowUp")
    expect(said(page)).to_contain_text("No earlier prompts yet.")
    expect(prompt).to_have_value("mine")


def test_question_mark_lists_the_shortcuts_but_not_in_a_field(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    dialog = page.get_by_role("dialog", name="Shortcuts")
    prompt_of(page).fill("")
    prompt_of(page).press_sequentially("why?")
    expect(prompt_of(page)).to_have_value("why?")
    expect(dialog).to_be_hidden()
    button = page.get_by_role("button", name="Shortcuts")
    button.focus()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    check(page, "the shortcuts", EACH_ONCE)
    for words in ("Generate", "an earlier prompt", "Zoom in and out", "Close what is open"):
        expect(dialog).to_contain_text(words)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_question_mark_can_be_switched_off(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    dialog = page.get_by_role("dialog", name="Shortcuts")
    button = page.get_by_role("button", name="Shortcuts")
    button.click()
    dialog.get_by_label("Open this list with").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    button.focus()
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    button.click()
    dialog.get_by_label("Open this list with").check()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(dialog).to_be_visible()


def test_macs_read_their_own_names_and_fingers_see_no_button(
    browser: Browser, page: Page, running_up: RunningUp
) -> None:
    org_id = sign_in(page, running_up, "creator@atelier")
    context = browser.new_context(has_touch=True, is_mobile=True)
    context.add_cookies([{**cookie} for cookie in page.context.cookies()])  # type: ignore[typeddict-item]
    context.add_init_script("Object.defineProperty(navigator, 'platform', { value: 'MacIntel' })")
    mac = context.new_page()
    mac.goto(f"{running_up.base_url}/o/{org_id}/playground/")
    expect(mac.locator("#shortcuts")).to_contain_text("⌘")
    expect(mac.locator("#shortcuts")).not_to_contain_text("Ctrl")
    expect(mac.locator("[data-shortcuts-open]")).to_be_hidden()
    expect(mac.locator(".recent-prompts > summary")).to_be_visible()
    context.close()
