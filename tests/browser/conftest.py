"""How the browser tests start their browser."""

import os
from typing import Any

import pytest

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
