"""The main path by keyboard alone, with the tree and the words that a screen reader is given on the way."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import model_button, picked_model
from tests.running import RunningUp

WAIT_MS = 20_000
MOST_STOPS = 60
PROMPT = "velvet noir portrait of a ferryman [slow 2]"
LISTEN = """() => {
    window.said = [];
    const region = document.getElementById("announcement");
    const listen = () => region.textContent.trim() && window.said.push(region.textContent.trim());
    new MutationObserver(listen).observe(region, { childList: true, characterData: true, subtree: true });
}"""
FORM = """
- button "Shortcuts"
- combobox "Model": /velvet-noir/
- paragraph:
  - code: /v1/flux-2-klein-9b-kv-bf16-finetuned
  - link "Open velvet-noir"
- group: Recent
- textbox "Prompt"
- list "Examples":
  - listitem:
    - link
- group /Reference images/:
  - list "Reference images, in their order"
  - button /Add images/
- slider "Strength slider"
- spinbutton "Strength"
- group "Size":
  - group "Aspect":
    - button "1:1" [pressed]
  - spinbutton "Width": "1024"
  - button "Swap width and height"
  - spinbutton "Height": "1024"
- spinbutton "Seed"
- button "Lock the seed"
- button "Draw a seed"
- button "One image fewer"
- spinbutton "Images": "1"
- button "One image more"
- combobox "Format"
- combobox "Safety tolerance"
- paragraph:
  - strong: 1.5 credits
- button /^Generate/
- button "Sweep…"
"""
RUNNING = """
- 'article "Pending: velvet noir portrait of a ferryman [slow 2]"':
  - text: /Queued|Running/
  - time: /\\d+ s/
  - paragraph: velvet noir portrait of a ferryman [slow 2]
  - list
  - link "Use all"
  - group: More for this result
"""
READY = """
- 'article "Ready: velvet noir portrait of a ferryman [slow 2]"':
  - link "velvet noir portrait of a ferryman [slow 2]":
    - img "velvet noir portrait of a ferryman [slow 2]"
  - paragraph: velvet noir portrait of a ferryman [slow 2]
  - list:
    - listitem:
      - code: velvet-noir
      - text: v1
    - listitem: strength 0.85
    - listitem:
      - button "Copy seed 7"
    - listitem: 1024 × 1024
    - listitem: 1.5 credits
  - link "Use all"
  - link "Compare"
  - group: More for this result
  - 'button "Star: velvet noir portrait of a ferryman [slow 2]"'
  - 'link "Delete: velvet noir portrait of a ferryman [slow 2]"'
"""
VIEWER = """
- dialog "Result, large":
  - status
  - group "Zoom":
    - button "Zoom out"
    - 'button "Zoom: Fit"'
    - button "Zoom in"
  - link "Use as input"
  - link "All details, on its own page"
  - link "Download"
  - button "Close"
  - group "Image":
    - img "velvet noir portrait of a ferryman [slow 2]"
  - group "Parameters":
    - term: Seed
    - definition: "7"
    - term: Cost
    - definition: 1.5 credits
