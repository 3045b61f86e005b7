"""Samples: fetched from the provider, checked to be images, and stored with a thumbnail."""

import io
import tempfile
from collections.abc import Iterable
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from PIL import Image

from dashboard.lib.jpeg_scans import has_too_many_scans
from dashboard.lib.stored_images import FORMATS, format_of
from playground.models import Generation

# As many as an input image may have, whose size the result may keep.
MAX_PIXELS = 20 * 10**6
THUMBNAIL = (512, 512)
SPOOL_BYTES = 8 << 20


class BadSampleError(Exception):
    """What the provider sent is not an image that we show."""


def store_sample(generation: Generation, chunks: Iterable[bytes]) -> tuple[str, str]:
    """Stores image and thumbnail; returns their names. Raises BadSampleError, and what `chunks` raises.

    The names follow from the generation, so that a step taken twice overwrites instead of leaving files behind.
    """
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
        for chunk in chunks:
            file.write(chunk)
        extension, thumbnail = _check(file)
        file.seek(0)
        folder = f"generations/{generation.organization_id}/{generation.id}"
        image = _replace(f"{folder}.{extension}", File(file))
        return image, _replace(f"{folder}.thumbnail.webp", ContentFile(thumbnail))


def _check(file: IO[bytes]) -> tuple[str, bytes]:
    """Extension of the image, and its thumbnail as WebP. The size is checked before anything is unpacked."""
    file.seek(0)
    try:
        with Image.open(file, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadSampleError
            extension = format_of(picture).lower()
            if extension == "jpeg" and has_too_many_scans(file):
                raise BadSampleError
            picture.load()
            small = picture.convert("RGB")
            small.thumbnail(THUMBNAIL)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise BadSampleError from None
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80)
    return extension, target.getvalue()


def _replace(name: str, content: "File[bytes]") -> str:
    default_storage.delete(name)
    return default_storage.save(name, content)
