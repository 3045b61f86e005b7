"""Reference images of a request: checked, stored, and given back as the provider takes them."""

import base64
import binascii
import io
import re
from collections.abc import Mapping, Sequence
from typing import TypedDict
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from dashboard.bfl.prices import PIXELS_PER_MP
from dashboard.bfl.schemas import MAX_URL_CHARS, MIN_SIDE, SIDE_STEP
from playground.inputs import InvalidFieldsError

MAX_BYTES = 20 * 10**6
MAX_PIXELS = 20 * 10**6
MAX_ASPECT = 8
FORMATS = ("JPEG", "PNG", "WEBP")
URL = re.compile(r"https?://\S+", re.IGNORECASE)
DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


class Reference(TypedDict, total=False):
    """A URL that the provider fetches, or a file of ours with the size that the model will see; and its field."""

    field: str
    url: str
    file: str
    size: tuple[int, int]


def store(event: UUID, images: Mapping[str, str]) -> list[Reference]:
    """Checks all images and keeps the encoded ones. Raises InvalidFieldsError at the field; then nothing is kept."""
    decoded = {field: _decode(image, field) for field, image in images.items()}
    return [
        Reference(field=field, url=content) if isinstance(content, str) else _keep(event, field, *content)
        for field, content in decoded.items()
    ]


def as_sent(references: Sequence[Reference]) -> dict[str, str]:
    """The request fields as the provider takes them: URLs as they are, files in base64."""
    return {reference["field"]: reference.get("url") or _encode(reference["file"]) for reference in references}


def remove(references: Sequence[Reference]) -> None:
    for reference in references:
        if name := reference.get("file"):
            default_storage.delete(name)


def _decode(image: str, field: str) -> str | tuple[bytes, str, tuple[int, int]]:
    if URL.fullmatch(image):
        if len(image) > MAX_URL_CHARS:
            raise InvalidFieldsError({field: f"The URL should have at most {MAX_URL_CHARS} characters"})
        return image
    encoded = image[match.end() :] if (match := DATA_URI.match(image)) else image
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidFieldsError({field: "Send an http(s) URL or the image in base64"}) from None
    if len(content) > MAX_BYTES:
        raise InvalidFieldsError({field: "The image should be at most 20 MB"})
    return content, *_measure(content, field)


def _measure(content: bytes, field: str) -> tuple[str, tuple[int, int]]:
    """Format and model size of an image that really decodes. The header is read first: a bomb is never unpacked."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            _check_size(*picture.size, field)
            picture.load()
            return str(picture.format).lower(), _model_size(*picture.size)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise InvalidFieldsError({field: "The image does not decode; send a whole JPEG, PNG or WebP"}) from None


def _check_size(width: int, height: int, field: str) -> None:
    if width * height > MAX_PIXELS:
        raise InvalidFieldsError({field: f"The image has {width} × {height} pixels; 20 MP is the most"})
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        raise InvalidFieldsError({field: "Each side should be 64 pixels or more, and the ratio 8:1 at most"})


def _model_size(width: int, height: int) -> tuple[int, int]:
    """References above one megapixel are scaled down to it; sides end on multiples of 16."""
    scale = min(1.0, (PIXELS_PER_MP / (width * height)) ** 0.5)
    width, height = (max(MIN_SIDE, int(side * scale) // SIDE_STEP * SIDE_STEP) for side in (width, height))
    return width, height


def _keep(event: UUID, field: str, content: bytes, extension: str, size: tuple[int, int]) -> Reference:
    name = default_storage.save(f"references/{event}-{field}.{extension}", ContentFile(content))
    return Reference(field=field, file=name, size=size)


def _encode(name: str) -> str:
    with default_storage.open(name) as file:
        return base64.b64encode(file.read()).decode()
