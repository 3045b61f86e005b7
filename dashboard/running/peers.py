"""Ends connections whose other side vanished without a word: a closed laptop, a network that went away."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress

# A silent peer is asked after a minute, and given up two minutes later. Each holds a thread until then.
OPTIONS = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 6}


def watch_peers(port: int) -> None:
    """Has the kernel ask the peers of every connection to `port`; the web server listens in this process and cannot.

    Connections take these options over from the socket that listens.
    """
    for listener in _listeners(port):
        with listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in OPTIONS.items():
                if hasattr(socket, name):  # not every system lets one choose
                    listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _listeners(port: int) -> Iterator[socket.socket]:
    for number in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # closed meanwhile, among them the one that listed the others
            if stat.S_ISSOCK(os.fstat(number).st_mode) and (listener := _listener(number, port)):
                yield listener


def _listener(number: int, port: int) -> socket.socket | None:
    """A second handle of the socket, if it listens on the port."""
    twin = socket.socket(fileno=os.dup(number))
    is_tcp = twin.family in (socket.AF_INET, socket.AF_INET6) and twin.type == socket.SOCK_STREAM
    if is_tcp and twin.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and twin.getsockname()[1] == port:
        return twin
    twin.close()
    return None
