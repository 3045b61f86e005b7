"""A process that is killed in the middle of a generation: the next start ends it Ready, and bills it once."""

import os
import signal
import time
from pathlib import Path

import pytest
import requests

from tests.running import RunningUp, own_services, running

WAIT_SECONDS = 30
PRICE = 1.4

pytestmark = pytest.mark.pipeline


def credits(up: RunningUp, key: str) -> float:
    answer = requests.get(f"{up.base_url}/v1/credits", headers={"x-key": key}, timeout=5)
    return float(answer.json()["credits"])


def wait_until_ready(polling_url: str) -> None:
    begin = time.monotonic()
    while (status := requests.get(polling_url, timeout=5).json()["status"]) != "Ready":
        assert status == "Pending"
        assert time.monotonic() - begin < WAIT_SECONDS
        time.sleep(0.2)


def test_generation_survives_a_kill_and_is_billed_once(tmp_path: Path) -> None:
    with own_services() as variables:
        with running(tmp_path / "data", variables=variables) as up:
            key = up.demo["organizations"][0]["api_key"]
            before = credits(up, key)
            body = {"finetune_id": up.demo["finetunes"][0]["finetune_id"], "prompt": "a pier [slow 3]", "width": 64}
            url = f"{up.base_url}/v1/{up.demo['finetunes'][0]['endpoint']}"
            submitted = requests.post(url, json=body, headers={"x-key": key}, timeout=5).json()
            time.sleep(1.5)  # submitted to the provider, and waiting for it
            assert requests.get(submitted["polling_url"], timeout=5).json()["status"] == "Pending"
            os.killpg(up.process.pid, signal.SIGKILL)
        with running(tmp_path / "data", ports=(up.port, up.sandbox_port), variables=variables) as again:
            wait_until_ready(submitted["polling_url"])
            assert credits(again, key) == pytest.approx(before - PRICE)
