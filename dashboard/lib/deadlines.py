"""Connections on which no exchange outlives its deadline, however slowly the other side drips.

A timeout alone begins anew with every byte.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
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


def within_deadline(seconds: float | None) -> float | None:
    """How long a step of connecting may wait that would wait so long. Raises TimeoutError after the deadline."""
    return _shorter(seconds, _DEADLINE.get())


class DeadlineSocket(socket.socket):
    deadline: float | None = None

    def begin(self) -> None:
        """An exchange, under the deadline that stands now."""
        self.deadline = _DEADLINE.get()
        if self.deadline is not None:
            self.settimeout(_shorter(None, self.deadline))

    def recv_into(self, *args: Any, **options: Any) -> int:
        self.settimeout(_shorter(self.gettimeout(), self.deadline))
        return super().recv_into(*args, **options)


class _TlsSocket(DeadlineSocket, ssl.SSLSocket):
    pass


class DeadlineConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        patience = plain.gettimeout()
        made = DeadlineSocket(fileno=plain.detach())
        made.settimeout(patience)
        return made

    def send(self, data: Any) -> None:
        """A large body may take longer than the time to connect, which is what stands as the timeout until here."""
        if self.sock is None:
            self.connect()
        cast(DeadlineSocket, self.sock).begin()
        super().send(data)


class DeadlineTlsConnection(DeadlineConnection, HTTPSConnection):
    def connect(self) -> None:
        self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
        self.ssl_context.sslsocket_class = _TlsSocket
        super().connect()


class DeadlineAdapter(HTTPAdapter):
    """For requests' sessions."""

    plain: type[DeadlineConnection] = DeadlineConnection
    tls: type[DeadlineTlsConnection] = DeadlineTlsConnection

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool = cast(HTTPConnectionPool, super().get_connection_with_tls_context(*args, **options))
        pool.ConnectionCls = self.tls if pool.scheme == "https" else self.plain
        return pool


def _shorter(patience: float | None, deadline: float | None) -> float | None:
    """Seconds to wait now. Raises TimeoutError after the deadline."""
    if deadline is None:
        return patience
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left if patience is None else min(patience, left)
