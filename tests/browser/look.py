"""How a page looks to a machine, in both themes at both widths: axe, and whether anything overflows."""

from collections.abc import Iterator, Sequence
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page

Theme = Literal["light", "dark"]
WIDE, NARROW, HEIGHT = 1440, 390, 900
# The order changes one of the two at a time, and ends beside its beginning.
VIEWS: tuple[tuple[int, Theme], ...] = ((WIDE, "light"), (WIDE, "dark"), (NARROW, "dark"), (NARROW, "light"))
# Every width and every theme once, in half the time; the pages with the most on them are seen in all four.
EACH_ONCE = (VIEWS[0], VIEWS[2])
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
RUN_AXE = "options => axe.run(options).then(results => results.violations)"
RUN_AXE_IN = "([part, options]) => axe.run(part, options).then(results => results.violations)"
OVERFLOWING = """() => [document.documentElement, ...document.querySelectorAll(".form-body")]
    .filter(element => element.scrollWidth > element.clientWidth).map(element => element.className || "the page")"""


def views(page: Page, chosen: Sequence[tuple[int, Theme]] = VIEWS) -> Iterator[str]:
    """Shows the page in each view, by its name, and last as it was."""
    before = page.viewport_size
    for width, theme in chosen:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.wait_for_function("theme => document.documentElement.dataset.bsTheme === theme", arg=theme)
        yield f"{width}-{theme}"
    if before:
        page.set_viewport_size(before)


def check(page: Page, name: str, chosen: Sequence[tuple[int, Theme]] = VIEWS) -> None:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for view in views(page, chosen):
        page.evaluate("window.scrollTo(0, 0)")  # what a bar that stays in sight covers is no smaller for it
        violations = page.evaluate(RUN_AXE, OPTIONS)
        assert not violations, f"{name} at {view}: {AxeResults({'violations': violations}).generate_report()}"
        assert page.evaluate(OVERFLOWING) == [], f"{name} overflows at {view}"


def check_part(page: Page, part: str, name: str) -> None:
    """For a menu, which covers what lies beneath it while it is open."""
    page.evaluate(AXE_SCRIPT)
    for view in views(page, EACH_ONCE):
        violations = page.evaluate(RUN_AXE_IN, [part, OPTIONS])
        assert not violations, f"{name} at {view}: {AxeResults({'violations': violations}).generate_report()}"
        assert page.evaluate(OVERFLOWING) == [], f"{name} overflows at {view}"
