"""Bodies of requests: their length is told, and few of the large ones are worked on at once.

Images in base64 stand in memory several times over while they are read, parsed, decoded and kept: 100 MB take 400.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from dashboard.lib.errors import DashboardError
from dashboard.lib.places import Places

# Forms with files and the pieces of uploads, which go to the disk as they come. All else is read as JSON.
STREAMED = ("multipart/form-data", "application/offset+octet-stream")
LARGE_BYTES = 8 * 2**20
CHUNKED = "Send the body with a Content-Length, not chunked."
BUSY = "This server is reading other large requests. Try again in a moment, or send the images by URL."
PLACES = Places(3, BUSY, in_line=5, seconds=2)


class NoLengthError(DashboardError):
    code = "length_required"
    status = 411


@contextmanager
def room_for(request: HttpRequest) -> Iterator[None]:
    """Stands around a call. Raises NoLengthError, and BusyError where too many large bodies are being worked on."""
    if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
        raise NoLengthError(CHUNKED)
    if not _is_large(request):
        yield
        return
    with PLACES.take():
        yield


def _is_large(request: HttpRequest) -> bool:
    length = request.headers.get("Content-Length", "")
    return request.content_type not in STREAMED and length.isdecimal() and int(length) > LARGE_BYTES
