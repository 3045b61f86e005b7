"""A sandbox that is quick, and a session that speaks to it with a key."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dashboard.sandbox.server import Sandbox

SECONDS = 0.05
# What a loaded machine may need on top.
PATIENCE_SECONDS = 10.0
KLEIN = "flux-2-klein-4b"
FINETUNED = "flux-2-klein-9b-kv-bf16-finetuned"
ULTRA = "flux-pro-1.1-ultra-finetuned"
SMALL = {"width": 64, "height": 64}


class Caller:
    """A plain client, as the documentation's curl loop is one."""

    def __init__(self, session: requests.Session, sandbox: Sandbox) -> None:
        self.session = session
        self.sandbox = sandbox

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(f"{self.sandbox.url}{path}", timeout=PATIENCE_SECONDS, **options)

    def submit(self, endpoint: str = KLEIN, **body: Any) -> requests.Response:
        body = {"prompt": "a lighthouse", **SMALL, **body}
        return self.session.post(f"{self.sandbox.url}/v1/{endpoint}", json=body, timeout=PATIENCE_SECONDS)

    def finish(self, endpoint: str = KLEIN, **body: Any) -> dict[str, Any]:
        """Submits and polls until the job has ended; returns the last answer of `get_result`."""
        polling_url = self.submit(endpoint, **body).json()["polling_url"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            result: dict[str, Any] = requests.get(polling_url, timeout=PATIENCE_SECONDS).json()
            if result["status"] != "Pending":
                return result
            time.sleep(0.01)
        raise AssertionError("the job did not end")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["x-key"] = "any key"
        yield session


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seconds=SECONDS, finetunes=["ink-portrait"]) as sandbox:
        yield sandbox


@pytest.fixture
def caller(session: requests.Session, sandbox: Sandbox) -> Caller:
    return Caller(session, sandbox)
