"""Reference images: checked, stored, and given back as the provider takes them."""

import base64
import binascii
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import IO, NamedTuple, TypedDict
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from dashboard.bfl.sizes import MIN_SIDE, Size, model_size
from dashboard.lib.errors import InvalidInputError
from dashboard.lib.jpeg_scans import MOST_SCANS, has_too_many_scans
from dashboard.lib.stored_images import FORMATS, format_of
from playground.inputs import InvalidFieldsError
from playground.references.fetching import MAX_BYTES, TOO_LARGE, fetch

MAX_BASE64 = (MAX_BYTES + 2) // 3 * 4
MAX_PIXELS = 20 * 10**6
MAX_ASPECT = 8
URL = re.compile(r"https?://\S+", re.IGNORECASE)
DATA_URI = re.compile(r"data:image/([\w.+-]{1,40});base64,", re.IGNORECASE)
BOMB = "The image has more than 20 million pixels, which is the most"
SCANS = f"The JPEG has more than {MOST_SCANS} scans, which is the most; save it anew"
BROKEN = "The image does not decode; send a whole JPEG, PNG or WebP"
# What a data URI may call the formats that are taken; of other names nothing is concluded.
TYPES = {"jpeg": "jpeg", "jpg": "jpeg", "pjpeg": "jpeg", "png": "png", "webp": "webp"}
LYING = "The data URI says image/{told}, and the image is {kind}"
MASK = "The mask has {} × {} pixels and the image {} × {}; both should have the same size"
FOREIGN = "{kind} does not decode here; send the image as JPEG, PNG or WebP"
# Told by name, for people have these at hand: where it stands, and the bytes there.
FOREIGN_KINDS = {
    "HEIC": (4, (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")),
    "AVIF": (4, (b"ftypavif", b"ftypavis")),
    "GIF": (0, (b"GIF8",)),
    "TIFF": (0, (b"II*\0", b"MM\0*")),
    "BMP": (0, (b"BM",)),
    "PDF": (0, (b"%PDF",)),
    "SVG": (0, (b"<svg",)),
}


class Reference(TypedDict, total=False):
    """A file of ours with the size that the model will see, and its field; of old, a URL that the provider fetches."""

    field: str
    url: str
    file: str
    size: tuple[int, int]


def store(event: UUID, images: Mapping[str, str], seen: Callable[[int, int], Size] = model_size) -> list[Reference]:
    """Checks all images and keeps them, with the size in which the model sees them; fetches those named by URL.

    Raises InvalidFieldsError at the field; then nothing is kept.
    """
    urls = {field: image for field, image in images.items() if URL.fullmatch(image)}
    found = {field: _decode(image, field) for field, image in images.items() if field not in urls}
    found |= {field: _check(content, field) for field, content in fetch(urls).items()}
    _check_mask(found)
    kept: list[Reference] = []
    try:
        for field in images:
            kept.append(_keep(event, field, found[field], seen))
    except Exception:
        remove(kept)
        raise
    return kept


def as_sent(references: Sequence[Reference]) -> dict[str, str]:
    """The request fields as the provider takes them: URLs as they are, files in base64."""
    return {reference["field"]: reference.get("url") or _encode(reference["file"]) for reference in references}


def copy(event: UUID, fields: Sequence[str], chosen: Sequence[Reference]) -> list[Reference]:
    """Keeps what was checked when it came here for another generation too. Raises FileNotFoundError where it is gone.

    Then nothing is kept.
    """
    copies: list[Reference] = []
    try:
        for field, reference in zip(fields, chosen, strict=False):
            copies.append(_copy(event, field, reference))
    except Exception:
        remove(copies)
        raise
    return copies


def remove(references: Sequence[Reference]) -> None:
    for reference in references:
        if name := reference.get("file"):
            default_storage.delete(name)


class Measured(NamedTuple):
    extension: str
    width: int
    height: int


class _Received(NamedTuple):
    content: bytes
    measured: Measured

    @property
    def pixels(self) -> Size:
        return self.measured.width, self.measured.height


def _decode(image: str, field: str) -> _Received:
    match = DATA_URI.match(image)
    encoded = image[match.end() :] if match else image
    if len(encoded) > MAX_BASE64:
        raise InvalidFieldsError({field: TOO_LARGE})
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidFieldsError({field: "Send an http(s) URL or the image in base64"}) from None
    received = _check(content, field)
    told = match[1].lower() if match else ""
    if TYPES.get(told, received.measured.extension) != received.measured.extension:
        kind = received.measured.extension.upper()
        raise InvalidFieldsError({field: LYING.format(told=told, kind=kind)})
    return received


def _check(content: bytes, field: str) -> _Received:
    """An image as it lies in a request."""
    if len(content) > MAX_BYTES:
        raise InvalidFieldsError({field: TOO_LARGE})
    try:
        return _Received(content, measure(io.BytesIO(content)))
    except InvalidInputError as error:
        raise InvalidFieldsError({field: error.message}) from None


def _check_mask(found: Mapping[str, _Received]) -> None:
    image, mask = found.get("image"), found.get("mask")
    if image and mask and image.pixels != mask.pixels:
        raise InvalidFieldsError({"mask": MASK.format(*mask.pixels, *image.pixels)})


def measure(file: IO[bytes]) -> Measured:
    """Of an image that really decodes. The header is read first: a bomb is never unpacked. Raises InvalidInputError."""
    try:
        with Image.open(file, formats=FORMATS) as picture:
            _check_size(*picture.size)
            format = format_of(picture)
            if format == "JPEG" and has_too_many_scans(file):
                raise InvalidInputError(SCANS)
            picture.load()
            return Measured(format.lower(), *picture.size)
    except InvalidInputError:
        raise
    except Image.DecompressionBombError:
        raise InvalidInputError(BOMB) from None
    except Exception:  # Pillow has many ways to say that a hostile file is broken
        raise InvalidInputError(_what_is_wrong(file)) from None


def _what_is_wrong(file: IO[bytes]) -> str:
    file.seek(0)
    start = file.read(16)
    for kind, (place, marks) in FOREIGN_KINDS.items():
        if start[place:].startswith(marks):
            return FOREIGN.format(kind=kind)
    return BROKEN


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InvalidInputError(f"The image has {width} × {height} pixels; 20 MP is the most")
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        raise InvalidInputError(
            f"The image has {width} × {height} pixels; each side should be 64 pixels or more, and the ratio 8:1 at most"
        )


def _keep(event: UUID, field: str, received: _Received, seen: Callable[[int, int], Size]) -> Reference:
    name = f"references/{event}-{field}.{received.measured.extension}"
    name = default_storage.save(name, ContentFile(received.content))
    return Reference(field=field, file=name, size=seen(*received.pixels))


def _copy(event: UUID, field: str, reference: Reference) -> Reference:
    if "url" in reference:
        return Reference(field=field, url=reference["url"])
    source = reference["file"]
    with default_storage.open(source) as file:
        name = default_storage.save(f"references/{event}-{field}.{source.rpartition('.')[2]}", file)
    return Reference(field=field, file=name, size=reference["size"])


def _encode(name: str) -> str:
    with default_storage.open(name) as file:
        return base64.b64encode(file.read()).decode()
