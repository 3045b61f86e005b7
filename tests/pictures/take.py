"""Takes the README's pictures from a fresh `up`: `uv run python -m tests.pictures.take`."""

import os
import re
import tempfile
from io import BytesIO
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django  # noqa: E402  Django must find its settings first

django.setup()

from PIL import Image  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

from tests.browser.chromium import CHROMIUM, FLAGS  # noqa: E402
from tests.browser.dialog import choose, write_good  # noqa: E402
from tests.browser.playground import pick_model  # noqa: E402
from tests.running import RunningUp, running  # noqa: E402

FOLDER = Path(__file__).parent
PROMPTS = {
    "nordic-light": ["a harbour town before sunrise", "a cabin under tall pines"],
    "velvet-noir": ["a jazz trio on a small stage", "rain on a theatre's awning"],
    "paper-cut": ["a fox in a birch wood", "a market square in spring"],
}
WAIT_MS = 30_000
IMAGES = 6
COLOURS = 64


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as up, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=1)
        log_in(page, up)
        fill_playground(page)
        take_playground(page)
        page.get_by_role("link", name="Finetunes BETA").click()
        page.get_by_role("table").wait_for()
        page.get_by_role("link", name="nordic-light", exact=True).click()
        page.locator(".panel").wait_for()
        page.screenshot(path=FOLDER / "catalog.png")
        page.get_by_role("link", name="nordic-light", exact=True).click()
        take_dialog(page, Path(folder))
        browser.close()


def log_in(page: Page, up: RunningUp) -> None:
    user = up.demo["users"][0]
    page.goto(up.base_url)
    page.locator("input[name=login]").fill(user["email"])
    page.locator("input[name=password]").fill(user["password"])
    page.get_by_role("button", name="Log in", exact=True).click()
    page.locator("[data-toast-close]").click()


def take_dialog(page: Page, folder: Path) -> None:
    """The Add Finetune dialog alone, as high as it wants to be, with a file in it."""
    page.set_viewport_size({"width": 1440, "height": 1400})
    page.get_by_role("link", name="Add Finetune").click()
    dialog = page.get_by_role("dialog")
    choose(dialog, write_good(folder, rank=16))
    picture = Image.open(BytesIO(dialog.locator(".modal-content").screenshot()))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / "dialog.png", optimize=True)


def take_playground(page: Page) -> None:
    """From the top, with nothing open, a picked finetune that shows its cover, and a prompt to go on with."""
    page.locator("#results .generation").first.get_by_role("button", name="Use as sample").click()
    page.locator("#results .generation").first.get_by_role("link", name=re.compile("^Sample of")).wait_for()
    page.goto(re.sub(r"\?.*", "", page.url) + f"?model={list(PROMPTS)[-1]}")
    page.locator("#model-button .picker-cover[src]").wait_for()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill(f"{prompt.input_value().strip()}, an owl in a snowy wood")
    prompt.blur()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / "playground.png", animations="disabled")


def fill_playground(page: Page) -> None:
    """Two images a finetune, in landscape."""
    page.get_by_role("button", name="4:3").click()
    for finetune, prompts in PROMPTS.items():
        pick_model(page, finetune)
        expect(page.locator("[data-insert-trigger]")).to_contain_text(finetune.replace("-", " "))
        for prompt in prompts:
            page.get_by_label("Prompt", exact=True).fill(
                f"{page.locator('[data-insert-trigger]').inner_text()}, {prompt}"
            )
            page.get_by_role("button", name="Generate").click()
            page.locator("#results .generation").filter(has_text=prompt).wait_for()
    expect(page.locator("#results .picture img")).to_have_count(IMAGES, timeout=WAIT_MS)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main()
