"""Prints how long the Playground lets one wait, in a browser: `uv run python -m tests.benchmarks.playground [RUNS]`.

From the click on Generate to the card, and from upstream's end of the job to the image in the page; on `up` with its
sandbox, whose every job takes the same time here, and with nothing else to do.
"""

import os
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import TypedDict

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django  # noqa: E402  Django must find its settings first

django.setup()

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from tests.browser.accounts import log_in  # noqa: E402
from tests.browser.chromium import CHROMIUM, FLAGS  # noqa: E402
from tests.running import RunningUp, running  # noqa: E402

RUNS = 20
UPSTREAM_SECONDS = 1
# Milliseconds of the page's clock, which is the server's; looked at once a frame.
RUN = """() => new Promise(resolve => {
    const cards = () => [...document.querySelectorAll("#results .generation")];
    const before = new Set(cards().map(card => card.id));
    const clicked = Date.now();
    let appeared = 0;
    document.querySelector("[data-run]").click();
    const look = () => {
        const card = cards().find(each => !before.has(each.id));
        if (card && !appeared) appeared = Date.now();
        const image = card?.querySelector(".picture img");
        if (!image?.complete || !image.naturalWidth || !image.checkVisibility()) return requestAnimationFrame(look);
        resolve({ id: card.id.replace("generation-", ""), clicked, appeared, seen: Date.now() });
    };
    look();
})"""


class Run(TypedDict):
    """One image: its id, and when what was seen of it."""

    id: str
    clicked: float
    appeared: float
    seen: float


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as up, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        log_in(page, up)
        generate(page)  # the first fills caches, and tells the server how long this endpoint takes
        found = [generate(page) for _ in range(runs)]
        ended = [upstream_ends(up, run) for run in found]
        browser.close()
    print(f"{runs} images one after the other, each {UPSTREAM_SECONDS} s upstream")
    print(describe("click to card", [run["appeared"] - run["clicked"] for run in found]))
    print(describe("upstream ready to image", [run["seen"] - end for run, (end, _) in zip(found, ended, strict=True)]))
    print(
        describe("of that, seen ready to image", [r["seen"] - seen for r, (_, seen) in zip(found, ended, strict=True)])
    )


def generate(page: Page) -> Run:
    page.get_by_label("Prompt", exact=True).fill(f"a harbour at dawn [slow {UPSTREAM_SECONDS}]")
    run: Run = page.evaluate(RUN)
    return run


def upstream_ends(up: RunningUp, run: Run) -> tuple[float, float]:
    """When the sandbox ended the job, and when the server saw that it had; milliseconds."""
    with sqlite3.connect(up.data_dir / "dashboard.sqlite3", timeout=20) as database:
        query = "SELECT submitted_at, ready_at FROM playground_generation WHERE id = ?"
        submitted, ready = database.execute(query, [run["id"].replace("-", "")]).fetchone()
    return stamp(submitted) + UPSTREAM_SECONDS * 1e3, stamp(ready)


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e3


def describe(what: str, values: Sequence[float]) -> str:
    p95 = quantiles(values, n=20)[-1]
    return f"{what}: p50 {median(values):.0f} ms, p95 {p95:.0f} ms, max {max(values):.0f} ms"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