"""

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def has_a_place(page: Page) -> None:
    """A button that is disabled while its request runs is given the focus back by the page."""
    page.wait_for_function("() => document.hasFocus() && document.activeElement !== document.body")


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """As often as it takes; what has the focus on the way is on the page."""
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        has_a_place(page)
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{key} does not reach {target}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        has_a_place(page)


def log_in_by_keys(page: Page, up: RunningUp, email: str) -> None:
    user = next(user for user in up.demo["users"] if user["email"].startswith(email))
    page.goto(up.base_url)
    tab_to(page, page.locator("input[name=login]"))
    page.keyboard.type(user["email"])
    tab_to(page, page.locator("input[name=password]"))
    page.keyboard.type(user["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")


def fill_in_by_keys(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first link leads past the navigation
    tab_to(page, model_button(page))
    press(page, "ArrowDown")
    page.keyboard.type("velvet")
    expect(page.get_by_role("dialog", name="Pick a model").get_by_role("status")).to_have_text("1 match")
    press(page, "Enter")
    expect(picked_model(page)).to_have_value("velvet-noir")
    expect(model_button(page)).to_be_focused()
    expect(page.locator("#model-note")).to_contain_text("9b-kv-bf16")
    tab_to(page, page.get_by_label("Prompt", exact=True))
    press(page, "Control+a")
    page.keyboard.type(PROMPT)
    tab_to(page, page.get_by_role("slider", name="Strength"))
    press(page, "Home", *["ArrowRight"] * 17)
    expect(page.get_by_label("Strength", exact=True)).to_have_value("0.85")
    tab_to(page, page.get_by_label("Seed", exact=True))
    page.keyboard.type("7")


def test_image_is_made_seen_and_used_again_by_keyboard_alone(page: Page, running_up: RunningUp) -> None:
    log_in_by_keys(page, running_up, "creator@atelier")
    fill_in_by_keys(page)
    expect(page.get_by_text("1.5 credits").first).to_be_visible()
    expect(page.locator("#generate")).to_match_aria_snapshot(FORM)
    page.evaluate(LISTEN)
    button = page.locator("[data-run]")
    tab_to(page, button)
    press(page, "Enter")

    card = page.locator("#results .generation").first
    expect(page.locator("#results")).to_match_aria_snapshot(RUNNING)
    expect(button).to_be_focused()
    tab_to(page, card.get_by_role("link", name="Use all"))
    expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("window.said") == ["Generating.", "Your image is ready."]
    expect(page.locator("#results")).to_match_aria_snapshot(READY)
    expect(card).to_be_focused()  # the button that had it is gone with the running card

    look_at_it_large(page, card)
    keep_it(page, card)
    use_it_again(page, card)
    delete_it(page, card)


def look_at_it_large(page: Page, card: Locator) -> None:
    tab_to(page, card.locator("a.picture"))
    press(page, "Enter")
    viewer = page.get_by_role("dialog", name="Result, large")
    expect(viewer).to_match_aria_snapshot(VIEWER)
    tab_to(page, viewer.get_by_role("link", name="Download"), "Shift+Tab")
    with page.expect_download() as started:
        press(page, "Enter")
    assert re.search(r"\.(jpe?g|png)$", started.value.suggested_filename)
    press(page, "Escape")
    expect(viewer).to_be_hidden()
    expect(card.locator("a.picture")).to_be_focused()


def keep_it(page: Page, card: Locator) -> None:
    star = card.get_by_role("button", name=re.compile("^Star: "))
    tab_to(page, star)
    press(page, "Enter")
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(star).to_be_focused()


def use_it_again(page: Page, card: Locator) -> None:
    more = card.locator("summary")
    tab_to(page, more, "Shift+Tab")
    press(page, "Enter")
    tab_to(page, card.get_by_role("link", name="Use seed"))
    press(page, "Escape")
    expect(more).to_be_focused()
    expect(card.get_by_role("link", name="Use seed")).to_be_hidden()
    tab_to(page, card.get_by_role("link", name="Use all"), "Shift+Tab")
    press(page, "Enter")
    expect(page.locator("#announcement")).to_contain_text("Filled in: ")
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")


def delete_it(page: Page, card: Locator) -> None:
    name = card.get_attribute("id")
    tab_to(page, card.get_by_role("link", name=re.compile("^Delete: ")))
    press(page, "Enter")
    dialog = page.get_by_role("dialog", name="Delete this generation?")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    tab_to(page, dialog.get_by_role("button", name="Delete generation"))
    press(page, "Enter")
    expect(page.locator(f"#{name}")).to_have_count(0)
    expect(page.get_by_text("Deleted 1 generation.")).to_be_visible()
    has_a_place(page)
