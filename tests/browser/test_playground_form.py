"""The Playground's form in a browser: prompt, parameters, price, why it can't run, and its code."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.accounts import enter, sign_in
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

WAIT_MS = 20_000
NORDIC, NOIR, PAPER, BASE = "nordic-light", "velvet-noir", "paper-cut", "/v1/flux-2-klein-4b"
BIG_SEED = str(2**64 - 3)

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]
EXPECTED_ERRORS = ("ERR_INTERNET_DISCONNECTED",)


def open_form(page: Page, up: RunningUp, model: str = NORDIC, email: str = "administrator@atelier") -> None:
    org_id = sign_in(page, up, email)
    page.goto(f"{up.base_url}/o/{org_id}/playground/?model={model}")


def pick(page: Page, model: str) -> None:
    """As the picker does; its list is another test's."""
    with page.expect_response(re.compile("/playground/parameters/")):
        page.locator("#id_model").evaluate(
            "(select, value) => { select.value = value;"
            " select.dispatchEvent(new Event('change', { bubbles: true })); }",
            model,
        )
    expect(page.locator("#model-note")).to_contain_text(BASE if model == BASE else "-finetuned")
    expect(page.locator("#parameters.htmx-request")).to_have_count(0)


def label(page: Page, name: str) -> Locator:
    return page.get_by_label(name, exact=True)


def button(page: Page) -> Locator:
    return page.locator("[data-run]")


def reason(page: Page) -> Locator:
    return page.locator(".run-reason:visible")


def all_done(page: Page) -> None:
    """None of the cards asks any more; a request on its way would end as an error of the next page."""
    expect(page.locator("#poller[hx-get]")).to_have_count(0, timeout=WAIT_MS)


# --- Prompt ------------------------------------------------------------------------------------------------------


