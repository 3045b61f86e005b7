"""A real `manage.py up` in processes of its own, for the tests that need one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings

from dashboard.demo import FILE_NAME, Demo
from dashboard.env import Env
from dashboard.running.banner import STOP

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
READY_SECONDS = 90  # on a machine that is busy with other tests; how long it takes is a benchmark
STOP_SECONDS = 10
POLL_SECONDS = 0.02
# Below those that the system gives to outgoing connections: one could take a port before the server does.
PORTS = range(10_000, 32_768)
# As Redis is set up from the start.
REDIS_DATABASES = 16
_redis_in_use: set[int] = set()


@dataclass
class RunningUp:
    """One start, from the command to its end. It is the leader of a process group of its own."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path
    port: int
    sandbox_port: int
    ready_seconds: float = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def demo(self) -> Demo:
        demo: Demo = json.loads((self.data_dir / FILE_NAME).read_text())
        return demo

    @property
    def output(self) -> str:
        return _file_of(self.data_dir, "out").read_text()

    @property
    def errors(self) -> str:
        return _file_of(self.data_dir, "err").read_text()

    def wait_until_ready(self) -> None:
        begin = time.monotonic()
        while STOP not in self.output:
            if self.process.poll() is not None or time.monotonic() - begin > READY_SECONDS:
                pytest.fail(f"`manage.py up` did not become ready.\n{self.output}{self.errors}")
            time.sleep(POLL_SECONDS)
        self.ready_seconds = time.monotonic() - begin

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal to the command alone, as `kill` does; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def is_gone(self) -> bool:
        """Whether no process of the group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def end(self) -> None:
        """For the end of a test, whatever it left."""
        self.process.poll()
        if not self.is_gone():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)


@contextmanager
def running(
    data_dir: Path,
    *,
    ports: tuple[int, int] | None = None,
    options: Sequence[str] = (),
    variables: dict[str, str] | None = None,
) -> Iterator[RunningUp]:
    """`up`, ready, on free ports if none are given. The environment carries no setting but `variables`."""
    port, sandbox_port = ports or free_ports()
    listening = ("--port", str(port), "--sandbox-port", str(sandbox_port))
    process = _start(data_dir, [*listening, *options], variables or {})
    up = RunningUp(process, data_dir, port, sandbox_port)
    try:
        up.wait_until_ready()
        yield up
    finally:
        up.end()


def refused(*options: str, data_dir: Path, variables: dict[str, str] | None = None) -> "tuple[int, str, str]":
    """For a start that should fail: its exit code, stdout and stderr."""
    process = _start(data_dir, options, variables or {})
    try:
        code = process.wait(READY_SECONDS)
    finally:
        process.kill()
        process.wait()
    return code, _file_of(data_dir, "out").read_text(), _file_of(data_dir, "err").read_text()


def free_ports() -> tuple[int, int]:
    free = filter(_is_free, SystemRandom().sample(PORTS, len(PORTS)))
    return next(free), next(free)


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextmanager
def own_services() -> Iterator[dict[str, str]]:
    """Settings of a database and a broker of its own for one `up`, on the servers that this test run uses."""
    with ExitStack() as stack:
        variables = {}
        if (url := settings.ENV.DATABASE_URL) and url.startswith("postgres"):
            variables["DATABASE_URL"] = stack.enter_context(_own_database(url))
        if settings.ENV.REDIS_URL:
            variables["REDIS_URL"] = stack.enter_context(_own_redis(settings.ENV.REDIS_URL))
        yield variables


@pytest.fixture(scope="session")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """One `up` for all tests: each names finetunes of its own, and counts from what it finds."""
    # Some ask again and again without a pause, or fill whole pages at once.
    with own_services() as own:
        variables = {**own, "REQUESTS_PER_SECOND": "100000", "MAX_ACTIVE_TASKS": "1000"}
        with running(tmp_path_factory.mktemp("up") / "data", variables=variables) as up:
            yield up


def _start(data_dir: Path, options: Sequence[str], variables: dict[str, str]) -> "subprocess.Popen[bytes]":
    kept = {name: value for name, value in os.environ.items() if name not in Env.model_fields}
    kept.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with _file_of(data_dir, "out").open("w") as out, _file_of(data_dir, "err").open("w") as err:
        return subprocess.Popen(
            [sys.executable, str(MANAGE), "up", "--data-dir", str(data_dir), *options],
            env={**kept, "PYTHONUNBUFFERED": "1", **variables},
            cwd=data_dir.parent,  # away from a developer's .env
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def _file_of(data_dir: Path, suffix: str) -> Path:
    return data_dir.with_name(f"{data_dir.name}.{suffix}")


@contextmanager
def _own_database(url: str) -> Iterator[str]:
    name = f"up_{uuid4().hex[:12]}"
    with psycopg.connect(urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _own_redis(url: str) -> Iterator[str]:
    """One of the databases after that of the tests: two workers on one would take each other's tasks."""
    first = int(urlsplit(url).path.strip("/") or 0) + 1
    number = next((each for each in range(first, REDIS_DATABASES) if each not in _redis_in_use), None)
    if number is None:
        pytest.fail(f"REDIS_URL leaves no database free after its own; choose one below {REDIS_DATABASES - 4}.")
    _redis_in_use.add(number)
    try:
        yield urlsplit(url)._replace(path=f"/{number}").geturl()
    finally:
        _redis_in_use.discard(number)
