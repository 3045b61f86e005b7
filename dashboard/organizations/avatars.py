"""Avatars: pictures from people, hostile until they are drawn anew, small and square."""

import io
from typing import Any
from uuid import uuid4

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.http import FileResponse
from PIL import Image, ImageOps

from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.lib.jpeg_scans import has_too_many_scans
from dashboard.lib.stored_images import FORMATS, format_of
from dashboard.organizations.models import Organization

MAX_BYTES = 2 * 2**20
MAX_SIDE = 4096
SIDE = 256
FOLDER = "avatars"
CONTENT_TYPE = "image/webp"
NO_PICTURE = "This is not a whole PNG, JPEG or WebP picture. Choose another file."


def draw(file: "File[Any]") -> bytes:
    """The picture, square and as WebP, with nothing of the original but what is seen of it.

    Raises InvalidInputError. The header is read first: a bomb is never unpacked.
    """
    if file.size > MAX_BYTES:
        raise _refusal(f"The file has {file.size / 2**20:.1f} MB; 2 MB is the most.")
    file.seek(0)
    content = io.BytesIO(file.read(MAX_BYTES + 1))
    try:
        with Image.open(content, formats=FORMATS) as picture:
            _check_size(*picture.size)
            if format_of(picture) == "JPEG" and has_too_many_scans(content):
                raise _refusal(NO_PICTURE)
            picture.load()
            return _encode(ImageOps.exif_transpose(picture))
    except InvalidInputError:
        raise
    except Exception:  # Pillow has many ways to say that a hostile file is broken
        raise _refusal(NO_PICTURE) from None


def keep(organization: Organization, content: bytes) -> str:
    """The name in the storage: another one each time, so that browsers may keep what they have."""
    return default_storage.save(f"{FOLDER}/{organization.org_id}-{uuid4().hex}.webp", ContentFile(content))


def discard(name: str) -> None:
    default_storage.delete(name)


def send(organization: Organization) -> FileResponse:
    """Only the browser that asked may keep it; its address names the file. Raises NotFoundError."""
    try:
        if not organization.avatar:
            raise FileNotFoundError
        response = FileResponse(default_storage.open(str(organization.avatar)), content_type=CONTENT_TYPE)
    except FileNotFoundError:
        raise NotFoundError(f"{organization.name} has no avatar.") from None
    response["Content-Disposition"] = "inline"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE:
        raise _refusal(f"The picture has {width} × {height} pixels; {MAX_SIDE} a side is the most.")


def _encode(picture: Image.Image) -> bytes:
    if picture.mode.startswith("I;16"):  # Pillow would cut off, not scale, and leave it white
        picture = picture.point(lambda value: value / 256).convert("L")
    square = ImageOps.fit(picture.convert("RGBA"), (SIDE, SIDE))
    bare = Image.frombytes("RGBA", square.size, square.tobytes())
    target = io.BytesIO()
    bare.save(target, "WEBP", quality=85)
    return target.getvalue()


def _refusal(message: str) -> InvalidInputError:
    return InvalidInputError(message, field="avatar")
