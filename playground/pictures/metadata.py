"""A stored image with its parameters inside: pieces are put between its own bytes, the picture stays as it is.

Nothing of who asked for it goes in: no key, no person, no organization, and not the id that opens the generation.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from PIL import ExifTags, Image

from dashboard.lib.stored_images import FORMATS, format_of
from playground.models import Generation
from playground.reuse import finetune_id_of

PIECE_BYTES = 64 << 10
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The signature and the first chunk, IHDR, which nothing may stand before.
PNG_HEAD_BYTES = 33
JPEG_START = b"\xff\xd8"
RIFF_HEAD_BYTES = 12
WEBP_CHUNK_HEAD_BYTES = 8
WEBP_HAS_EXIF, WEBP_HAS_ALPHA = 0x08, 0x10
# A segment of a JPEG holds 64 KiB; what the prompt may take of it leaves room for the rest. Its escapes count too: an
# emoji is written with two of them, of six bytes each.
MAX_EXIF_PROMPT_CHARS = 8_000
MAX_EXIF_PROMPT_BYTES = 48_000
ESCAPED_BYTES = 12
SOFTWARE = "Finetunes Dashboard"
IMAGE_DESCRIPTION, USER_COMMENT, EXIF_IFD = ExifTags.Base.ImageDescription, ExifTags.Base.UserComment, ExifTags.IFD.Exif


@dataclass(frozen=True)
class Header:
    """What the beginning of the stored file says."""

    format: str
    size: tuple[int, int]
    has_alpha: bool


def parameters_of(generation: Generation) -> dict[str, Any]:
    """What made the image. A finetune of another organization is named without that organization."""
    known = {
        "prompt": generation.prompt,
        "finetune": finetune_id_of(generation).rpartition("/")[2],
        "finetune_version": generation.finetune_version,
        "checkpoint_sha256": generation.checkpoint_sha256,
        **{name: value for name, value in generation.inputs.items() if name != "prompt"},
        "endpoint": generation.endpoint_name,
        "seed": generation.seed or generation.inputs.get("seed"),
        "width": generation.width,
        "height": generation.height,
    }
    return {name: value for name, value in known.items() if value not in (None, "")}


def file_name_of(generation: Generation, extension: str) -> str:
    """`ink-portrait-v2-seed-5-1a2b3c4d.png`."""
    finetune = finetune_id_of(generation).rpartition("/")[2] or generation.endpoint_name
    version = f"-v{generation.finetune_version}" if generation.finetune_version else ""
    seed = f"-seed-{generation.seed}" if generation.seed else ""
    return f"{finetune}{version}{seed}-{generation.pk.hex[:8]}.{extension}"


def pieces_of(file: IO[bytes], generation: Generation) -> Iterator[bytes]:
    """The whole file in pieces, with the parameters inside; as it is, where it is none of the known formats."""
    header = _read_header(file)
    file.seek(0)
    if header is not None:
        yield from WRITERS[header.format](file, header, parameters_of(generation))
    while piece := file.read(PIECE_BYTES):
        yield piece


def _read_header(file: IO[bytes]) -> Header | None:
    """Without unpacking the picture."""
    try:
        with Image.open(file, formats=FORMATS) as picture:
            return Header(format_of(picture), picture.size, "A" in picture.getbands())
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


# Each writes the beginning, up to where the rest of the file goes on as it is, and what stands before the rest.


def _begin_png(file: IO[bytes], header: Header, parameters: dict[str, Any]) -> Iterator[bytes]:
    yield file.read(PNG_HEAD_BYTES)
    yield _text_chunk("Software", SOFTWARE)
    yield _text_chunk("Description", parameters.get("prompt", ""))
    yield _text_chunk("parameters", json.dumps(parameters, ensure_ascii=False))


def _text_chunk(keyword: str, text: str) -> bytes:
    """`iTXt`: UTF-8, not compressed, of no stated language."""
    content = b"iTXt" + keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def _begin_jpeg(file: IO[bytes], header: Header, parameters: dict[str, Any]) -> Iterator[bytes]:
    exif = _exif(parameters)
    yield file.read(len(JPEG_START))
    yield b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif


def _begin_webp(file: IO[bytes], header: Header, parameters: dict[str, Any]) -> Iterator[bytes]:
    """An extended file says first what it holds; a simple one becomes an extended one. The Exif stands last."""
    exif = _exif(parameters).removeprefix(b"Exif\0\0")
    tail = b"EXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2)
    length = struct.unpack("<4sI4s", file.read(RIFF_HEAD_BYTES))[1]
    first = file.read(WEBP_CHUNK_HEAD_BYTES)
    if first[:4] == b"VP8X":
        flags = file.read(1)[0]
        head, added = first + bytes([flags | WEBP_HAS_EXIF]), len(tail)
    else:
        flags = WEBP_HAS_EXIF | (WEBP_HAS_ALPHA if header.has_alpha else 0)
        sides = b"".join((side - 1).to_bytes(3, "little") for side in header.size)
        extended = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + sides
        head, added = extended + first, len(extended) + len(tail)
    yield struct.pack("<4sI4s", b"RIFF", length + added, b"WEBP") + head
    while piece := file.read(PIECE_BYTES):
        yield piece
    yield tail


def _exif(parameters: dict[str, Any]) -> bytes:
    """The prompt as the image's description, all parameters as the comment; a very long prompt is cut in both."""
    prompt = _cut(parameters.get("prompt", ""))
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = prompt.encode("ascii", "replace").decode()
    exif[ExifTags.Base.Software] = SOFTWARE
    # In ASCII with escapes, which every reader of the comment understands.
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"ASCII\0\0\0" + json.dumps({**parameters, "prompt": prompt}).encode()
    return exif.tobytes()


def _cut(prompt: str) -> str:
    prompt = prompt[:MAX_EXIF_PROMPT_CHARS]
    if len(json.dumps(prompt)) <= MAX_EXIF_PROMPT_BYTES:
        return prompt
    return prompt[: MAX_EXIF_PROMPT_BYTES // ESCAPED_BYTES]


WRITERS = {"PNG": _begin_png, "JPEG": _begin_jpeg, "WEBP": _begin_webp}
