"""A small load generator: so many kept-alive connections, each with one request in flight."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from statistics import quantiles
from urllib.parse import urlsplit

END_OF_HEADERS = b"\r\n\r\n"
LENGTH = b"content-length: "
WARM_UP_SECONDS = 0.3


@dataclass
class Load:
    """What one run came to; seconds."""

    elapsed: float = 0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    answered: int = 0  # with those before the clock started

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.elapsed

    @property
    def p99(self) -> float:
        return quantiles(self.latencies, n=100)[-1]


def http_request(url: str, *, body: bytes = b"", headers: Sequence[str] = ()) -> bytes:
    """As it goes over the wire: a POST where there is a body."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = [f"{'POST' if body else 'GET'} {target} HTTP/1.1", f"Host: {parts.netloc}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + END_OF_HEADERS + body


def drive(url: str, request: bytes, *, connections: int, seconds: float) -> Load:
    """In a process of its own, without whatever else runs in this one."""
    port = urlsplit(url).port or 80
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        return pool.submit(_run, port, request, connections, seconds).result()


def _run(port: int, request: bytes, connections: int, seconds: float) -> Load:
    return asyncio.run(_drive(port, request, connections, seconds))


async def _drive(port: int, request: bytes, connections: int, seconds: float) -> Load:
    load = Load()
    ends_at = time.perf_counter() + WARM_UP_SECONDS + seconds
    loop = asyncio.get_running_loop()
    new = partial(_Connection, request, load)
    transports = [(await loop.create_connection(new, "127.0.0.1", port))[0] for _ in range(connections)]
    await asyncio.sleep(WARM_UP_SECONDS)
    load.latencies.clear()
    began = time.perf_counter()
    await asyncio.sleep(ends_at - began)
    load.elapsed = time.perf_counter() - began
    for transport in transports:
        transport.close()
    return load


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    transport: asyncio.Transport

    def __init__(self, request: bytes, load: Load) -> None:
        self.request, self.load, self.answer = request, load, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.answer += data
        head, end, body = self.answer.partition(END_OF_HEADERS)
        if not end or len(body) < int(head.lower().partition(LENGTH)[2].partition(b"\r\n")[0]):
            return
        self.load.latencies.append(time.perf_counter() - self.began)
        self.load.answered += 1
        self.load.refused += not self.answer.startswith(b"HTTP/1.1 200")
        self.answer = b""
        self._send()
