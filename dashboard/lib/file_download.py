"""Stored files sent in pieces: the whole or the range that was asked for, and never all of it in memory."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

PIECE_BYTES = 256 * 2**10
RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
Sent = StreamingHttpResponse | HttpResponse


def send_file(request: HttpRequest, name: str, *, size: int, file_name: str, etag: str) -> Sent:
    """The stored file as a download. Raises FileNotFoundError."""
    response = send_range(request, name, size=size, etag=etag, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def send_range(request: HttpRequest, name: str, *, size: int, etag: str, content_type: str) -> Sent:
    """The stored file, or the one range of it that was asked for. Raises FileNotFoundError.

    `etag` names the content: a range of what has changed since is answered with the whole.
    """
    asked = _read_range(request, size, etag)
    if asked is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = asked
    pieces = _open(name, first, last)
    response = StreamingHttpResponse(pieces, content_type=content_type)
    if (first, last) != (0, size - 1):
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Length"] = str(last - first + 1)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = f'"{etag}"'
    return response


def is_continued(request: HttpRequest) -> bool:
    """Whether this asks for what follows the beginning of a file that was sent before."""
    match = RANGE.fullmatch(request.headers.get("range", ""))
    return match is not None and match[1].strip("0") != ""


def _read_range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte; the whole for what is no single range. None for a range that the file does not have."""
    whole = (0, size - 1)
    match = RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match[0] == "bytes=-" or request.headers.get("if-range", f'"{etag}"') != f'"{etag}"':
        return whole
    if not match[1]:  # so many from the end
        return (max(0, size - int(match[2])), size - 1) if int(match[2]) else None
    first, last = int(match[1]), min(int(match[2] or size), size - 1)
    if match[2] and int(match[2]) < first:
        return whole
    return (first, last) if first < size else None


class _Pieces:
    """The bytes of an open file from where it stands, so many of them; closing it closes the file."""

    def __init__(self, file: Any, count: int) -> None:
        self.file = file
        self.left = count

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self.file.read(min(PIECE_BYTES, self.left)) if self.left else b""
        if not piece:
            raise StopIteration
        self.left -= len(piece)
        return piece

    def close(self) -> None:
        self.file.close()


def _open(name: str, first: int, last: int) -> _Pieces:
    """Opened before the answer begins, so that a file that is gone is told of."""
    if hasattr(default_storage, "open_range"):  # a bucket's, which else would send the whole
        return _Pieces(default_storage.open_range(name, first, last), last - first + 1)
    file = default_storage.open(name)
    file.seek(first)
    return _Pieces(file, last - first + 1)
