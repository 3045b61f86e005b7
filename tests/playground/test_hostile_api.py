"""What strangers send to /v1: each refused in the wire's shape with the field named, nothing billed, nothing left."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from django.test import Client

from dashboard.bfl.endpoints import BY_NAME
from dashboard.billing.models import LedgerEntry
from dashboard.billing.queries import balance_of
from dashboard.organizations.services.keys import mint_api_key
from playground.models import Generation
from tests.conftest import Cast
from tests.factories import make_finetune
from tests.lib.servers import Names
from tests.playground.hostile_images import FILES, WORDS, draw, encode
from tests.playground.hostile_requests import (
    BODIES,
    FILL,
    FLEX,
    HEADERS,
    IDS,
    KLEIN,
    KONTEXT,
    NAMES,
    ULTRA,
    URLS,
    Case,
    body_of,
    wrong,
)
from tests.running import RunningUp


def make_key(cast: Cast) -> str:
    make_finetune(cast.outsider.organization, "secret-look")
    fill = BY_NAME[FILL]
    make_finetune(cast.organization, "inpaint", base_model=str(fill.base_model), precision=str(fill.precision))
    return mint_api_key(cast.organization, "test")[1]


@pytest.fixture
def key(cast: Cast, tmp_path: Path) -> Iterator[str]:
    """After the test there is neither a row, nor an entry in the ledger, nor a file that was not there before."""
    key = make_key(cast)
    before = balance_of(cast.organization), LedgerEntry.objects.count(), files(tmp_path)
    yield key
    assert (balance_of(cast.organization), LedgerEntry.objects.count(), files(tmp_path)) == before
    assert not Generation.objects.exists()


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def send(case: Case, key: str) -> Any:
    headers = {"x-key": key, **case.headers}
    return Client().post(f"/v1/{case.endpoint}", body_of(case), content_type=case.content_type, headers=headers)


def check(case: Case, response: Any, sentence: str = "") -> None:
    assert response.status_code == case.status, response.content[:500]
    assert response["content-type"].startswith("application/json")
    answer = response.json()
    assert {"detail", "message"} <= set(answer)
    assert isinstance(answer["message"], str)
    assert answer["message"]
    assert sentence in answer["message"]
    assert not response.cookies
    if case.status == 422:
        assert case.at is None or [error["loc"][-1] for error in answer["detail"]] == [case.at]
        assert case.at is None or case.at in answer["message"]
    else:
        assert answer["detail"]
        assert isinstance(answer["detail"], str)
    assert "Traceback" not in response.content.decode()


@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES)
def test_bodies(key: str, case: Case) -> None:
    check(case, send(case, key))


@pytest.mark.parametrize(("make", "sentence"), FILES.values(), ids=FILES)
def test_files(key: str, make: Any, sentence: str) -> None:
    case = wrong("input_image_2", encode(make()))
    check(Case(422, "input_image_2", {**case.change, "input_image": encode(draw())}), send(case, key), sentence)


@pytest.mark.parametrize(("make", "sentence"), WORDS.values(), ids=WORDS)
def test_words_for_images(key: str, make: Any, sentence: str) -> None:
    case = Case(422, "input_image_2", {"input_image": encode(draw()), "input_image_2": make()})
    check(case, send(case, key), sentence)


@pytest.mark.parametrize("field", ["input_image", "webhook_url"])
@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_urls(key: str, field: str, url: str) -> None:
    case = wrong(field, url)
    check(case, send(case, key))


@pytest.mark.parametrize("url", NAMES.values(), ids=NAMES)
def test_names(key: str, names: Names, url: str) -> None:
    names.set("localhost", ["127.0.0.1"])
    names.set("inside.example", ["127.0.0.1"])
    names.set("metadata.example", ["93.184.216.34", "169.254.169.254"])
    case = wrong("input_image", url)
    check(case, send(case, key))


@pytest.mark.parametrize("case", HEADERS.values(), ids=HEADERS)
def test_headers(key: str, case: Case) -> None:
    check(case, send(case, key))


@pytest.mark.parametrize("id", IDS.values(), ids=IDS)
def test_ids(cast: Cast, key: str, id: str) -> None:
    id = id.format(org=cast.organization.org_id, other=cast.outsider.organization.org_id)
    case = wrong("finetune_id", id, status=404)
    check(case, send(case, key))
    headers = {"x-key": key}
    check(case, Client().get("/v1/finetune_details", {"finetune_id": id}, headers=headers))
    body = json.dumps({"finetune_id": id})
    check(case, Client().post("/v1/delete_finetune", body, content_type="application/json", headers=headers))
    check(case, Client().post("/v1/cancel?id=" + quote(id[:4000]), headers=headers))


@pytest.mark.parametrize("id", [1, None, ["ink-portrait"], {"id": 1}, "ink\x00portrait", True])
def test_ids_that_are_no_text(key: str, id: Any) -> None:
    case = wrong("finetune_id", id)
    check(case, send(case, key))


@pytest.mark.parametrize("endpoint", [KLEIN, FLEX, ULTRA, FILL, KONTEXT])
def test_what_is_right_is_taken(cast: Cast, endpoint: str) -> None:
    """Else the refusals above would say little."""
    response = send(Case(200, endpoint=endpoint), make_key(cast))
    assert response.status_code == 200, response.content
    assert Generation.objects.count() == 1


# --- Past every client library: bytes on a real server --------------------------------------------------------------

GOOD = b'{"prompt": "a cat", "width": 64, "height": 64}'
LENGTH = b"Content-Length: %d\r\n" % len(GOOD)
LINES = {
    "two lengths": b"Content-Length: 10\r\n" + LENGTH + b"\r\n" + GOOD,
    "a length and chunks": b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + GOOD,
    "chunks of no number": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD + b"\r\n0\r\n\r\n",
    "an endless chunk": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + GOOD,
    "a length that is too short": b"Content-Length: 20\r\n\r\n" + GOOD,
    "a length that is no number": b"Content-Length: many\r\n\r\n" + GOOD,
    "a negative length": b"Content-Length: -5\r\n\r\n" + GOOD,
    "a header without a colon": b"x-nonsense\r\n" + LENGTH + b"\r\n" + GOOD,
    "a header with NUL": b"x-non\0sense: 1\r\n" + LENGTH + b"\r\n" + GOOD,
    "a header of 1 MB": b"x-long: " + b"a" * 2**20 + b"\r\n" + LENGTH + b"\r\n" + GOOD,
}


@pytest.mark.parametrize("rest", LINES.values(), ids=LINES)
def test_lines(running_up: RunningUp, rest: bytes) -> None:
    """Most of them the web server refuses by itself, with a status and no body."""
    before = credits_of(running_up)
    answer = speak(running_up, rest)
    assert not answer or answer.split()[1].startswith(b"4"), answer
    assert credits_of(running_up) == before


def test_lines_that_are_right(running_up: RunningUp) -> None:
    """Else the refusals above would say little."""
    before = credits_of(running_up)
    assert speak(running_up, LENGTH + b"\r\n" + GOOD).split()[1] == b"200"
    assert credits_of(running_up) < before


def speak(up: RunningUp, rest: bytes) -> bytes:
    """What the server says to it; nothing where it hangs up."""
    head = f"POST /v1/flux-2-klein-4b HTTP/1.1\r\nHost: 127.0.0.1:{up.port}\r\nx-key: {key_of(up)}\r\n"
    with socket.create_connection(("127.0.0.1", up.port), timeout=10) as line:
        try:
            line.sendall(head.encode() + b"Connection: close\r\nContent-Type: application/json\r\n" + rest)
            return line.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def credits_of(up: RunningUp) -> float:
    found = requests.get(f"{up.base_url}/v1/credits", headers={"x-key": key_of(up)}, timeout=10).json()["credits"]
    return float(found)


def key_of(up: RunningUp) -> str:
    return up.demo["organizations"][0]["api_key"]
