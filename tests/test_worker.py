"""A worker of the run's own kind takes a generation from submission to image; the embedded one starts and stops."""

import time

import pytest
from django.conf import settings
from django.test import Client

from dashboard.organizations.services.keys import mint_api_key
from dashboard.running.worker import EmbeddedWorker
from dashboard.sandbox.server import Sandbox
from tests.conftest import Cast

WAIT_SECONDS = 15
STOP_SECONDS = 1.0 if settings.CELERY_EMBEDDED else 5.0

pytestmark = pytest.mark.pipeline


def test_a_generation_over_v1_becomes_ready_through_the_worker(worker: Sandbox, cast: Cast) -> None:
    _, secret = mint_api_key(cast.organization, "test")
    client = Client(headers={"x-key": secret})
    body = {"prompt": "TOK in the rain", "finetune_id": cast.finetune.name, "width": 64, "height": 64}
    response = client.post(f"/v1/{cast.finetune.endpoint.name}", body, content_type="application/json")
    assert response.status_code == 200, response.content
    assert _end_of(client, response.json()["polling_url"]) == "Ready"


def test_an_idle_embedded_worker_stops_at_once_and_another_starts(transactional_db: None) -> None:
    for beat in (False, True):
        embedded = EmbeddedWorker(beat=beat)
        embedded.start()
        begin = time.monotonic()
        embedded.stop()
        embedded.thread.join(STOP_SECONDS)
        assert not embedded.thread.is_alive()
        assert time.monotonic() - begin < STOP_SECONDS


def _end_of(client: Client, polling_url: str) -> str:
    begin = time.monotonic()
    while (status := client.get(polling_url).json()["status"]) == "Pending":
        assert time.monotonic() - begin < WAIT_SECONDS, "still pending"
        time.sleep(0.05)
    return str(status)
