"""An upstream that says what a test wants it to say, and remembers what it was asked."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.lib.servers import serving


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    # Bytes that are promised and not sent.
    missing: int = 0
    # Seconds between two bytes, of the head and the body or of the body alone.
    drip: float = 0.0
    drips_head: bool = False


class Upstream(ThreadingHTTPServer):
    """Gives its replies in order, the last one again and again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Reply] = [Reply(404)]
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def say(self, *replies: Reply) -> None:
        self.replies = list(replies)


class _Handler(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, headers))
        replies = self.server.replies
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + reply.missing))
        if reply.drips_head:
            self._drip(b"X-Slow: " + b"x" * 1000, reply.drip)
        self.end_headers()
        if reply.drip:
            self._drip(reply.body, reply.drip)
        else:
            self.wfile.write(reply.body)

    def _drip(self, content: bytes, pause: float) -> None:
        if self.command and hasattr(self, "_headers_buffer"):
            self.flush_headers()
        for byte in content:
            try:
                self.wfile.write(bytes([byte]))
            except OSError:  # the client has enough
                return
            time.sleep(pause)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test reads `seen`."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with serving(Upstream()) as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Upstream]:
    """A second origin."""
    with serving(Upstream()) as server:
        yield server
