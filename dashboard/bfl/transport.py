"""Kept-alive connections on which no exchange outlives its deadline, however slowly the other side drips.

A timeout alone begins anew with every byte.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

# On the monotonic clock; of the exchange that this thread is about to begin.
_DEADLINE: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What is sent inside is over after so many seconds, also what is read of the answer later on."""
    token = _DEADLINE.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


class DeadlineAdapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _HttpsConnection if pool.scheme == "https" else _HttpConnection
        return pool


class _Socket(socket.socket):
    deadline: float | None = None

    def recv_into(self, *args: Any, **options: Any) -> int:
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the deadline has passed")
            self.settimeout(min(left, self.gettimeout() or left))
        return super().recv_into(*args, **options)


class _TlsSocket(_Socket, ssl.SSLSocket):
    pass


class _HttpConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        patience = plain.gettimeout()
        made = _Socket(fileno=plain.detach())
        made.settimeout(patience)
        return made

    def send(self, data: Any) -> None:
        """A large body may take longer than the time to connect, which is what stands as the timeout until here."""
        if self.sock is None:
            self.connect()
        at = _DEADLINE.get()
        sock: Any = self.sock
        sock.deadline = at
        if at is not None:
            sock.settimeout(max(0.001, at - time.monotonic()))
        super().send(data)


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    def connect(self) -> None:
        self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
        self.ssl_context.sslsocket_class = _TlsSocket
        super().connect()
