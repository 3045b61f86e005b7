"""`manage.py sandbox` as an operator starts and ends it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from dashboard.env import SettingsError
from dashboard.sandbox.server import Sandbox

ROOT = Path(__file__).resolve().parents[2]


def _start(folder: Path, *options: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_prints_its_address_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    with _start(tmp_path, "--port", "0", "--finetune", "a", "b", "--only-known", "--fault", "500:1") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[2]
        key = {"x-key": "k"}
        assert requests.get(f"{url}/v1/my_finetunes", headers=key, timeout=5).json() == {"finetunes": ["a", "b"]}
        answers = [
            requests.post(f"{url}/v1/flux-2-klein-4b", json={"prompt": "x"}, headers=key, timeout=5).status_code
            for _ in range(2)
        ]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert answers == [500, 200]
    assert (process.returncode, errors) == (0, "")
    assert not list(tmp_path.iterdir())


def test_unknown_fault_is_told() -> None:
    with pytest.raises(CommandError, match="no fault is called '418': use dropped, 500, 429"):
        call_command("sandbox", "--fault", "418:1")


def test_port_beyond_the_range_is_told() -> None:
    with pytest.raises(SettingsError, match="Cannot listen on 127.0.0.1:99999: no such port."):
        call_command("sandbox", "--port", "99999")


def test_taken_port_is_one_clear_line_and_exit_code_2(tmp_path: Path, sandbox: Sandbox) -> None:
    with _start(tmp_path, "--port", str(sandbox.port)) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors == f"Cannot listen on 127.0.0.1:{sandbox.port}: Address already in use.\n"
