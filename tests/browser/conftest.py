"""How the browser tests start their browser, and the one `up` that they share."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import CHROMIUM, FLAGS, require
from tests.running import RunningUp, own_services, running

# Playwright runs an event loop in the thread of the tests, where Django would refuse the ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": require(CHROMIUM), "args": FLAGS}


@pytest.fixture(scope="session")
def base_url() -> str:
    """In place of a plug-in's, whose form pytest warns of; every test here names its own server."""
    return ""


@pytest.fixture(scope="package")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """One `up` for all of them: each names finetunes of its own, and counts from what it finds."""
    with own_services() as variables, running(tmp_path_factory.mktemp("up") / "data", variables=variables) as up:
        yield up
