"""Where checkpoints are kept: written to the storage in chunks, hashed on the way, and gone when the work fails."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage

from finetunes.checkpoints.errors import CheckpointError

if TYPE_CHECKING:
    BytesFile = File[bytes]
else:
    BytesFile = File  # generic in its type stubs alone

FOLDER = "checkpoints"


@dataclass(frozen=True)
class StoredCheckpoint:
    """`name` is the storage's own; nothing of it comes from the client."""

    name: str
    size: int
    sha256: str


class HashedFile(BytesFile):
    """Hashes what is read through it, each byte once, in whatever way a storage reads and rewinds."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._source = file
        self.hashed = 0
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        start = self._source.tell()
        data = self._source.read(size)
        if start <= self.hashed:
            fresh = data[self.hashed - start :]
            self._digest.update(fresh)
            self.hashed += len(fresh)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def kept(checkpoint: IO[bytes], size: int, org_id: str) -> Iterator[StoredCheckpoint]:
    """Stores the file for as long as the block succeeds: whatever leaves it as an exception removes the file."""
    name = f"{FOLDER}/{org_id}/{uuid4()}.safetensors"
    try:
        yield _store(checkpoint, size, name)
    except BaseException:
        discard(name)
        raise


def discard(name: str) -> None:
    default_storage.delete(name)


def _store(checkpoint: IO[bytes], size: int, name: str) -> StoredCheckpoint:
    checkpoint.seek(0)
    hashed = HashedFile(checkpoint)
    default_storage.save(name, hashed)
    if hashed.hashed != size:
        raise CheckpointError(
            f"{hashed.hashed:,} of {size:,} bytes were stored: the file changed on its way. Upload it again."
        )
    return StoredCheckpoint(name, size, hashed.hexdigest())
