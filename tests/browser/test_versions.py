"""Versions in a browser: the checkpoint of a finetune is replaced, and an earlier one made current again."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import sign_in
from tests.browser.dialog import WAIT_MS, Patches, card, choose, write_file, write_good
from tests.checkpoints import lora_shapes
from tests.running import RunningUp

pytestmark = pytest.mark.browser


def test_next_version_goes_the_same_way(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetune/nordic-light/checkpoint/")
    page.get_by_role("link", name="Replace checkpoint").click()
    dialog = page.get_by_role("dialog")
    choose(dialog, write_good(tmp_path))
    expect(card(dialog).get_by_text("nordic-light is a finetune of FLUX.2 [klein] 4B")).to_be_visible()
    patches = Patches(page.context)
    dialog.get_by_role("button", name="Add version").click()
    expect(dialog.get_by_label("Checkpoint File")).to_be_focused()
    assert patches.created == 0
    choose(dialog, write_file(tmp_path / "next.safetensors", lora_shapes("flux2-klein-4b", rank=4)))
    dialog.get_by_role("button", name="Add version").click()
    expect(dialog).to_be_hidden(timeout=WAIT_MS)
    expect(page.locator(".panel")).to_contain_text("v2")
    assert patches.created == 1
    assert errors == []


def test_earlier_version_is_made_current_by_keyboard(page: Page, running_up: RunningUp) -> None:
    """Follows the test above, whose version is the current one."""
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetune/nordic-light/checkpoint/")
    for label in ("v1", "v2"):
        page.get_by_role("button", name=f"Make {label} current").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"nordic-light {label} is current.")).to_be_visible()
        current = page.locator("li[aria-current=true]")
        expect(current).to_contain_text(label)
        expect(current.get_by_text("Current", exact=True)).to_be_focused()
