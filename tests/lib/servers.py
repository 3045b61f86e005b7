"""Small web servers on this machine, plain and with TLS, and names of our own that lead to them."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[["Handler"], None]
Server = TypeVar("Server", bound=ThreadingHTTPServer)


class Handler(BaseHTTPRequestHandler):
    server: "WebServer"

    def do_GET(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers["Host"]))
        with_answer = self.server.answers.get(self.path)
        if with_answer:
            with_answer(self)
        else:
            self.give(404)

    do_POST = do_GET

    def give(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test reads `seen`."""


class WebServer(ThreadingHTTPServer):
    """Answers each path as it was told to, and remembers who asked for what: method, path, Host."""

    daemon_threads = True

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((address, port), Handler)
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def say(self, path: str, body: bytes, **headers: str) -> str:
        self.answers[path] = lambda handler: handler.give(200, body, **headers)
        return self.url + path

    def redirect(self, path: str, to: str) -> str:
        self.answers[path] = lambda handler: handler.give(302, Location=to)
        return self.url + path

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serving(WebServer()) as server:
        yield server


@dataclass
class Names:
    """What the names of a test resolve to; a list of lists is given out in turn, the last again and again."""

    table: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def set(self, name: str, *answers: list[str]) -> None:
        self.table[name] = list(answers)

    def look_up(self, host: str, port: Any, *args: Any, **options: Any) -> list[Any]:
        self.asked.append(host)
        if host not in self.table:
            return REAL_LOOK_UP(host, port, *args, **{**options, "flags": socket.AI_NUMERICHOST})
        answers = self.table[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in found for entry in REAL_LOOK_UP(address, port, *args, **options)]


REAL_LOOK_UP = socket.getaddrinfo


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """No name but those of the test resolves; numbers stay what they are, in every spelling that the system knows."""
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    return names


def make_certificate(folder: Path, name: str) -> Path:
    """A certificate for the name, signed by itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption()))
    return path


def with_tls(server: WebServer, certificate: Path) -> list[str | None]:
    """The names that clients ask for (SNI), as they come."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.scheme = "https"
    return asked
