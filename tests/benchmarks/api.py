"""Prints how fast `up` answers programs: `uv run python -m tests.benchmarks.api [ROUNDS] [SECONDS]`.

`get_result` of a pending and of a ready image, beside a bare view in the same lane (`tests/benchmarks/api_urls.py`):
each for some seconds in turn, many rounds over, and of these the medians. Then submissions a second, and the CPU time
of an image. On SQLite, and on PostgreSQL and Redis where DATABASE_URL and REDIS_URL name them. The generator runs on
the same cores as the server and takes its share of them, from the bare view too.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django  # noqa: E402  Django must find its settings first

django.setup()

import requests  # noqa: E402

from dashboard.env import Env  # noqa: E402
from dashboard.sandbox.painter import Picture, paint  # noqa: E402
from tests.benchmarks.load import Load, drive, http_request  # noqa: E402
from tests.running import MANAGE, RunningUp, own_services, running  # noqa: E402

ROUNDS, SECONDS = 9, 1.0
CONNECTIONS = (1, 16, 64)
SUBMITTERS, IMAGES, PAINTED = 8, 30, 5
# Longer than the benchmark takes.
NEVER = "[slow 3000]"
UNLIMITED = {"REQUESTS_PER_SECOND": "1000000", "MAX_ACTIVE_TASKS": "1000000"}
SERVED = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.api_settings", **UNLIMITED}
TOP_UP = """
from dashboard.billing.services import top_up
top_up(Organization.objects.get(org_id={org_id!r}), 10**10, note="Benchmark")
"""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """Of one URL at one number of connections: a value a round."""

    rates: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)

    def add(self, load: Load, cpu: float) -> None:
        assert not load.refused, f"{load.refused} requests were refused"
        self.rates.append(load.rate)
        self.p99s.append(load.p99)
        self.cpus.append(cpu / load.answered)

    def share_of(self, other: "Measured") -> float:
        """Of pairs, so that what slows the machine for a while slows both."""
        return median(own / theirs for own, theirs in zip(self.rates, other.rates, strict=True))


def main(rounds: int, seconds: float) -> None:
    with own_services() as services:
        measure("SQLite", {}, rounds, seconds)
        if "DATABASE_URL" in services:
            measure(f"PostgreSQL{' and Redis' if 'REDIS_URL' in services else ''}", services, rounds, seconds)


def measure(name: str, services: dict[str, str], rounds: int, seconds: float) -> None:
    variables = {**SERVED, **services}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data", variables=variables) as up:
        add_credits(up, variables)
        machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{name}: {rounds} rounds of {seconds:g} s; one process on {machine}")
        print_polls(up, rounds, seconds)
        print_images(up)
        print_submissions(up, seconds * rounds / 2)


# --- Polls ---------------------------------------------------------------------------------------------------------


def print_polls(up: RunningUp, rounds: int, seconds: float) -> None:
    pending, ready = submit(up, NEVER), finish(up, "a harbour at dawn")
    urls = {
        "bare view": f"{up.base_url}/v1/bare?id={ready}",
        "pending": f"{up.base_url}/v1/get_result?id={pending}",
        "ready": f"{up.base_url}/v1/get_result?id={ready}",
    }
    print("  connections  what        requests/s  of bare        p99  CPU a request")
    for connections in CONNECTIONS:
        found = {what: Measured() for what in urls}
        for _ in range(rounds):
            for what, url in urls.items():
                before = cpu_seconds(up)
                load = drive(url, http_request(url), connections=connections, seconds=seconds)
                found[what].add(load, cpu_seconds(up) - before)
        for what, one in found.items():
            rate, share = median(one.rates), one.share_of(found["bare view"])
            p99, cpu = median(one.p99s) * 1e3, median(one.cpus) * 1e6
            print(f"  {connections:11}  {what:10}  {rate:10.0f}  {share:7.2f}  {p99:6.1f} ms  {cpu:8.0f} us")


# --- Images and submissions ----------------------------------------------------------------------------------------


def print_images(up: RunningUp) -> None:
    idle = spent(up, lambda: time.sleep(3)) / 3
    began = time.monotonic()
    cpu = spent(up, lambda: make_images(up, IMAGES))
    elapsed = time.monotonic() - began
    own = (cpu - idle * elapsed) / IMAGES
    painting = painting_seconds()
    print(f"  CPU of a 1024 x 1024 image: {own * 1e3:.0f} ms, of it the sandbox's painting {painting * 1e3:.0f} ms")
    print(f"  idle, `up` takes {idle:.1%} of a core")


def make_images(up: RunningUp, count: int) -> None:
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        list(pool.map(lambda number: finish(up, f"harbour {number}"), range(count)))


def painting_seconds() -> float:
    began = time.process_time()
    for seed in range(PAINTED):
        paint(Picture("a harbour at dawn", seed, finetune_id="ink-portrait"))
    return (time.process_time() - began) / PAINTED


def print_submissions(up: RunningUp, seconds: float) -> None:
    url, headers, body = call_of(up, NEVER, width=64, height=64)
    request = http_request(url, body=json.dumps(body).encode(), headers=[f"{n}: {v}" for n, v in headers.items()])
    load = drive(url, request, connections=SUBMITTERS, seconds=seconds)
    assert not load.refused, f"{load.refused} submissions were refused"
    print(
        f"  submissions/s {load.rate:.0f}, p99 {load.p99 * 1e3:.0f} ms, {SUBMITTERS} connections; handed on meanwhile"
    )


def call_of(up: RunningUp, prompt: str, **inputs: int) -> tuple[str, dict[str, str], dict[str, object]]:
    """The URL, headers and body of a submission."""
    finetune = up.demo["finetunes"][0]
    headers = {"x-key": up.demo["organizations"][0]["api_key"]}
    body = {"finetune_id": finetune["finetune_id"], "prompt": prompt, **inputs}
    return f"{up.base_url}/v1/{finetune['endpoint']}", headers, body


def submit(up: RunningUp, prompt: str) -> str:
    url, headers, body = call_of(up, prompt)
    response = requests.post(url, json=body, headers=headers, timeout=60)
    response.raise_for_status()
    return str(response.json()["id"])


def finish(up: RunningUp, prompt: str) -> str:
    id = submit(up, prompt)
    while (found := requests.get(f"{up.base_url}/v1/get_result", {"id": id}, timeout=60).json())["status"] != "Ready":
        assert found["status"] == "Pending", found
        time.sleep(0.5)
    return id


def add_credits(up: RunningUp, variables: dict[str, str]) -> None:
    """From outside, as an operator might."""
    foreign = {name: value for name, value in os.environ.items() if name not in Env.model_fields}
    environment = {**foreign, **variables, "DATA_DIR": str(up.data_dir)}
    code = TOP_UP.format(org_id=up.demo["organizations"][0]["org_id"])
    command = [sys.executable, str(MANAGE), "shell", "--verbosity", "0", "-c", code]
    subprocess.run(command, env=environment, cwd=up.data_dir.parent, check=True)


def spent(up: RunningUp, work: Callable[[], object]) -> float:
    """Seconds of CPU that all processes of `up` take meanwhile."""
    before = cpu_seconds(up)
    work()
    return cpu_seconds(up) - before


def cpu_seconds(up: RunningUp) -> float:
    stats = (_stat(path) for path in Path("/proc").glob("[0-9]*/stat"))
    return sum(int(stat[11]) + int(stat[12]) for stat in stats if stat and int(stat[2]) == up.process.pid) / TICKS


def _stat(path: Path) -> Sequence[str]:
    """The fields behind the name of the program, which may hold spaces: state, parent, process group …"""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:  # it ended meanwhile
        return ()


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *map(str, (ROUNDS, SECONDS)[len(sys.argv) - 1 :])]
    main(int(arguments[0]), float(arguments[1]))
