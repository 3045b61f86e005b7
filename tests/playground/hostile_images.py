"""Files that are no images, or not the ones they say they are, as a request would carry them."""

import base64
import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image

from dashboard.lib.jpeg_scans import MOST_SCANS

PNG = b"\x89PNG\r\n\x1a\n"


def draw(size: tuple[int, int] = (128, 96), format: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size).save(target, format, **options)
    return target.getvalue()


def noise(format: str, **options: Any) -> bytes:
    """An image whose data is long enough to be cut."""
    target = io.BytesIO()
    Image.effect_noise((256, 256), 80).convert("RGB").save(target, format, **options)
    return target.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, data: bytes, *before: bytes) -> bytes:
    """A PNG that says it has this size, whatever its data."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG + head + b"".join(before) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def with_scans(count: int) -> bytes:
    """A JPEG whose last scan comes again and again."""
    content = draw(format="JPEG", progressive=True)
    scans = [match.start() for match in re.finditer(b"\xff\xda", content)]
    last = content[scans[-1] : -2]  # up to the end of the image
    return content[: scans[-1]] + last * (count - len(scans) + 1) + content[-2:]


def as_zip(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("image.png", content)
    return target.getvalue()


def with_broken_checksum() -> bytes:
    content = bytearray(noise("PNG"))
    content[content.index(b"IDAT") + 400] ^= 0xFF
    return bytes(content)


# What the base64 stands for, and what the answer says.
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"no image, only words", "does not decode"),
    "HTML": (lambda: b"<!doctype html><script>alert(1)</script>", "does not decode"),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG does not decode here"),
    "GIF": (lambda: draw(format="GIF"), "GIF does not decode here"),
    "BMP": (lambda: draw(format="BMP"), "BMP does not decode here"),
    "TIFF": (lambda: draw(format="TIFF"), "TIFF does not decode here"),
    "HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "HEIC does not decode here"),
    "AVIF": (lambda: b"\0\0\0\x18ftypavif" + bytes(100), "AVIF does not decode here"),
    "PDF": (lambda: b"%PDF-1.7\n" + bytes(100), "PDF does not decode here"),
    "EPS": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", "does not decode"),
    "ZIP with an image in it": (lambda: as_zip(draw()), "does not decode"),
    "gzip around an image": (lambda: gzip.compress(draw()), "does not decode"),
    "PNG by its first bytes alone": (lambda: PNG + b"<script>alert(1)</script>", "does not decode"),
    "PNG cut short": (lambda: noise("PNG")[:-5000], "does not decode"),
    "JPEG cut short": (lambda: noise("JPEG")[:-2000], "does not decode"),
    "progressive JPEG cut short": (lambda: noise("JPEG", progressive=True)[:-2000], "does not decode"),
    "WebP cut short": (lambda: noise("WEBP")[:-2000], "does not decode"),
    "PNG with changed bytes": (with_broken_checksum, "does not decode"),
    "PNG with less data than it says": (lambda: png_of(512, 512, bytes(1000)), "does not decode"),
    "bomb: 50,000 pixels a side": (lambda: png_of(50_000, 50_000, bytes(1000)), "20 million pixels"),
    "bomb: 2^31 pixels wide": (lambda: png_of(2**31 - 1, 1, bytes(1000)), "20 million pixels"),
    "bomb: packed text": (
        lambda: png_of(128, 96, bytes(96 * 385), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000)))),
        "does not decode",
    ),
    "21 million pixels": (lambda: draw((4200, 5000), mode="1"), "20 MP is the most"),
    "21 MB": (lambda: draw() + bytes(21_000_000), "at most 20 MB"),
    "a strip of one pixel": (lambda: draw((2048, 1)), "each side should be 64 pixels or more"),
    "one pixel": (lambda: draw((1, 1)), "each side should be 64 pixels or more"),
    "a strip of 9:1": (lambda: draw((900, 100)), "the ratio 8:1 at most"),
    "JPEG without end": (lambda: with_scans(MOST_SCANS + 1), "more than 100 scans"),
}


def encode(content: bytes, told: str = "") -> str:
    return (f"data:{told};base64," if told else "") + base64.b64encode(content).decode()


WORDS: dict[str, tuple[Callable[[], str], str]] = {
    "no base64": (lambda: "?", "Send an http(s) URL or the image in base64"),
    "base64 with a hole": (lambda: encode(draw())[:40] + "***" + encode(draw())[43:], "Send an http(s) URL"),
    "base64 without its end": (lambda: "iVBORw0KG", "Send an http(s) URL"),
    "base64 with a line break in it": (lambda: encode(draw())[:40] + "\n!", "Send an http(s) URL"),
    "data URI of a page": (lambda: encode(b"<html>", "text/html"), "Send an http(s) URL"),
    "data URI of a page that says image": (lambda: encode(b"<html>", "image/png"), "does not decode"),
    "data URI of an SVG": (lambda: encode(b"<svg/>", "image/svg+xml"), "SVG does not decode"),
    "data URI without base64": (lambda: "data:image/png,%89PNG", "Send an http(s) URL"),
    "data URI of nothing": (lambda: "data:image/png;base64,", "does not decode"),
    "data URI that is cut off": (lambda: "data:image/png", "Send an http(s) URL"),
    "JPEG that is said to be a PNG": (lambda: encode(draw(format="JPEG"), "image/png"), "says image/png"),
    "PNG that is said to be a WebP": (lambda: encode(draw(), "image/webp"), "the image is PNG"),
    "a path": (lambda: "../../etc/passwd", "Send an http(s) URL"),
}
