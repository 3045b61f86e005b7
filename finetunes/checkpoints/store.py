"""Where checkpoints are kept: staged files go in without passing through memory, are read there, and removed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage

from finetunes.checkpoints.digests import CheckpointDigest
from finetunes.checkpoints.header import Tensor, read_header
from finetunes.checkpoints.inspection import Inspection, inspect

if TYPE_CHECKING:
    BytesFile = File[bytes]
else:
    BytesFile = File  # generic in its type stubs alone

FOLDER = "checkpoints"
LIFE_CHARS = 8
PIECE_BYTES = 2**20


class StoreError(Exception):
    """The storage holds something else than what it was given."""


def new_name(org_id: str, sha256: str) -> str:
    """Another one each time, so that who removes a file can't take one that was stored after it."""
    return f"{FOLDER}/{org_id}/{sha256}-{uuid4().hex[:LIFE_CHARS]}.safetensors"


def keep(staged: Path, name: str) -> None:
    """Puts the staged file into the storage and leaves it where it is; a folder on the same disk makes no copy.

    Raises StoreError, OSError, or what the storage raises; a part of the file may then be there.
    """
    size = staged.stat().st_size
    with _as_file(staged) as file:
        given = default_storage.save(name, file)
    if given != name or (kept := default_storage.size(name)) != size:
        detail = f"is named {given}" if given != name else f"has {kept:,} of {size:,} bytes"
        raise StoreError(f"{name} {detail}")


def discard(name: str) -> None:
    """Nothing happens where there is no such file."""
    default_storage.delete(name)


def look_into(name: str) -> tuple[Inspection, CheckpointDigest]:
    """What a kept file is, read whole in pieces. Raises CheckpointError, FileNotFoundError, what the storage raises."""
    with default_storage.open(name) as file:
        header = read_header(file, file.size)

        def read_tensor(tensor: Tensor) -> bytes:
            file.seek(header.data_start + tensor.begin)
            return bytes(file.read(tensor.end - tensor.begin))

        inspection = inspect(header, read_tensor=read_tensor)
        digest = CheckpointDigest(header)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return inspection, digest


class LinkedFile(BytesFile):
    """A second name of a file: a storage in a folder moves it there, as it does with Django's own uploads."""

    def __init__(self, file: IO[bytes], link: Path) -> None:
        super().__init__(file)
        self._link = link

    def temporary_file_path(self) -> str:
        return str(self._link)


@contextmanager
def _as_file(staged: Path) -> Iterator[BytesFile]:
    link = staged.with_name(f"tmp{staged.name}.upload")  # named as what the sweeper removes after a day
    with staged.open("rb") as file:
        os.fsync(file.fileno())  # the row that is about to refer to it outlives a power cut
        link.unlink(missing_ok=True)
        try:
            os.link(staged, link)
        except OSError:  # not every file system has links: the storage reads and writes instead
            yield BytesFile(file)
            return
        try:
            yield LinkedFile(file, link)
        finally:
            link.unlink(missing_ok=True)
