"""How a page feels to a keyboard: Tab reaches every control, each shows that it has the focus, and none keeps it."""

from playwright.sync_api import Page

MOST_STOPS = 500
# Radios of one name are one stop, and arrows move between them.
CONTROLS = """() => {
    const seen = new Set();
    return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
        .filter(element => !element.disabled && element.type !== "hidden" && element.tabIndex >= 0)
        .filter(element => element.checkVisibility({ visibilityProperty: true }))
        .filter(element => {
            if (element.type !== "radio") return true;
            const isNew = !seen.has(element.name);
            seen.add(element.name);
            return isNew;
        }).length;
}"""
FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    window.visited ??= [];
    const isWithin = element.type === "date" && window.visited.at(-1) === element; // its parts are stops, too
    const isNew = !window.visited.includes(element);
    window.visited.push(element);
    const rings = [element, element.parentElement, element.closest("label")].filter(Boolean).map(getComputedStyle);
    const isSlider = element.type === "range"; // its ring is on the thumb, whose style no script can read
    const shows = isSlider || rings.some(style => (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
        || style.boxShadow !== "none");
    const box = element.getBoundingClientRect();
    return { isNew, isWithin, shows, isSeen: box.width > 0 && box.height > 0, html: element.outerHTML.slice(0, 160) };
}"""

# Blur alone leaves Tab where the focus was, and a field may have had it from the start.
TO_THE_TOP = """() => {
    window.visited = [];
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    document.activeElement?.blur();
    window.scrollTo(0, 0);
}"""


def walk(page: Page, name: str) -> None:
    """From the top of the page by Tab alone, until the focus leaves it or comes round."""
    page.evaluate(TO_THE_TOP)
    expected: int = page.evaluate(CONTROLS)
    stops = 0
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused and focused["isWithin"]:
            continue
        if focused is None or not focused["isNew"]:
            break
        assert focused["shows"], f"{name}: no focus ring on {focused['html']}"
        assert focused["isSeen"], f"{name}: the focus is on something invisible: {focused['html']}"
        stops += 1
    expected = min(expected, page.evaluate(CONTROLS))  # a card that ends meanwhile loses its Cancel
    assert stops >= expected, f"{name}: Tab reached {stops} of {expected} controls"
