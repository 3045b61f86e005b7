"""What the tests of uploads share: files to send, the headers of tus, a request on a bare socket."""

import io
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from finetunes.checkpoints.writer import write_lora
from finetunes.models import Upload
from finetunes.uploads import staging
from tests.checkpoints import full_shapes, header_bytes, lora_shapes

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = TUS | {"Content-Type": "application/offset+octet-stream"}
BASE_MODEL = "flux-2-klein-4b"


@cache
def lora(base_model: str = BASE_MODEL, seed: str = "upload") -> bytes:
    """A whole valid checkpoint of about 3 MB."""
    file = io.BytesIO()
    write_lora(file, base_model, seed=seed, trigger_phrase="TOK")
    return file.getvalue()


@cache
def lora_start(gib: float) -> tuple[bytes, int]:
    """The header of a LoRA for klein 4B of about this size, and the exact size."""
    rank = round(gib * 2**30 / 2_900_000)
    return header_bytes(lora_shapes("flux2-klein-4b", rank=rank))


@cache
def whole_model_start() -> tuple[bytes, int]:
    """The header of a file that can't become a finetune, and its size."""
    return header_bytes(full_shapes("flux2-klein-4b"))


def metadata(**values: str) -> str:
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())


def asking(name: str = "linocut", **changes: str) -> dict[str, str]:
    """The headers of a program that starts an upload, without its length."""
    values = {"filename": "linocut.safetensors", "name": name, "base_model": BASE_MODEL, "trigger_phrase": "TOK"}
    return TUS | {"Upload-Metadata": metadata(**values | changes)}


def piece_headers(offset: int, length: int) -> dict[str, str]:
    return PIECE | {"Upload-Offset": str(offset), "Content-Length": str(length)}


@dataclass
class Wire:
    """One request on a socket of its own, sent as slowly as a test likes."""

    socket: socket.socket

    def send_head(self, method: str, path: str, headers: dict[str, str]) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{key}: {value}" for key, value in headers.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def answer(self) -> HTTPResponse:
        response = HTTPResponse(self.socket)
        response.begin()
        return response


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Wire(connection)


def json_of(response: Any) -> dict[str, Any]:
    """Every refusal is JSON, and says in both fields what was wrong."""
    assert response.headers["content-type"].startswith("application/json"), response.headers
    body: dict[str, Any] = response.json()
    assert body["detail"] == body["message"]
    return body


def staged() -> set[Path]:
    """All that lies in the folder of uploads."""
    folder = Path(settings.UPLOADS_DIR)
    return set(folder.iterdir()) if folder.is_dir() else set()


def is_gone(upload: Upload) -> bool:
    return not Upload.objects.filter(pk=upload.pk).exists() and not staging.path_for(upload.pk).exists()
