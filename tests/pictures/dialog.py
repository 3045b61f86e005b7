"""Takes pictures of the Add Finetune dialog in each of its states: `uv run python -m tests.pictures.dialog FOLDER`."""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django  # noqa: E402  Django must find its settings first

django.setup()

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.browser.chromium import CHROMIUM, FLAGS  # noqa: E402
from tests.browser.dialog_states import walk  # noqa: E402
from tests.browser.look import views  # noqa: E402
from tests.running import running  # noqa: E402


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as up, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()

        def take(state: str) -> None:
            for view in views(page):
                page.screenshot(path=target / f"{state}-{view}.png")

        walk(page, up, Path(folder), "harbour-light", take)
        browser.close()


if __name__ == "__main__":
    main()
