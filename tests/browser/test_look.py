"""Every page at both widths and in both themes: axe finds nothing, nothing overflows, the console stays empty."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.test_story import log_in
from tests.running import RunningUp

WIDTHS = (1440, 390)
THEMES = ("light", "dark")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = {
    "playground": "/o/{org_id}/playground/",
    "catalog": "/o/{org_id}/finetunes/",
    "shared": "/o/{org_id}/finetunes/?tab=shared",
    "add finetune": "/o/{org_id}/finetunes/add/",
    "change password": "/account/password/change/",
    "not found": "/nothing-here/",
}
OPEN_PAGES = {"log in": "/account/login/", "reset password": "/account/password/reset/"}

pytestmark = pytest.mark.browser


@pytest.fixture(params=[(width, theme) for width in WIDTHS for theme in THEMES], ids=lambda p: f"{p[0]}-{p[1]}")
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    width, theme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def console(page: Page) -> list[str]:
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def check(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, f"{name}: {results.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} overflows"


def test_open_pages_look_right_to_a_machine(page: Page, running_up: RunningUp, console: list[str]) -> None:
    for name, path in OPEN_PAGES.items():
        page.goto(running_up.base_url + path)
        check(page, name)
    assert console == []


def test_pages_look_right_to_a_machine(page: Page, running_up: RunningUp, console: list[str]) -> None:
    log_in(page, running_up, "administrator@atelier")
    org_id = running_up.demo["organizations"][0]["org_id"]
    for name, path in PAGES.items():
        page.goto(running_up.base_url + path.format(org_id=org_id))
        check(page, name)
    assert [text for text in console if "404" not in text] == []


def test_results_and_refusals_look_right_to_a_machine(page: Page, running_up: RunningUp) -> None:
    log_in(page, running_up, "administrator@atelier")
    for prompt in ("a pier", "a pier [error]", "a pier [slow 30]"):
        page.get_by_label("Prompt").fill(prompt)
        page.get_by_role("button", name="Generate").click()
        page.locator("#results .generation").filter(has_text=prompt).first.wait_for()
    page.locator("#results .picture img").first.wait_for()
    page.get_by_text("Not charged.").first.wait_for()
    page.get_by_label("Prompt").fill("")
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("Write what the image should show.").wait_for()
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()
