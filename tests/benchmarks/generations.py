"""Prints how `up` copes with many generations in flight: `uv run python -m tests.benchmarks.generations [COUNT]`."""

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django  # noqa: E402  Django must find its settings first

django.setup()

import requests  # noqa: E402

from tests.running import RunningUp, running  # noqa: E402

SLOW_SECONDS = 10
CLIENTS = 8
COLUMNS = "submitted_at, ready_at, finished_at, state"


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as up:
        began = time.monotonic()
        latencies = submit_all(up, count)
        elapsed = time.monotonic() - began
        rows = wait_for_all(up, count)
        total = time.monotonic() - began
    ready = [seconds(row[0], row[1]) - SLOW_SECONDS for row in rows]
    done = [seconds(row[0], row[2]) - SLOW_SECONDS for row in rows]
    print(f"{count} generations, each {SLOW_SECONDS} s upstream, {CLIENTS} clients; all ready after {total:.1f} s")
    print(f"submissions/s {count / elapsed:.0f}; {describe('submission', latencies)}")
    print(describe("upstream ready to seen", ready))
    print(describe("upstream ready to image stored", done))


def submit_all(up: RunningUp, count: int) -> list[float]:
    key, finetune = up.demo["organizations"][0]["api_key"], up.demo["finetunes"][0]
    body = {"finetune_id": finetune["finetune_id"], "prompt": f"[slow {SLOW_SECONDS}]", "width": 64, "height": 64}
    session = requests.Session()
    session.headers["x-key"] = key

    def submit(_: int) -> float:
        began = time.monotonic()
        answer = session.post(f"{up.base_url}/v1/{finetune['endpoint']}", json=body, timeout=60)
        answer.raise_for_status()
        return time.monotonic() - began

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(submit, range(count)))


def wait_for_all(up: RunningUp, count: int) -> list[Sequence[str]]:
    with sqlite3.connect(up.data_dir / "dashboard.sqlite3", timeout=20) as database:
        while True:
            rows = database.execute(f"SELECT {COLUMNS} FROM playground_generation WHERE state = 'ready'").fetchall()
            if len(rows) == count:
                return rows
            time.sleep(0.5)


def seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def describe(what: str, values: Sequence[float]) -> str:
    p95 = quantiles(values, n=20)[-1]
    return f"{what}: p50 {median(values):.2f} s, p95 {p95:.2f} s, max {max(values):.2f} s"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
