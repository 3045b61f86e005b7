"""The `worker` fixture: a Celery worker and a sandbox behind it, as the settings of the test run ask for."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django.fixtures import Settings

from dashboard.celery import app
from dashboard.env import Env
from dashboard.running.worker import EmbeddedWorker
from dashboard.sandbox.server import Sandbox
from playground.providers.base import get_provider

ROOT = Path(__file__).resolve().parent.parent
SANDBOX_SECONDS = 0.1
READY_SECONDS = 90  # on a machine that is busy with other tests
STOP_SECONDS = 10


@pytest.fixture
def worker(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[Sandbox]:
    """The sandbox that the worker uses. Without REDIS_URL the worker is a thread, with it a process of its own."""
    with Sandbox(seconds=SANDBOX_SECONDS, jitter=0) as sandbox:
        settings.BFL_API_URL = sandbox.url
        get_provider.cache_clear()
        app.control.purge()  # what earlier tests sent
        with EmbeddedWorker(beat=False) if settings.CELERY_EMBEDDED else _process(sandbox.url, tmp_path):
            yield sandbox
    get_provider.cache_clear()


@contextmanager
def _process(upstream: str, data_dir: Path) -> Iterator[None]:
    """`celery worker` on the database of the tests; its files lie where this test's do."""
    command = ["worker", "--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle"]
    with (data_dir / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "dashboard", *command, "--hostname", f"test-{os.getpid()}@%h"],
            env=_environment(upstream, data_dir),
            cwd=data_dir,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, data_dir / "worker.log")
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _environment(upstream: str, data_dir: Path) -> dict[str, str]:
    """What `celery worker` has in an operator's shell; pytest's own DJANGO_SETTINGS_MODULE is not among it."""
    foreign = {*Env.model_fields, "DJANGO_SETTINGS_MODULE"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": database_url(),
        "REDIS_URL": str(django_settings.ENV.REDIS_URL),
        "BFL_API_URL": upstream,
        "BFL_API_KEY": django_settings.BFL_API_KEY,
        "SECRET_KEY": django_settings.SECRET_KEY,
        "BASE_URL": django_settings.BASE_URL,
        "ALLOW_PRIVATE_URLS": str(django_settings.ALLOW_PRIVATE_URLS),
    }


def database_url() -> str:
    place = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{place['NAME']}"
    user = quote(place["USER"], safe="") + (f":{quote(place['PASSWORD'], safe='')}" if place["PASSWORD"] else "")
    return f"postgres://{user}@{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}"


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    begin = time.monotonic()
    while not app.control.ping(timeout=1, limit=1):
        if process.poll() is not None or time.monotonic() - begin > READY_SECONDS:
            pytest.fail(f"The Celery worker did not start.\n{log.read_text()}")
