"""Grids in a browser: from the Playground to cells that come by themselves, a strength, the sheet; and no scripts."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.accounts import enter, sign_in
from tests.browser.keyboard import walk
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

WAIT_MS = 30_000

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def test_sweep_from_the_playground_fills_by_itself(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "developer@atelier")
    page.get_by_label("Prompt", exact=True).fill("a heron on a jetty")
    page.get_by_role("button", name="Sweep…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sweep")
    assert "csrf" not in page.url
    outline = page.locator("#outline")
    expect(page.get_by_label("Prompt", exact=False)).to_have_value("a heron on a jetty")
    expect(outline.get_by_role("heading")).to_have_text("4 images")
    page.get_by_label("Values across").fill("0.5, 0.75, 3")
    expect(outline).to_contain_text("3 is no strength: use 0 to 2.")
    expect(outline.get_by_role("button")).to_be_disabled()
    page.get_by_label("Values across").fill("0.5..0.75 step 0.25")
    page.get_by_role("combobox", name="Down").select_option("prompt")
    expect(page.get_by_label("Values down")).to_have_value("a heron on a jetty")
    page.get_by_label("Values down").fill("a heron on a jetty\na heron [error]")
    expect(outline.get_by_role("heading")).to_have_text("4 images")
    expect(outline).to_contain_text("left after")
    outline.get_by_role("button", name="Run the sweep").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Strength × prompt of"))
    page.evaluate("window.samePage = true")
    status = page.locator("#grid-status")
    expect(status).to_contain_text("2 of 4 ready", timeout=WAIT_MS)
    expect(status).to_contain_text("2 failed, not charged", timeout=WAIT_MS)
    expect(page.locator("#announcement")).to_contain_text("2 of 4 images are ready")
    assert page.evaluate("window.samePage") is True
    expect(page.get_by_role("columnheader")).to_have_count(2)
    expect(page.get_by_role("rowheader")).to_have_count(2)
    check(page, "grid", EACH_ONCE)
    walk(page, "grid")


def test_strength_is_recommended_and_the_sheet_downloaded(page: Page, running_up: RunningUp) -> None:
    """Follows the test above, whose grid it is."""
    org_id = sign_in(page, running_up, "developer@atelier")
    page.goto(f"{running_up.base_url}/o/{org_id}/playground/grid/")
    page.get_by_role("link", name="Strength × prompt of").first.click()
    page.evaluate("window.samePage = true")
    status = page.locator("#grid-status")
    page.get_by_role("button", name="Recommend 0.75").click()
    expect(page.get_by_role("columnheader").last).to_contain_text("Recommended")
    expect(page.get_by_text("Recommended strength", exact=True)).to_be_visible()
    expect(page.locator("#cell-0-1")).to_be_focused()
    page.locator("#cell-1-0").get_by_role("button", name="Try again").click()
    expect(page.locator("#cell-1-0")).to_be_focused()
    expect(status).to_contain_text("2 failed, not charged", timeout=WAIT_MS)
    assert page.evaluate("window.samePage") is True
    with page.expect_download() as started:
        page.get_by_role("link", name="Contact sheet").click()
    with Image.open(started.value.path()) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 2 * 1024


def test_sweep_without_scripts(browser: Browser, running_up: RunningUp) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    org_id = sign_in(page, running_up, "developer@atelier")
    page.goto(f"{running_up.base_url}/o/{org_id}/playground/")
    page.get_by_label("Prompt", exact=True).fill("a quiet canal")
    page.get_by_role("button", name="Sweep…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sweep")
    assert "csrf" not in page.url
    page.get_by_label("Values across").fill("0.25, much")
    page.get_by_role("button", name="Run the sweep").click()
    expect(page.get_by_role("alert")).to_contain_text("“much” is no number.")
    expect(page.get_by_label("Prompt", exact=False)).to_have_value("a quiet canal")
    page.get_by_label("Values across").fill("0.25, 1.25")
    page.get_by_role("button", name="Run the sweep").click()
    expect(page.locator("#grid-status")).to_contain_text("2 of 2 ready", timeout=WAIT_MS)
    page.get_by_role("button", name="Recommend 0.25").click()
    expect(page.get_by_role("columnheader").first).to_contain_text("Recommended")
    context.close()
