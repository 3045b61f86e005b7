"""A receiver of webhooks: a real HTTP server on the loopback, which keeps what it is sent and answers as it is told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.lib.servers import serving

WAIT_SECONDS = 20


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


@dataclass
class Receiver:
    """`statuses` are answered in turn, the last of them from then on."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    # Seconds before the answer, or between the single bytes of one.
    pause: float = 0
    drips: bool = False
    stop: threading.Event = field(default_factory=threading.Event)

    def wait(self, count: int) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while len(self.received) < count:
            assert time.monotonic() < end, f"{len(self.received)} of {count} came"
            time.sleep(0.02)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.received.append(Received(self.path, dict(self.headers), body))
        if receiver.drips:
            self._drip(receiver)
            return
        receiver.stop.wait(receiver.pause)
        self.send_response(receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0])
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        """Where a redirect would lead."""
        self.server.receiver.received.append(Received(self.path, dict(self.headers), b""))
        self.send_error(404)

    def _drip(self, receiver: Receiver) -> None:
        """A status line that never ends: each byte comes in time."""
        self.wfile.write(b"HTTP/1.1 200 O")
        with suppress(OSError):
            while not receiver.stop.wait(receiver.pause):
                self.wfile.write(b"K")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    server = _Server(receiver)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    with serving(server):
        try:
            yield receiver
        finally:
            receiver.stop.set()
