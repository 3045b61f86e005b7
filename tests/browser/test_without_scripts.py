"""The main path in a browser without JavaScript: to an image, to the history, and on; and its plain fields."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.accounts import log_in
from tests.running import RunningUp

WAIT_MS = 20_000
PROMPT = "velvet noir portrait of a lock keeper [slow 2]"

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    with browser.new_context(java_script_enabled=False) as context:
        yield context.new_page()


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    Image.new("RGB", (320, 240), "teal").save(tmp_path / "quay.png")
    return tmp_path / "quay.png"


def test_image_is_made_found_again_and_swept_without_scripts(
    plain: Page, running_up: RunningUp, reference: Path
) -> None:
    log_in(plain, running_up, "creator@atelier")
    fill_in(plain, reference)
    plain.get_by_role("button", name="Generate").click()
    see_it_come(plain)
    find_it_in_history(plain)
    use_it_again(plain)
    sweep_it(plain)


def fill_in(page: Page, reference: Path) -> None:
    page.get_by_label("Model", exact=True).and_(page.locator("select")).select_option("velvet-noir")
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_label("Add images").set_input_files(reference)
    page.get_by_label("Seed", exact=True).fill("12")
    page.get_by_label("Format").select_option("webp")


def see_it_come(page: Page) -> None:
    """The page asks by itself: nothing is pressed until the image is there."""
    page.wait_for_url(re.compile("/generations/"))
    card = page.locator(".generation")
    expect(card).to_contain_text(re.compile(r"(Queued|Running).*\d+ s"))
    expect(page.locator("meta[http-equiv=refresh]")).to_have_count(1)
    expect(card.get_by_role("img", name=PROMPT)).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)
    for fact in ("velvet-noir, version 1", "12", "WEBP", "Reference images", "1.7 credits", "Duration"):
        expect(page.locator("#details")).to_contain_text(fact)


def find_it_in_history(page: Page) -> None:
    page.get_by_role("main").get_by_role("link", name="Playground").click()
    page.get_by_role("link", name="All in History").first.click()
    page.get_by_label("Search prompts").fill("lock keeper")
    page.get_by_role("button", name="Search").click()
    card = page.locator(".history-card")
    expect(card).to_have_count(1)
    card.locator("[data-history-open]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Generation")


def use_it_again(page: Page) -> None:
    page.get_by_role("link", name="Use all").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    expect(page.locator("select#id_model")).to_have_value("velvet-noir")
    for label, value in (("Prompt", PROMPT), ("Seed", "12"), ("Format", "webp")):
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    expect(page.get_by_role("checkbox", name=re.compile("^Remove"))).to_have_count(1)


def sweep_it(page: Page) -> None:
    page.get_by_role("button", name="Sweep…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sweep")
    expect(page.get_by_label("Values across")).to_have_value("0.7, 0.8, 0.9, 1.0")
    expect(page.get_by_label("Prompt", exact=False)).to_have_value(PROMPT)
    expect(page.get_by_label("Seed", exact=False)).to_have_value("12")
    expect(page.locator("#outline")).to_contain_text("4 images")
    expect(page.locator("#outline")).to_contain_text("credits")


def test_every_field_is_plain_and_the_server_refuses(plain: Page, running_up: RunningUp) -> None:
    org_id = log_in(plain, running_up)
    plain.goto(f"{running_up.base_url}/o/{org_id}/playground/?model=paper-cut")
    expect(plain.locator("#parameters button:visible, #parameters [type=range]:visible")).to_have_count(0)
    expect(plain.get_by_label("Strength", exact=True)).to_have_value("1.1")
    plain.get_by_label("Width", exact=True).fill("16")
    plain.get_by_role("button", name="Generate").click()
    expect(plain.get_by_text("Write what the image should show.")).to_be_visible()
    expect(plain.get_by_text("Width: Use 64 or more.")).to_be_visible()
    plain.get_by_label("Width", exact=True).fill("128")
    plain.get_by_label("Prompt", exact=True).fill("a plain page")
    plain.locator("[data-snippets] summary").click()
    plain.get_by_role("button", name="Show it").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("As code")
    expect(plain.locator("#form-javascript-text")).to_contain_text("width: 128")
