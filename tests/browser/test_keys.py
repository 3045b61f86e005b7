"""A key in a browser: minted once, used by curl as the page says, and refused once it is revoked."""

import os
import re
import subprocess

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import sign_in
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp
from tests.test_readme_example import MISSING, SECONDS

pytestmark = [pytest.mark.browser, pytest.mark.skipif(MISSING, reason="No curl: install it (apt-get install curl).")]


def shell(script: str, key: str) -> str:
    command = ["bash", "-eu", "-c", script]
    environment = {**os.environ, "BFL_API_KEY": key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=True)
    return done.stdout


def status_of(up: RunningUp, key: str) -> str:
    """What curl is answered for the key's credits."""
    return shell(f'curl -s -o /dev/null -w "%{{http_code}}" -H "x-key: $BFL_API_KEY" {up.base_url}/v1/credits', key)


def test_key_minted_once_and_used_by_curl(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=running_up.base_url)
    page.goto(f"{running_up.base_url}/o/{org_id}/get-started/")
    page.get_by_role("link", name="Create API key").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Expires").select_option("After a day that I choose")
    expect(dialog.get_by_label("Last day")).to_be_visible()
    check(page, "create API key", EACH_ONCE)
    dialog.get_by_label("Expires").select_option("In 7 days")
    expect(dialog.get_by_label("Last day")).to_be_hidden()
    dialog.get_by_label("Name").fill("curl")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("you will not see it again")).to_be_visible()
    check(page, "minted API key", EACH_ONCE)
    dialog.get_by_role("button", name="Copy key").press("Enter")
    expect(page.get_by_text("Copied the API key")).to_be_visible()
    key = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"bfl_[\w-]{43}", key)
    dialog.get_by_role("link", name="I have copied it").press("Enter")
    expect(dialog).to_be_hidden()
    assert key not in page.content()

    printed = shell(page.locator("#snippet").inner_text(), key)
    assert '"status":"Ready"' in printed
    assert f'"sample":"{running_up.base_url}/samples/' in printed
    revoke(page, running_up, org_id, key)


def revoke(page: Page, up: RunningUp, org_id: str, key: str) -> None:
    page.goto(f"{up.base_url}/o/{org_id}/keys/")
    row = page.get_by_role("row").filter(has_text=key[:8])
    expect(row).to_contain_text("curl")
    assert key not in page.content()
    assert status_of(up, key) == "200"
    row.get_by_role("link", name="Revoke").press("Enter")
    page.get_by_role("button", name="Revoke key").press("Enter")
    expect(page.get_by_text("is revoked.")).to_be_visible()
    expect(row).to_have_count(0)
    expect(page.get_by_role("link", name="Create API key")).to_be_focused()
    assert status_of(up, key) == "403"


def test_rotation_by_keyboard_keeps_both_keys(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/keys/create/")
    page.get_by_label("Name").fill("nightly")
    page.keyboard.press("Enter")
    old = page.locator("[data-secret]").inner_text()
    page.get_by_role("link", name="I have copied it").press("Enter")
    page.get_by_role("link", name="Rotate nightly").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("How long the old key goes on")).to_be_focused()
    check(page, "rotate API key", EACH_ONCE)
    dialog.get_by_role("button", name="Rotate key").press("Enter")
    new = dialog.locator("[data-secret]").inner_text()
    dialog.get_by_role("link", name="I have copied it").press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("row").filter(has_text=old[:8]).filter(has_text="works until")).to_contain_text(new[:8])
    assert (status_of(running_up, old), status_of(running_up, new)) == ("200", "200")
