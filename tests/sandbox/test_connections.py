"""The server itself: kept-alive connections, many at once, and a clean end."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dashboard.sandbox.server import Sandbox
from tests.sandbox.conftest import Caller


def test_kept_alive_connection_answers_without_delay(caller: Caller) -> None:
    caller.get("/v1/credits")
    started = time.perf_counter()
    for _ in range(50):
        assert caller.get("/v1/credits").status_code == 200
    assert time.perf_counter() - started < 50 * 0.02  # Nagle's algorithm alone would take 50 * 0.04


def test_connection_is_used_again(caller: Caller) -> None:
    for _ in range(5):
        caller.submit()
    caller.get("/nowhere")
    adapter = caller.session.get_adapter(caller.sandbox.url)
    assert isinstance(adapter, requests.adapters.HTTPAdapter)
    (pool,) = adapter.poolmanager.pools._container.values()
    assert (pool.num_connections, pool.num_requests) == (1, 6)


def test_many_callers_at_once_are_all_answered(caller: Caller) -> None:
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda _: _submit_alone(caller.sandbox), range(64)))
    assert len(set(ids)) == 64


def _submit_alone(sandbox: Sandbox) -> str:
    answer = requests.post(
        f"{sandbox.url}/v1/flux-2-klein-4b", json={"prompt": "x"}, headers={"x-key": "k"}, timeout=10
    )
    return str(answer.json()["id"])


def test_large_body_is_invited_at_once(sandbox: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as connection:
        connection.sendall(
            b"POST /v1/flux-2-klein-4b HTTP/1.1\r\nHost: x\r\nx-key: k\r\n"
            b"Content-Length: 14\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b'{"prompt":"x"}')
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: many\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nnothex\r\n",
    ],
)
def test_unreadable_body_is_400_and_ends_the_connection(sandbox: Sandbox, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as connection:
        connection.sendall(b"POST /v1/flux-2-klein-4b HTTP/1.1\r\nHost: x\r\nx-key: k\r\n" + head)
        with connection.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 400 ")


def test_taken_port_is_an_error_of_the_constructor(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=sandbox.port)


def test_stop_frees_the_port_and_ends_kept_alive_connections(session: requests.Session) -> None:
    with Sandbox() as sandbox:
        assert session.get(f"{sandbox.url}/v1/credits", timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        session.get(f"{sandbox.url}/v1/credits", timeout=5)
    with Sandbox(port=sandbox.port) as another:
        assert session.get(f"{another.url}/v1/credits", timeout=5).status_code == 200


def test_sandbox_that_never_started_stops() -> None:
    Sandbox().stop()


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("localhost", "localhost")])
def test_url_is_one_that_can_be_called(host: str, shown: str) -> None:
    with Sandbox(host) as sandbox:
        assert sandbox.url == f"http://{shown}:{sandbox.port}"
        assert requests.get(f"{sandbox.url}/", timeout=5).status_code == 404
