"""Samples in a browser: a pair that appears by itself, an image of the Playground, and what a recipient sees."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import sign_in
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

WAIT_MS = 20_000
LORA = "velvet-noir"

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def tab(up: RunningUp, org_id: str, finetune_id: str = LORA) -> str:
    return f"{up.base_url}/o/{org_id}/finetune/{finetune_id}/samples/"


def test_pair_is_made_on_request_and_appears_by_itself(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.goto(tab(running_up, org_id))
    page.get_by_role("link", name="Make samples").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Prompt", exact=True)).to_have_value(re.compile("velvet noir"))
    expect(dialog).to_contain_text("3 credits")
    dialog.get_by_role("button", name="Make samples").click()
    expect(dialog).to_be_hidden(timeout=WAIT_MS)
    page.evaluate("window.samePage = true")
    expect(page.get_by_text("Being made…")).to_have_count(2)
    check(page, "samples, being made", EACH_ONCE)
    pictures = page.locator(".sample img")
    expect(pictures).to_have_count(2, timeout=WAIT_MS)
    expect(page.locator("[id^=samples-status]")).to_have_text("The samples are ready.", timeout=WAIT_MS)
    expect(page.locator(".is-pair figcaption")).to_contain_text(["Strength 0", "Strength 1"])
    expect(page.locator(".is-pair figcaption").last).to_contain_text("Cover")
    expect(page.locator(".samples-area[hx-trigger]")).to_have_count(0)
    assert page.evaluate("window.samePage") is True
    check(page, "samples", EACH_ONCE)


def test_image_of_the_playground_is_used_as_sample_and_cover(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up, "developer@atelier")
    page.goto(f"{running_up.base_url}/o/{org_id}/playground/?model={LORA}")
    page.get_by_label("Prompt", exact=True).fill("velvet noir portrait of a stray cat")
    page.get_by_role("button", name="Generate").click()
    card = page.locator("#results .generation").filter(has_text="a stray cat").first
    card.get_by_role("button", name="Use as sample").click(timeout=WAIT_MS)
    state = card.get_by_role("link", name="Sample of velvet-noir")
    expect(state).to_be_focused()
    state.click()
    sample = page.locator(".sample-group").filter(has_text="a stray cat")
    sample.get_by_role("button", name="Use as cover").click()
    expect(sample.get_by_text("Cover", exact=True)).to_be_visible()
    source = sample.get_by_role("img").get_attribute("src") or ""
    page.goto(f"{running_up.base_url}/o/{org_id}/finetunes/")
    expect(page.locator(f'img[src="{source}"]')).to_be_visible()


def test_recipient_sees_the_samples_and_no_download(page: Page, running_up: RunningUp) -> None:
    """Follows the tests above, whose samples they are."""
    owner_id = next(user["org_id"] for user in running_up.demo["users"] if "atelier" in user["email"])
    org_id = sign_in(page, running_up, "administrator@bureau")
    page.goto(tab(running_up, org_id, f"{owner_id}~{LORA}"))
    picture = page.get_by_role("img", name="velvet noir portrait of a stray cat")
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    expect(page.get_by_role("button", name=re.compile("Remove|cover"))).to_have_count(0)
    page.get_by_role("link", name="Checkpoint", exact=True).click()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Download"))).to_have_count(0)
    expect(page.locator(".panel")).not_to_contain_text("@")


def test_owner_downloads_a_version(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetune/{LORA}/checkpoint/")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download v1").click()
    assert started.value.suggested_filename == f"{LORA}-v1.safetensors"
    assert started.value.path().read_bytes()[8:9] == b"{"
