"""The sandbox over HTTP/1.1: the standard library's threading server, one thread a connection."""

import logging
import socket
import sys
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from dashboard.bfl.errors import SERVER_ERROR
from dashboard.sandbox.answers import Answer, Dropped, Refusal, Request, refuse, split_target
from dashboard.sandbox.faults import Faults
from dashboard.sandbox.routes import Routes

log = logging.getLogger(__name__)
# Four reference images of 20 MB would be more; a test server is not sent those.
MAX_BODY_BYTES = 112 << 20
MAX_DISCARDED_BYTES = 256 << 20
CHUNK_BYTES = 1 << 16
IDLE_SECONDS = 75
# How soon `stop` is noticed.
POLL_SECONDS = 0.05


class Sandbox:
    """Listens from the moment it is made (OSError where it cannot) and answers once started."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        public_url: str | None = None,
        seconds: float = 1.5,
        jitter: float = 0.3,
        finetunes: Sequence[str] = (),
        only_known: bool = False,
        faults: Faults | None = None,
    ) -> None:
        """Port 0 takes a free one. `jitter` is a share of `seconds`: 0.3 is 30 per cent either way."""
        self._server = _Server(host, port)
        self._is_served = False
        self._server.routes = self.routes = Routes(
            (public_url or _local_url(host, self._server.server_port)).rstrip("/"),
            seconds=seconds,
            jitter=jitter,
            finetunes=finetunes,
            only_known=only_known,
            faults=faults or Faults(),
        )

    @property
    def url(self) -> str:
        """The address that polling and sample URLs begin with."""
        return self.routes.url

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def faults(self) -> Faults:
        return self.routes.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.routes.faults = faults

    def start(self) -> Self:
        """Serves in a daemon thread."""
        self._is_served = True
        threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), name="sandbox", daemon=True).start()
        return self

    def serve_forever(self) -> None:
        """Serves in this thread until `stop` is called from another, or an exception ends it."""
        self._is_served = True
        self._server.serve_forever(POLL_SECONDS)

    def stop(self) -> None:
        """Stops listening and closes every connection."""
        if self._is_served:
            self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    routes: Routes
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without the reverse look-up of the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Also ends the connections that clients keep alive: their threads would go on answering."""
        super().server_close()
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    log.debug("the connection was closed already")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a connection ended with an error")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # Header and body leave in one piece, at once: in two, delayed acknowledgements cost 40 ms a request.
    disable_nagle_algorithm = True
    wbufsize = CHUNK_BYTES
    error_message_format = '{"detail":"%(message)s"}'
    error_content_type = "application/json"

    def do_GET(self) -> None:
        try:
            self._send(self._answer())
        except Dropped:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _answer(self) -> Answer:
        try:
            path, query = split_target(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            return self.server.routes.answer(Request(self.command, path, query, headers, self._read_body()))
        except Refusal as refusal:
            # The body was not read to its end, so nothing more can be read from this connection.
            self.close_connection = True
            return refusal.answer
        except (Dropped, OSError):
            raise
        except Exception:
            log.exception("the sandbox failed on %s %s", self.command, self.path)
            return refuse(HTTPStatus.INTERNAL_SERVER_ERROR, SERVER_ERROR).answer

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or len(length) > 15:
            raise refuse(HTTPStatus.BAD_REQUEST, "Content-Length is no number.")
        if int(length) > MAX_BODY_BYTES:
            self._discard(min(int(length), MAX_DISCARDED_BYTES))
            raise refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is larger than 112 MB.")
        return self.rfile.read(int(length))

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := self._chunk_size():
            if len(body) + size > MAX_BODY_BYTES:
                raise refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is larger than 112 MB.")
            body += self.rfile.read(size)
            self.rfile.readline(8)
        while self.rfile.readline(CHUNK_BYTES).strip():
            pass  # trailers
        return bytes(body)

    def _chunk_size(self) -> int:
        text = self.rfile.readline(256).partition(b";")[0].strip()
        try:
            return int(text, 16)
        except ValueError:
            raise refuse(HTTPStatus.BAD_REQUEST, "The chunked body is malformed.") from None

    def _discard(self, length: int) -> None:
        """Reads what will not be used: a client that is still sending would see a reset, not the answer."""
        while length > 0 and (chunk := self.rfile.read(min(length, CHUNK_BYTES))):
            length -= len(chunk)

    def handle_expect_100(self) -> bool:
        """Sent at once, past the buffer: clients hold large bodies back until they see it."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def version_string(self) -> str:
        return "sandbox"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def _local_url(host: str, port: int) -> str:
    """Where this machine reaches the server; a wildcard address is none to hand out."""
    if host in ("0.0.0.0", ""):
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
