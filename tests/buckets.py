"""The `bucket` fixture: an S3 server over real HTTP, and Django's storage in a bucket of it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from django.core.files.storage import default_storage
from pydantic import SecretStr
from pytest_django.fixtures import Settings

from dashboard.env import Env
from tests.running import free_ports

NAME = "finetunes"
ACCESS_KEY_ID = "AKIATEST"
SECRET_ACCESS_KEY = "not a secret"
START_SECONDS = 20


@dataclass
class Bucket:
    url: str
    client: Any = None  # boto's

    @property
    def variables(self) -> dict[str, str]:
        """The settings of an operator who uses it."""
        return {
            "S3_BUCKET": NAME,
            "S3_ENDPOINT_URL": self.url,
            "S3_REGION": "us-east-1",
            "S3_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "S3_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }

    def names(self) -> set[str]:
        return {each["Key"] for each in self.client.list_objects_v2(Bucket=NAME).get("Contents", [])}

    def parts_of(self, name: str) -> int:
        """In how many parts a file came; 0 for one that came whole."""
        etag: str = self.client.head_object(Bucket=NAME, Key=name)["ETag"].strip('"')
        return int(etag.partition("-")[2] or 0)

    @contextmanager
    def asking_for_keys(self) -> Iterator[None]:
        """No keys are known to it; otherwise it takes any."""
        requests.post(f"{self.url}/moto-api/reset-auth", data="0", timeout=10)
        yield
        requests.post(f"{self.url}/moto-api/reset-auth", data="inf", timeout=10)

    def unfinished(self) -> list[Any]:
        found: list[Any] = self.client.list_multipart_uploads(Bucket=NAME).get("Uploads", [])
        return found


def environment(variables: dict[str, str], env: Env) -> Env:
    """As if the variables had been in the environment."""
    changes: dict[str, Any] = {**variables, "S3_SECRET_ACCESS_KEY": SecretStr(variables["S3_SECRET_ACCESS_KEY"])}
    return env.model_copy(update=changes)


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in a process of its own: it keeps all files in memory, which must not count as this one's."""
    (port, _) = free_ports()
    with (tmp_path_factory.mktemp("s3") / "log").open("w") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@pytest.fixture
def bucket(s3_url: str, settings: Settings) -> Iterator[Bucket]:
    made = Bucket(s3_url)
    settings.ENV = environment(made.variables, settings.ENV)
    settings.STORAGES = {**settings.STORAGES, "default": settings.ENV.storage}
    made.client = default_storage.connection.meta.client  # type: ignore[attr-defined]  # a bucket's
    made.client.create_bucket(Bucket=NAME)
    yield made
    requests.post(f"{s3_url}/moto-api/reset", timeout=10)


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    with socket.socket() as probe:
        while probe.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < end, "the S3 server did not start"
            time.sleep(0.05)
