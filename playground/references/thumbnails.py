"""Reference images as the form shows them: small, drawn when a browser first asks."""

import io

from django.core.files.storage import default_storage
from PIL import Image, ImageOps

from dashboard.lib.places import Places
from dashboard.lib.stored_images import FORMATS

# Twice the pixels that the form gives it, for fine screens.
SIDE = 256
CONTENT_TYPE = "image/webp"
BUSY = "This server is drawing other pictures. Try again in a moment."
# Images unpacked at once in this process: 80 MB each at the most.
PLACES = Places(3, BUSY, seconds=10)


def draw_thumbnail(name: str) -> bytes:
    """As WebP. Raises FileNotFoundError, also for what does not decode any more, and BusyError."""
    with PLACES.take():
        return _draw(name)


def _draw(name: str) -> bytes:
    try:
        with default_storage.open(name) as file, Image.open(file, formats=FORMATS) as picture:
            picture.draft("RGB", (SIDE, SIDE))  # a JPEG unpacks no more than it shows
            picture.thumbnail((SIDE, SIDE))
            upright = ImageOps.exif_transpose(picture)
            target = io.BytesIO()
            upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(target, "WEBP", quality=80)
    except FileNotFoundError:
        raise
    except Exception:  # it was checked when it came; what became of it since is as good as gone
        raise FileNotFoundError(name) from None
    return target.getvalue()
