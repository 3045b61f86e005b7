"""A finetune's page in a browser: each field edited in its place, the API example, and what a recipient sees."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from finetunes.checkpoints.writer import write_lora
from tests.browser.accounts import sign_in
from tests.browser.playground import picked_model
from tests.running import RunningUp

WAIT_MS = 20_000
BASE_MODEL = "Base Model"

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def add_finetune(page: Page, up: RunningUp, folder: Path, name: str) -> str:
    """Opens the page of a new one with a real checkpoint, of a 4B LoRA; its address."""
    checkpoint = folder / f"{name}.safetensors"
    with checkpoint.open("wb") as file:
        write_lora(file, "flux-2-klein-4b", seed=name)
    home = f"{up.base_url}/o/{sign_in(page, up)}"
    page.goto(f"{home}/finetunes/add/")
    page.get_by_label("Checkpoint File").set_input_files(checkpoint)
    page.get_by_label("Name").fill(name)
    page.get_by_label(BASE_MODEL).select_option("flux-2-klein-4b")
    page.get_by_label("Trigger Phrase").fill("etching")
    page.get_by_role("button", name="Add Finetune").click()
    page.wait_for_url("**/finetunes/", timeout=WAIT_MS)
    expect(page.locator("#catalog").get_by_role("link", name=name, exact=True)).to_be_visible()
    page.goto(f"{home}/finetune/{name}/")
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    page.evaluate("window.samePage = true")
    return f"{home}/finetune/{name}/"


def row(page: Page, label: str) -> Locator:
    return page.locator(".setting").filter(has=page.locator("dt", has_text=re.compile(f"^{label}$")))


def expect_saved(page: Page, label: str) -> None:
    """Shown, said, and the focus back on the button; on the very same page."""
    expect(row(page, label).get_by_text("Saved", exact=True)).to_be_attached()
    expect(page.locator(".overview [role=status]")).to_contain_text(f"{label} saved.")
    expect(row(page, label).locator(".setting-edit a")).to_be_focused()
    assert page.evaluate("window.samePage") is True


def choose_kv(form: Locator) -> None:
    bf16 = form.get_by_role("combobox", name="Precision").locator("option[value=bf16]")
    expect(bf16).to_be_disabled()
    form.get_by_role("combobox", name=BASE_MODEL).select_option("flux-2-klein-9b-kv")
    expect(bf16).to_be_enabled()
    form.get_by_role("combobox", name="Precision").select_option("bf16")
    form.get_by_role("combobox", name=BASE_MODEL).select_option("flux-2-klein-base-4b")
    expect(bf16).to_be_disabled()
    expect(form.get_by_role("combobox", name="Precision")).to_have_value("fp8")


def fill_prompts(form: Locator) -> None:
    form.get_by_label("Example prompt 1").fill("etching of a fox")
    form.get_by_label("Example prompt 2").fill("etching of a heron")
    expect(form.get_by_label("Example prompt 3")).to_be_visible()


# Label, the name of its button, what is done in the form, and what the row says then.
EDITS: list[tuple[str, str, Callable[[Locator], None], str]] = [
    (BASE_MODEL, f"Edit {BASE_MODEL}", choose_kv, "/v1/flux-2-klein-base-4b-finetuned"),
    (
        "Trigger Phrase",
        "Edit Trigger Phrase",
        lambda form: form.get_by_role("textbox").fill("fine etching"),
        "fine etching",
    ),
    (
        "Description",
        "Add a description",
        lambda form: form.get_by_role("textbox").fill("Thin **lines**.\n\n- paper\n- ink"),
        "Thin lines.",
    ),
    ("Tags", "Add tags", lambda form: form.get_by_role("textbox").fill("Line Art, print"), "line art"),
    (
        "Recommended strength",
        "Recommend a strength",
        lambda form: form.get_by_role("textbox").fill("0.85"),
        "0.85",
    ),
    ("Example prompts", "Add example prompts", fill_prompts, "etching of a heron"),
    ("License", "Edit License", lambda form: form.get_by_role("textbox").fill("Ask the author."), "Ask the author."),
]


def test_each_field_is_edited_in_its_place(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    url = add_finetune(page, running_up, tmp_path, "etching")
    for label, button, fill, shown in EDITS:
        row(page, label).get_by_role("link", name=button).click()
        fill(row(page, label))
        row(page, label).get_by_role("button", name="Save").click()
        expect(row(page, label)).to_contain_text(shown)
        expect_saved(page, label)
    expect(page.locator(".prose strong")).to_have_text("lines")
    head = page.locator("#finetune-head")
    expect(head).to_contain_text("FLUX.2 [klein] Base 4B")
    expect(head).to_contain_text("fine etching")
    assert page.url == url
    page.reload()
    for label, _, _, shown in EDITS:
        expect(row(page, label)).to_contain_text(shown)


def test_keyboard_edits_cancels_and_clears(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    add_finetune(page, running_up, tmp_path, "etching-keys")
    row(page, "Trigger Phrase").get_by_role("link", name="Edit").press("Enter")
    box = row(page, "Trigger Phrase").get_by_role("textbox")
    expect(box).to_be_focused()
    page.keyboard.type(" that is given up")
    page.keyboard.press("Escape")
    edit = row(page, "Trigger Phrase").get_by_role("link", name="Edit")
    expect(edit).to_be_focused()
    expect(row(page, "Trigger Phrase")).not_to_contain_text("given up")
    edit.press("Enter")
    expect(box).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect_saved(page, "Trigger Phrase")
    expect(row(page, "Trigger Phrase").get_by_role("link", name="Add a trigger phrase")).to_be_focused()
    expect(page.locator("#finetune-head .copy-chip")).to_have_count(0)
    row(page, "Description").get_by_role("link", name="Add a description").press("Enter")
    expect(row(page, "Description").get_by_role("textbox")).to_be_focused()
    page.keyboard.type("# Ink")
    page.keyboard.press("Control+Enter")
    expect_saved(page, "Description")
    expect(page.locator(".prose h3")).to_have_text("Ink")


def test_base_model_that_the_file_contradicts_is_refused_at_the_field(
    page: Page, running_up: RunningUp, tmp_path: Path
) -> None:
    add_finetune(page, running_up, tmp_path, "etching-refused")
    row(page, BASE_MODEL).get_by_role("link", name="Edit").click()
    form = row(page, BASE_MODEL)
    form.get_by_role("combobox", name=BASE_MODEL).select_option("flux-2-klein-9b")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("The checkpoint is made for FLUX.2 [klein] 4B")).to_be_visible()
    expect(form.get_by_role("combobox", name=BASE_MODEL)).to_be_focused()
    expect(form.get_by_role("combobox", name=BASE_MODEL)).to_have_value("flux-2-klein-9b")
    form.get_by_role("link", name="Cancel").click()
    expect(form).to_contain_text("/v1/flux-2-klein-4b-finetuned")
    expect(form.get_by_role("link", name="Edit")).to_be_focused()


def test_api_example_remembers_the_language(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=running_up.base_url)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetune/nordic-light/")
    page.get_by_role("link", name="API example").click()
    choice = page.get_by_role("group", name="Language")
    curl, python = page.locator("[data-language=curl]"), page.locator("[data-language=python]")
    expect(curl).to_contain_text(f"export BFL_API={running_up.base_url}")
    expect(python).to_be_hidden()
    choice.get_by_label("curl").focus()
    page.keyboard.press("ArrowRight")
    expect(python).to_be_visible()
    expect(curl).to_be_hidden()
    python.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied the Python example")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == python.locator("code").last.inner_text()
    page.reload()
    expect(choice.get_by_label("Python")).to_be_checked()
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="API example").click()
    expect(python).to_be_visible()


def test_example_prompt_goes_to_the_playground(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetune/velvet-noir/")
    page.get_by_role("link", name="Try example prompt 1").click()
    expect(picked_model(page)).to_have_value("velvet-noir")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("velvet noir portrait, a singer between two songs")


def test_recipient_reads_and_edits_its_own_tags_alone(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up, "administrator@bureau")
    owner_id = running_up.demo["organizations"][0]["org_id"]
    page.goto(f"{running_up.base_url}/o/{org_id}/finetune/{owner_id}~velvet-noir/")
    expect(row(page, "Description")).to_contain_text("one warm lamp")
    expect(row(page, "finetune_id")).to_contain_text(f"{owner_id}/velvet-noir")
    page.evaluate("window.samePage = true")
    buttons = page.locator(".setting-edit a")
    expect(buttons).to_have_count(1)
    buttons.click()
    row(page, "Tags").get_by_label("Tags").fill("noir")
    row(page, "Tags").get_by_role("button", name="Save").click()
    expect_saved(page, "Tags")
    expect(row(page, "Tags").get_by_role("link", name="noir", exact=True)).to_be_visible()


def test_field_is_edited_without_scripts(page: Page, browser: Browser, running_up: RunningUp, tmp_path: Path) -> None:
    url = add_finetune(page, running_up, tmp_path, "etching-plain")
    with browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state()) as context:
        plain = context.new_page()
        plain.goto(url)
        plain.get_by_role("link", name="Add a description").click()
        expect(plain.get_by_role("heading", level=1)).to_have_text("Description")
        plain.get_by_label("Description").fill("Thin **lines**.")
        plain.get_by_role("button", name="Save").click()
        expect(plain.locator(".prose strong")).to_have_text("lines")
        expect(plain.get_by_text("Description saved.")).to_be_visible()
        plain.get_by_role("link", name="API example").click()
        for heading in ("curl", "Python", "JavaScript"):
            expect(plain.get_by_role("heading", level=3, name=heading)).to_be_visible()
            expect(plain.locator(f"[data-language={heading.lower()}] pre")).to_be_visible()
