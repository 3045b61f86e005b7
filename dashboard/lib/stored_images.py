"""Stored images as HTTP sees them: streamed for the browser that asked, and for no cache that others share."""

from pathlib import PurePath

from django.core.files.storage import default_storage
from django.http import FileResponse
from PIL import Image

# By Pillow's names; in lower case each is the extension of its files.
FORMATS = ("JPEG", "PNG", "WEBP")
CONTENT_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}

# It never changes, but only the browser that asked may keep it.
CACHE = "private, max-age=3600, immutable"


def format_of(picture: Image.Image) -> str:
    """A phone's JPEG with a second picture behind the first is an MPO to Pillow, and a JPEG to everybody else."""
    return "JPEG" if picture.format == "MPO" else str(picture.format)


def extension_of(name: str) -> str:
    return PurePath(name).suffix.removeprefix(".")


def send_image(name: str) -> FileResponse:
    """Streams a stored image.

    Raises FileNotFoundError, also for the empty name of an image that is not there yet.
    """
    if not name:
        raise FileNotFoundError
    extension = extension_of(name)
    response = FileResponse(default_storage.open(name), content_type=CONTENT_TYPES[extension])
    response["Content-Disposition"] = f'inline; filename="{PurePath(name).name}"'
    response["Cache-Control"] = CACHE
    return response
