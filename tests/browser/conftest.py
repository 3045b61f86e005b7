"""How the browser tests start their browser."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page

from tests.browser.chromium import CHROMIUM, FLAGS, require

# Playwright runs an event loop in the thread of the tests, where Django would refuse the ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": require(CHROMIUM), "args": FLAGS}


@pytest.fixture(scope="session")
def base_url() -> str:
    """In place of a plug-in's, whose form pytest warns of; every test here names its own server."""
    return ""


# A refusal is an answer, and a request that a later click overtakes is no failure; htmx and Chromium tell of both.
NO_ERRORS = ("status of 409", "status of 422", "htmx:sendAbort", "htmx:afterRequest", "htmx:abort")


@pytest.fixture
def console_errors(page: Page, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test whose pages said something in the console, save what its module has in EXPECTED_ERRORS."""
    expected = (*NO_ERRORS, *getattr(request.module, "EXPECTED_ERRORS", ()))
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in expected):
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield
    assert found == []
