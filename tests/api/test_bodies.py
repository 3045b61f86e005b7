"""Bodies of calls: few large ones at once, and none whose length is not told."""

import json
from collections.abc import Iterator

import pytest
import requests
from django.test import Client

from dashboard.api import bodies
from dashboard.lib.places import Places
from dashboard.organizations.services.keys import mint_api_key
from playground.models import Generation
from tests.conftest import Cast
from tests.running import RunningUp

URL = "/v1/flux-2-klein-4b"
SMALL = json.dumps({"prompt": "x", "width": 64, "height": 64})


@pytest.fixture
def caller(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(bodies, "PLACES", Places(1, bodies.BUSY, in_line=1))
    return Client(headers={"x-key": mint_api_key(cast.organization, "bodies")[1]})


def send(caller: Client, body: str) -> "tuple[int, str | None]":
    response = caller.post(URL, body, content_type="application/json")
    return response.status_code, response.get("Retry-After")


def test_beyond_the_places_a_large_body_is_sent_away_and_a_small_one_taken(caller: Client) -> None:
    large = SMALL + " " * bodies.LARGE_BYTES
    with bodies.PLACES.take():
        assert send(caller, large) == (503, "1")
        assert not Generation.objects.exists()
        assert send(caller, SMALL) == (200, None)
    assert send(caller, large) == (200, None)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "x/y"])
def test_another_type_is_no_way_around(caller: Client, content_type: str) -> None:
    with bodies.PLACES.take():
        response = caller.post(URL, SMALL + " " * bodies.LARGE_BYTES, content_type=content_type)
    assert response.status_code == 503


def test_being_sent_away_fills_no_log(caller: Client, caplog: pytest.LogCaptureFixture) -> None:
    with bodies.PLACES.take():
        assert send(caller, " " * (bodies.LARGE_BYTES + 1)) == (503, "1")
    assert not caplog.records


def test_a_large_body_that_is_refused_gives_its_place_back(caller: Client) -> None:
    for _ in range(2):
        assert send(caller, " " * (bodies.LARGE_BYTES + 1)) == (422, None)


@pytest.mark.pipeline
def test_a_body_in_chunks_is_411_in_a_sentence(running_up: RunningUp) -> None:
    def pieces() -> Iterator[bytes]:
        yield SMALL.encode()

    headers = {"x-key": running_up.demo["organizations"][0]["api_key"], "content-type": "application/json"}
    response = requests.post(running_up.base_url + URL, data=pieces(), headers=headers, timeout=10)
    assert (response.status_code, response.json()["detail"]) == (411, bodies.CHUNKED)
