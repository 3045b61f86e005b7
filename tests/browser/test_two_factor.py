"""Second factors in a browser: an app's codes, a recovery code, and a passkey, which Chromium has in software."""

import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from tests.browser.keyboard import walk
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

PERIOD = 30  # seconds that a code lives
ENOUGH = 4  # of them for a request
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def code_of(secret: str) -> str:
    """One that is still good when it arrives."""
    left = PERIOD - time.time() % PERIOD
    if left < ENOUGH:
        time.sleep(left)
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD)))


def person(up: RunningUp, email: str) -> dict[str, Any]:
    """Whom no other test logs in as."""
    return dict(next(user for user in up.demo["users"] if user["email"].startswith(email)))


def look(page: Page, name: str) -> None:
    check(page, name, EACH_ONCE)
    walk(page, name)


def enter_password(page: Page, url: str, user: dict[str, Any]) -> None:
    page.goto(f"{url}/account/login/")
    page.get_by_label("E-mail").fill(user["email"])
    page.get_by_label("Password").fill(user["password"])
    page.get_by_role("button", name="Log in", exact=True).press("Enter")


def confirm_password(page: Page, user: dict[str, Any]) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    look(page, "reauthenticate")
    page.get_by_label("Password").fill(user["password"])
    page.get_by_role("button", name="Confirm").press("Enter")


def enter_code(page: Page, code: str, button: str) -> None:
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name=button, exact=True).press("Enter")


def log_out(page: Page, url: str) -> None:
    page.goto(f"{url}/account/logout/")
    page.get_by_role("main").get_by_role("button", name="Log out").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def enrol(page: Page, url: str, user: dict[str, Any]) -> tuple[str, str]:
    """Sets an authenticator app up; its secret and one of the recovery codes."""
    page.goto(f"{url}/account/2fa/")
    page.get_by_role("link", name="Set up an app").press("Enter")
    confirm_password(page, user)
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = page.locator(".account-secret code").inner_text()
    look(page, "set up an app")
    enter_code(page, code_of(secret), "Turn it on")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    look(page, "recovery codes")
    return secret, page.locator(".account-codes code").first.inner_text()


def test_two_factor_enrol_and_log_in(page: Page, running_up: RunningUp) -> None:
    user, url = person(running_up, "administrator@studio-zero"), running_up.base_url
    enter_password(page, url, user)
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    secret, recovery_code = enrol(page, url, user)
    page.get_by_role("link", name="Done").press("Enter")
    look(page, "two-factor, on")
    log_out(page, url)

    enter_password(page, url, user)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")
    enter_code(page, "000000", "Log in")
    expect(page.get_by_text("This code is wrong or was used already.")).to_be_visible()
    look(page, "second factor")
    enter_code(page, code_of(secret), "Log in")
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    log_out(page, url)

    enter_password(page, url, user)
    enter_code(page, recovery_code, "Log in")
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    # As it was: a person of the demo that other tests may need.
    page.goto(f"{url}/account/2fa/totp/deactivate/")
    confirm_password(page, user)
    look(page, "remove the app")
    page.get_by_role("button", name="Remove the app").press("Enter")
    expect(page.get_by_text("Your password alone opens your account.")).to_be_visible()


def test_passkey_is_added_and_logs_in(page: Page, running_up: RunningUp) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    # Passkeys belong to a host name, and an IP address is none.
    user, url = person(running_up, "creator@bureau"), f"http://localhost:{running_up.port}"
    enter_password(page, url, user)
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    page.goto(f"{url}/account/2fa/webauthn/add/")
    confirm_password(page, user)
    page.get_by_label("Name").fill("Studio laptop")
    look(page, "add a passkey")
    page.get_by_role("button", name="Add the passkey").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    log_out(page, url)

    page.goto(f"{url}/account/login/?next=/account/2fa/webauthn/")
    page.get_by_role("button", name="Log in with a passkey").press("Enter")
    expect(page.get_by_role("heading", name="Studio laptop")).to_be_visible()
    look(page, "passkeys")
    page.get_by_role("link", name="Remove Studio laptop").press("Enter")
    use_passkey_or_password(page, user)
    page.get_by_role("button", name="Remove it").press("Enter")
    expect(page.get_by_text("You have none.")).to_be_visible()


def use_passkey_or_password(page: Page, user: dict[str, Any]) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    page.get_by_role("link", name="Use a passkey").press("Enter")
    look(page, "reauthenticate with a passkey")
    page.get_by_role("button", name="Use a passkey").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Remove Studio laptop?")
    look(page, "remove a passkey")