def test_trigger_phrase_is_inserted_replaced_and_never_doubled(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    prompt = label(page, "Prompt")
    expect(prompt).to_have_value("nordic light style ")
    assert page.evaluate("document.activeElement === document.body")
    prompt.press_sequentially("at dusk")
    pick(page, NOIR)
    expect(prompt).to_have_value(re.compile("^velvet noir portrait .*at dusk$"))
    prompt.fill("A VELVET  noir Portrait by the sea")
    pick(page, BASE)
    pick(page, NOIR)
    expect(prompt).to_have_value("A VELVET  noir Portrait by the sea")
    prompt.fill("a photo, velvet noir portrait, by the sea")
    pick(page, NORDIC)
    expect(prompt).to_have_value("a photo, nordic light style, by the sea")
    prompt.fill("nordic light style, a pier")
    pick(page, BASE)
    expect(prompt).to_have_value("a pier")


def test_absent_trigger_phrase_is_noted_beside_the_button_and_does_not_block(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    missing = page.locator("#trigger-missing")
    expect(missing).to_be_hidden()
    label(page, "Prompt").fill("a pier")
    expect(missing).to_be_visible()
    expect(button(page)).not_to_have_attribute("aria-disabled", "true")
    assert "trigger-missing" in (button(page).get_attribute("aria-describedby") or "")
    page.get_by_role("button", name="nordic light style").click()
    expect(label(page, "Prompt")).to_have_value("nordic light style, a pier")
    expect(missing).to_be_hidden()


def test_example_fills_the_prompt_and_what_was_typed_comes_back(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    prompt, undo = label(page, "Prompt"), page.get_by_role("button", name="Undo")
    examples = page.locator("[data-example]")
    examples.first.click()
    expect(prompt).to_have_value(examples.first.get_attribute("data-example") or "")
    expect(undo).to_be_hidden()  # nothing of one's own was there
    prompt.fill("nordic light style, my own long thought")
    examples.last.press("Enter")
    expect(prompt).to_have_value(examples.last.get_attribute("data-example") or "")
    check(page, "undo of an example", EACH_ONCE)
    undo.click()
    expect(prompt).to_have_value("nordic light style, my own long thought")
    expect(prompt).to_be_focused()
    expect(undo).to_be_hidden()
    assert page.url.endswith(f"?model={NORDIC}")


def test_prompt_grows_up_to_a_part_of_the_window_and_tells_when_it_is_nearly_full(
    page: Page, running_up: RunningUp
) -> None:
    open_form(page, running_up)
    prompt, left = label(page, "Prompt"), page.locator("[data-characters-left]")

    def height() -> float:
        return float(prompt.evaluate("area => area.offsetHeight"))

    low = height()
    prompt.fill("line\n" * 9)
    assert low < height()
    prompt.fill("line\n" * 200)
    assert height() <= 0.4 * page.evaluate("innerHeight") + 2
    expect(left).to_be_hidden()
    prompt.fill("x" * 99_000)
    expect(left).to_have_text("1,000 characters left")


# --- Parameters --------------------------------------------------------------------------------------------------


def test_untouched_strength_follows_the_recommendation_and_a_touched_one_stays(
    page: Page, running_up: RunningUp
) -> None:
    open_form(page, running_up)
    strength = label(page, "Strength")
    recommended = page.get_by_role("button", name="Use recommended")
    expect(strength).to_have_value("0.9")
    expect(recommended).to_be_hidden()
    pick(page, PAPER)
    expect(strength).to_have_value("1.1")
    page.get_by_role("slider", name="Strength").fill("0.5")
    expect(strength).to_have_value("0.5")
    pick(page, NORDIC)
    expect(strength).to_have_value("0.5")
    pick(page, BASE)
    expect(strength).to_have_count(0)
    pick(page, NORDIC)
    expect(strength).to_have_value("0.5")
    recommended.click()
    expect(strength).to_have_value("0.9")
    expect(strength).to_be_focused()
    expect(page.get_by_role("slider", name="Strength")).to_have_value("0.9")
    pick(page, PAPER)
    expect(strength).to_have_value("1.1")


def test_what_is_filled_in_while_another_model_loads_is_not_lost(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    page.evaluate(
        "() => { const set = (name, value) => { const field = document.querySelector(`#generate [name=${name}]`);"
        " field.value = value; for (const type of ['input', 'change'])"
        " field.dispatchEvent(new Event(type, { bubbles: true })); };"
        " set('model', 'paper-cut'); set('finetune_strength', '0.9'); set('seed', '7'); }"
    )
    expect(page.locator("[data-recommended]")).to_have_attribute("data-recommended", "1.1")
    expect(label(page, "Strength")).to_have_value("0.9")
    expect(label(page, "Seed")).to_have_value("7")


def test_aspects_keep_the_megapixels_and_numbers_tell_them(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    width, height, note = label(page, "Width"), label(page, "Height"), page.locator("[data-megapixels]")
    square = page.get_by_role("button", name="1:1")
    expect(square).to_have_attribute("aria-pressed", "true")
    for aspect in ("4:3", "3:2", "16:9", "3:4", "2:3", "9:16") * 2:
        page.get_by_role("button", name=aspect, exact=True).click()
        expect(page.locator("[data-aspect][aria-pressed=true]")).to_have_text(aspect)
        sides = int(width.input_value()), int(height.input_value())
        assert all(side % 16 == 0 for side in sides)
        assert 0.94 * 2**20 <= sides[0] * sides[1] <= 2**20
    square.click()
    expect(width).to_have_value("1024")
    width.fill("2048")
    expect(note).to_have_text("2 MP. Multiples of 16; 4 MP at most.")
    page.get_by_role("button", name="Swap").click()
    expect(height).to_have_value("2048")
    expect(width).to_have_value("1024")
    expect(page.locator("#quote")).to_contain_text("1.5 credits")
    height.fill("8192")
    expect(note).to_have_text("Width times height is over 4 MP; use a smaller size.")
    expect(reason(page)).to_have_text("Width times height is over 4 MP; use a smaller size.")
    square.click()
    expect(width).to_have_value("2048")
    expect(reason(page)).to_have_count(0)
    width.fill("16")
    expect(note).to_have_text("Width: Use 64 or more.")


def test_size_of_the_first_image_leaves_both_sides_open(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    as_image = page.get_by_role("button", name="As image 1")
    expect(as_image).to_be_hidden()
    page.locator("#generate").evaluate("form => form.setAttribute('data-has-references', '')")
    as_image.click()
    expect(label(page, "Width")).to_have_value("")
    expect(label(page, "Height")).to_have_value("")
    expect(as_image).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-megapixels]")).to_have_text("The size of image 1, 1 MP at most.")
    pick(page, PAPER)
    expect(label(page, "Width")).to_have_value("")


def test_seed_is_locked_drawn_and_counted_on(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    seed, lock, dice = label(page, "Seed"), page.locator("[data-lock-seed]"), page.locator("[data-dice]")
    expect(lock).to_have_attribute("aria-pressed", "false")
    dice.click()
    drawn = seed.input_value()
    assert drawn.isdecimal()
    expect(lock).to_have_attribute("aria-pressed", "true")
    lock.click()
    expect(seed).to_have_value("")
    seed.fill("5")
    more = page.get_by_role("button", name="One image more")
    for _ in range(2):
        more.click()
    expect(page.get_by_text("Seeds 5 to 7")).to_be_visible()
    expect(page.locator("#quote")).to_contain_text("3 × 1.4")
    for _ in range(9):
        more.click()
    expect(label(page, "Images")).to_have_value("8")
    seed.fill(BIG_SEED)
    expect(page.get_by_text(f"Seeds {BIG_SEED} to ")).to_contain_text(str(2**64 + 4))


def test_lock_takes_the_seed_of_the_newest_result_and_stays(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    prompt, seed = label(page, "Prompt"), label(page, "Seed")
    prompt.fill("nordic light style, a locked gate")
    button(page).click()
    card = page.locator("#results .generation").filter(has_text="a locked gate").first
    expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    expect(seed).to_have_value("")
    page.locator("[data-lock-seed]").click()
    drawn = re.sub(r"\D", "", card.locator(".facts .copy-chip").inner_text())
    expect(seed).to_have_value(drawn)
    button(page).click()
    expect(page.locator("#results .generation").filter(has_text="a locked gate")).to_have_count(2)
    expect(seed).to_have_value(drawn)
    all_done(page)


# --- Price and running ---------------------------------------------------------------------------------------------


def test_missing_prompt_is_the_reason_and_pressing_leads_to_it(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up, BASE)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/playground/") else None)
    expect(button(page)).to_have_attribute("aria-disabled", "true")
    expect(reason(page)).to_have_text("Write what the image should show.")
    button(page).press("Enter")
    expect(label(page, "Prompt")).to_be_focused()
    expect(page.locator("#announcement")).to_have_text("Write what the image should show.")
    check(page, "missing prompt", EACH_ONCE)
    label(page, "Prompt").press_sequentially("a")
    expect(reason(page)).to_have_count(0)
    expect(button(page)).not_to_have_attribute("aria-disabled", "true")
    assert sent == []


def test_without_credits_the_button_says_so_and_leads_to_billing(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up, BASE, "administrator@studio-zero")
    label(page, "Prompt").fill("anything")
    expect(reason(page)).to_contain_text("Not enough credits")
    expect(page.locator("#quote").get_by_role("link", name="Billing")).to_be_visible()
    button(page).press("Enter")
    expect(page.locator("#announcement")).to_contain_text("Not enough credits")
    expect(page.locator("#results .generation")).to_have_count(0)


def test_viewer_reads_who_generates_and_nothing_runs(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up, email="viewer@atelier")
    expect(button(page)).to_have_attribute("aria-disabled", "true")
    expect(reason(page)).to_contain_text("Viewer")
    label(page, "Prompt").press("Control+Enter")
    expect(page.locator("#announcement")).to_contain_text("Viewer")
    expect(page.locator("#results .generation")).to_have_count(0)


def test_ctrl_enter_runs_from_anywhere_but_another_form(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    label(page, "Prompt").fill("nordic light style, by shortcut")
    cards = page.locator("#results .generation").filter(has_text="by shortcut")
    page.locator("#main").focus()
    page.keyboard.press("Control+Enter")
    expect(cards).to_have_count(1)
    all_done(page)
    label(page, "Height").press("Control+Enter")
    expect(cards).to_have_count(2)
    page.evaluate(
        "document.querySelector('#main').insertAdjacentHTML('beforeend', '<form id=other><input id=elsewhere></form>')"
    )
    page.locator("#elsewhere").press("Control+Enter")
    expect(cards).to_have_count(2)
    all_done(page)


def test_offline_is_said_and_the_price_is_not_asked_for(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    label(page, "Prompt").fill("a pier")
    all_done(page)
    page.context.set_offline(True)
    expect(reason(page)).to_contain_text("You are offline.")
    label(page, "Width").fill("2048")
    page.wait_for_timeout(700)
    expect(page.locator("#toasts > *")).to_have_count(0)
    page.context.set_offline(False)
    expect(reason(page)).to_have_count(0)
    expect(page.locator("#quote")).to_contain_text("1.5 credits")


def test_price_says_that_it_is_being_asked_for(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    held: list[Route] = []
    page.route("**/playground/quote/", lambda route: held.append(route))
    page.get_by_role("button", name="One image more").click()
    expect(page.locator("#quote .price-wait")).to_be_visible()
    for route in held:
        route.continue_()
    expect(page.locator("#quote")).to_contain_text("2.8 credits")
    expect(page.locator("#quote .price-wait")).to_be_hidden()


# --- Code, and the whole -------------------------------------------------------------------------------------------


def test_code_follows_the_form_while_it_is_open(page: Page, running_up: RunningUp) -> None:
    open_form(page, running_up)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=running_up.base_url)
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request) if "/snippets/" in request.url else None)
    label(page, "Prompt").fill("closed")
    page.locator("[data-snippets] summary").click()
    curl = page.locator("#form-curl-text")
    expect(curl).to_contain_text('"prompt": "closed"')
    assert len(asked) == 1
    label(page, "Prompt").fill("it's open")
    expect(curl).to_contain_text("s open")
    page.locator("label").filter(has_text="Python").click()
    expect(page.locator("#form-python-text")).to_contain_text(json.dumps("it's open"))
    label(page, "Seed").fill("41")
    expect(page.locator("#form-python-text")).to_contain_text('"seed": 41')
    expect(page.locator("#form-python-text")).to_be_visible()  # the language that was chosen
    page.locator("#snippets .language:visible").get_by_role("button", name="Copy").click()
    expect(page.locator("#toasts")).to_contain_text("Copied the Python example")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#form-python-text").text_content()
    check(page, "code", EACH_ONCE)
    label(page, "Prompt").fill("")
    expect(page.locator("#snippets")).to_contain_text("Prompt: Write what the image should show.")


def test_form_stands_beside_the_results_and_on_a_phone_above_them(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "administrator@atelier")
    check(page, "form")
    form, results = page.locator("#generate"), page.get_by_role("region", name="Results")

    def edge(part: Locator, side: str) -> float:
        return float(part.evaluate(f"part => part.getBoundingClientRect().{side}"))

    page.set_viewport_size({"width": 1440, "height": 900})
    assert edge(form, "right") < edge(results, "left")
    assert abs(edge(form, "top") - edge(results, "top")) < 40
    page.set_viewport_size({"width": 390, "height": 844})
    assert edge(form, "bottom") < edge(results, "top")
    assert edge(form, "left") == edge(results, "left")
    small = page.evaluate(
        "() => [...document.querySelectorAll('#generate :is(button, select, a, input:not([type=hidden]))')]"
        ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 24).map(e => e.outerHTML.slice(0, 80))"
    )
    assert small == []
