"""Chromium: where it is, how it is started, and what its absence means."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
HOW_TO_GET_IT = "No Chromium: install it (apt-get install chromium), or name its executable in CHROMIUM."


def require(executable: str | None) -> str:
    """Without one a developer's tests are skipped, and those of CI fail."""
    if executable is None and os.environ.get("CI") == "true":
        pytest.fail(HOW_TO_GET_IT)
    if executable is None:
        pytest.skip(HOW_TO_GET_IT)
    return executable
