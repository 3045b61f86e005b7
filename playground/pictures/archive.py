"""A ZIP of images that is never whole anywhere: each is read and sent in pieces, uncompressed."""

import re
from collections.abc import Iterable, Iterator
from typing import IO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse

from dashboard.lib.stored_images import extension_of
from playground.models import Generation

PIECE_BYTES = 256 * 2**10
MISSING = "missing.txt"
MISSING_HEAD = "These images were not found in the storage, or their generation ended without one:\n\n"
NAMELESS = re.compile(r"[^\w.@-]+")


class _Pipe:
    """What ZipFile writes to: it can neither seek nor tell, and hands out what it got."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Who made it takes the rest."""

    def take(self) -> bytes:
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken


def send_archive(generations: Iterable[Generation], *, file_name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(stream(generations), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{file_name}.zip"'
    response["Cache-Control"] = "no-store"
    return response


def stream(generations: Iterable[Generation]) -> Iterator[bytes]:
    """The bytes of the archive. An image that is gone is left out, and named in `missing.txt` at the end."""
    pipe, names, missing = _Pipe(), _Names(), list[str]()
    with ZipFile(pipe, "w", ZIP_STORED) as archive:
        for generation in generations:
            name = names.draw(generation)
            try:
                file = _open(generation)
            except FileNotFoundError:
                missing.append(f"{name} ({generation.pk})")
                continue
            with file:
                yield from _add(archive, pipe, ZipInfo(name, generation.created_at.timetuple()[:6]), file)
        if missing:
            archive.writestr(MISSING, MISSING_HEAD + "\n".join(missing) + "\n")
    yield pipe.take()


def _open(generation: Generation) -> IO[bytes]:
    if not generation.image:
        raise FileNotFoundError
    return default_storage.open(str(generation.image))


def _add(archive: ZipFile, pipe: _Pipe, entry: ZipInfo, file: IO[bytes]) -> Iterator[bytes]:
    with archive.open(entry, "w") as target:
        while piece := file.read(PIECE_BYTES):
            target.write(piece)
            yield pipe.take()


class _Names:
    """`2026-11-21 nordic-light 12345.png`; a second of that name is `… 12345 (2).png`, also where case is ignored."""

    def __init__(self) -> None:
        self.drawn: set[str] = set()

    def draw(self, generation: Generation) -> str:
        extension = extension_of(str(generation.image)) or "png"
        made_with = NAMELESS.sub("-", generation.finetune_id_sent or generation.endpoint_name)
        words = (f"{generation.created_at:%Y-%m-%d}", made_with, NAMELESS.sub("", generation.seed))
        stem = name = " ".join(word for word in words if word)
        number = 1
        while f"{name}.{extension}".lower() in self.drawn:
            number += 1
            name = f"{stem} ({number})"
        self.drawn.add(f"{name}.{extension}".lower())
        return f"{name}.{extension}"
