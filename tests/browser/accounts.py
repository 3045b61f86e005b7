"""The demo's accounts in a browser: each logs in by the form once for an `up`, and comes back with its cookies."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.running import RunningUp

_cookies: dict[tuple[Path, str], dict[str, str]] = {}


def log_in(page: Page, up: RunningUp, email: str = "administrator@atelier") -> str:
    """By the form, to the page that the role begins with; the org_id that the account belongs to."""
    user = next(user for user in up.demo["users"] if user["email"].startswith(email))
    page.goto(up.base_url)
    page.locator("input[name=login]").fill(user["email"])
    page.locator("input[name=password]").fill(user["password"])
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator("#user-menu")).to_be_attached()
    return user["org_id"]


def sign_in(page: Page, up: RunningUp, email: str = "administrator@atelier") -> str:
    """Leaves the page where it is. The hash of a password takes a second, and most tests are not about it."""
    known = _cookies.get((up.data_dir, email))
    if known:
        page.context.add_cookies([{"name": name, "value": known[name], "url": up.base_url} for name in known])
    else:
        log_in(page, up, email)
        kept = page.context.cookies(up.base_url)
        _cookies[up.data_dir, email] = {cookie["name"]: cookie["value"] for cookie in kept}
    return next(user["org_id"] for user in up.demo["users"] if user["email"].startswith(email))


def enter(page: Page, up: RunningUp, email: str) -> None:
    """Signed in, in the Playground."""
    sign_in(page, up, email)
    page.goto(up.base_url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
