"""The whole story in a browser: log in, upload, generate; and the recipient, who pays for its own calls."""

import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from finetunes.checkpoints.writer import write_lora
from tests.browser.accounts import enter, log_in
from tests.browser.playground import pick_model, picked_model
from tests.running import RunningUp

WAIT_MS = 20_000

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def credits(up: RunningUp, organization: int) -> float:
    key = up.demo["organizations"][organization]["api_key"]
    answer = requests.get(f"{up.base_url}/v1/credits", headers={"x-key": key}, timeout=5)
    return float(answer.json()["credits"])


def generate(page: Page) -> None:
    """Presses the button and waits for the newest card's image, on the very same page."""
    page.evaluate("window.samePage = true")
    cards = page.locator("#results .generation")
    before = cards.count()
    page.get_by_role("button", name="Generate").click()
    expect(cards).to_have_count(before + 1)
    picture = cards.first.locator(".picture img")
    expect(picture).to_be_visible(timeout=WAIT_MS)
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    assert page.evaluate("window.samePage") is True


def test_newcomer_uploads_a_lora_and_sees_its_first_image(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    checkpoint = tmp_path / "harbour.safetensors"
    with checkpoint.open("wb") as file:
        write_lora(file, "flux-2-klein-9b", seed="harbour")
    log_in(page, running_up, "administrator@atelier")
    page.get_by_role("link", name=re.compile("Finetunes")).last.click()
    page.get_by_role("link", name="Add Finetune").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("harbour-light")
    dialog.get_by_label("Base Model").select_option("flux-2-klein-9b")
    dialog.get_by_label("Trigger Phrase").fill("HRBR")
    dialog.get_by_label("Checkpoint File").set_input_files(checkpoint)
    dialog.get_by_role("button", name="Add Finetune").click()
    row = page.get_by_role("row").filter(has_text="harbour-light")
    expect(row).to_contain_text("FLUX.2 [klein] 9B")

    page.get_by_role("link", name="Playground", exact=True).click()
    pick_model(page, "harbour-light")
    expect(page.get_by_text("/v1/flux-2-klein-9b-finetuned")).to_be_visible()
    prompt = page.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value(re.compile("HRBR"))
    prompt.press_sequentially(" a quiet harbour")
    before = credits(running_up, 0)
    generate(page)
    assert credits(running_up, 0) == pytest.approx(before - 1.5)
    expect(page.locator("#balance")).to_contain_text(f"{before - 1.5:g}")
    expect(page.locator("#announcement")).to_have_text("Your image is ready.")


def test_recipient_uses_what_is_shared_and_pays_alone(page: Page, running_up: RunningUp) -> None:
    granted = next(finetune for finetune in running_up.demo["finetunes"] if finetune["granted_to"])
    finetune_id = f"{granted['owner_org_id']}/{granted['finetune_id']}"
    owner, recipient = credits(running_up, 0), credits(running_up, 1)
    enter(page, running_up, "administrator@bureau")
    page.get_by_role("link", name=re.compile("Finetunes")).last.click()
    page.get_by_role("link", name=re.compile("^Shared")).click()
    row = page.get_by_role("row").filter(has_text=granted["finetune_id"])
    expect(row).to_contain_text(finetune_id)
    expect(row).to_contain_text("Third party")
    row.get_by_role("link", name=re.compile("Playground")).click()
    expect(picked_model(page)).to_have_value(finetune_id)
    page.get_by_label("Prompt", exact=True).press_sequentially("a portrait at night")
    generate(page)
    expect(page.locator("#results .generation").first).to_contain_text(finetune_id)
    assert credits(running_up, 1) == pytest.approx(recipient - 1.5)
    assert credits(running_up, 0) == pytest.approx(owner)


def test_wrong_prompt_is_told_at_the_field_and_nothing_is_lost(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    page.get_by_label("Seed", exact=True).fill("42")
    page.get_by_label("Prompt", exact=True).fill(" ")
    page.get_by_role("button", name="Generate").press("Enter")
    expect(page.get_by_text("Write what the image should show.").first).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("42")


def test_moderated_request_says_not_charged(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    page.get_by_label("Prompt", exact=True).fill("something [request moderated]")
    page.keyboard.press("Control+Enter")
    card = page.locator("#results .generation").first
    expect(card).to_contain_text("Not charged.", timeout=WAIT_MS)


def test_failure_gives_the_price_back_and_the_keyboard_its_place(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "administrator@bureau")
    left = page.locator("#quote .price-note").inner_text()
    page.get_by_label("Prompt", exact=True).fill("something [error]")
    button = page.get_by_role("button", name="Generate")
    button.press("Enter")
    expect(page.locator("#announcement")).to_contain_text("Not charged.", timeout=WAIT_MS)
    expect(button).to_be_focused()
    expect(page.locator("#quote .price-note")).to_have_text(left)


def test_organization_without_credits_reads_why(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "administrator@studio-zero")
    page.get_by_label("Prompt", exact=True).fill("anything")
    page.get_by_role("button", name="Generate").press("Enter")
    expect(page.locator("#announcement")).to_contain_text("Not enough credits")
