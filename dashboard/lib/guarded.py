"""Requests to URLs that strangers gave: never to this machine or its network, whatever URL, name or redirect says.

A name is resolved once, when the connection is made; each of its addresses is checked, and the connection goes to one
of those: there is no second look-up in which a name could turn to another address.
"""

import re
import socket
from ipaddress import ip_address
from typing import Any

import requests
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, LocationValueError, NameResolutionError, NewConnectionError
from urllib3.util import Url, parse_url

from dashboard.lib.addresses import Address, is_public, read_address
from dashboard.lib.deadlines import (
    DeadlineAdapter,
    DeadlineConnection,
    DeadlineSocket,
    DeadlineTlsConnection,
    within_deadline,
)

MAX_REDIRECTS = 5
# Below 1024 other services listen, and none of them should get a line from us.
SERVICE_PORTS = 1024
WEB_PORTS = (80, 443)
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
NO_URL = "This is no usable http(s) URL"
SCHEME = "The URL should begin with https:// or http://"
HTTPS_ONLY = "The URL should begin with https://"
CREDENTIALS = "The URL should hold no user name and no password"
PORT = "The URL should have port 80, 443 or one above 1023"
SPELLING = "Write the address in the URL as four decimal numbers, or use a name"
PRIVATE = "The URL leads to a private or reserved address, where this server does not go"


class RefusedUrlError(Exception):
    """A URL where this server does not go. `reason` is safe to show; it ends without a full stop.

    No OSError and no ValueError, which urllib3 and requests would take for failures of the connection.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_url(url: str, *, https_only: bool) -> None:
    """Of what the URL itself says; no name is looked up. Raises RefusedUrlError."""
    parts = _parse(url)
    if parts.scheme not in ("http", "https"):
        raise RefusedUrlError(HTTPS_ONLY if https_only else SCHEME)
    if https_only and parts.scheme != "https" and not settings.ALLOW_PRIVATE_URLS:
        raise RefusedUrlError(HTTPS_ONLY)
    if parts.auth is not None:
        raise RefusedUrlError(CREDENTIALS)
    if parts.port is not None and parts.port < SERVICE_PORTS and parts.port not in WEB_PORTS:
        raise RefusedUrlError(PORT)
    try:
        address = read_address(parts.host or "")
    except ValueError:
        raise RefusedUrlError(SPELLING) from None
    if address:
        _check_address(address)


def open_session(*, https_only: bool) -> requests.Session:
    """A session that goes to public addresses alone, in redirects too; sending raises RefusedUrlError else.

    What is sent within `deadlines.deadline` is over by then. Resolving a name takes as long as the system's resolver
    lets it.
    """
    return _Session(https_only)


def _parse(url: str) -> Url:
    """As requests will: a URL that two read in two ways is a way in."""
    if UNPRINTABLE.search(url):
        raise RefusedUrlError(NO_URL)
    scheme, colon, _ = url.partition(":")
    if not colon or scheme.lower() not in ("http", "https"):
        raise RefusedUrlError(SCHEME)
    try:
        request = requests.Request("GET", url).prepare()
        return parse_url(request.url or "")
    except (ValueError, LocationValueError):  # those of requests are ValueErrors
        raise RefusedUrlError(NO_URL) from None


def _check_address(address: Address) -> None:
    if not settings.ALLOW_PRIVATE_URLS and not is_public(address):
        raise RefusedUrlError(PRIVATE)


class _Session(requests.Session):
    def __init__(self, https_only: bool) -> None:
        super().__init__()
        self.https_only = https_only
        self.trust_env = False  # a proxy from the environment would do the resolving
        self.max_redirects = MAX_REDIRECTS
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Also called for each redirect."""
        check_url(request.url or "", https_only=self.https_only)
        return super().send(request, **options)


class _Connection(DeadlineConnection):
    def _new_conn(self) -> socket.socket:
        error: OSError = OSError("no address")
        for family, address in self._resolve():
            try:
                return self._connect(family, address)
            except OSError as failure:
                error = failure
        if isinstance(error, TimeoutError):
            raise ConnectTimeoutError(self, f"connecting to {self.host} timed out") from error
        raise NewConnectionError(self, f"connecting to {self.host} failed: {error}") from error

    def _resolve(self) -> list[tuple[int, Any]]:
        """Family and address as a socket takes them, each checked. One that is refused stands for all."""
        host = self._dns_host.strip("[]")
        try:
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(*error.args)) from error
        for *_, address in found:
            _check_address(ip_address(str(address[0]).partition("%")[0]))
        return [(family, address) for family, *_, address in found]

    def _connect(self, family: int, address: Any) -> socket.socket:
        connected = DeadlineSocket(family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                connected.setsockopt(*option)
            connected.settimeout(within_deadline(self.timeout if isinstance(self.timeout, int | float) else None))
            connected.connect(address)
        except BaseException:
            connected.close()
            raise
        return connected


class _TlsConnection(_Connection, DeadlineTlsConnection):
    """The name stays in SNI, in the certificate's check and in the Host header: only the socket knows the address."""


class _Adapter(DeadlineAdapter):
    plain, tls = _Connection, _TlsConnection
