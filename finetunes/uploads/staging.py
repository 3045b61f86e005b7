"""Uploads on the disk, each a file whose size is the upload's offset; their digests are kept while bytes come in."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings

from finetunes.checkpoints.digests import CheckpointDigest
from finetunes.checkpoints.header import LENGTH_BYTES, MAX_HEADER_BYTES, Header, Tensor, read_header
from finetunes.checkpoints.privacy import strip_private as without_private
from finetunes.uploads import running_digests
from finetunes.uploads.errors import DiskFullError, OffsetConflictError, UploadGoneError

SUFFIX = ".part"
MODE = 0o600
PIECE_BYTES = 2**18
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What uploads leave free: the database and whatever else lives on this disk go on when they can't.
RESERVE_BYTES = 256 * 2**20
# As many bytes as name every kind of file that the reader of headers knows.
START_BYTES = 64


def path_for(upload_id: UUID) -> Path:
    return Path(settings.UPLOADS_DIR) / f"{upload_id}{SUFFIX}"


def create(upload_id: UUID) -> None:
    """An empty staged file. Raises DiskFullError."""
    with _room_or_refusal():
        _folder()
        os.close(os.open(path_for(upload_id), os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE))


def adopt(upload_id: UUID, file: Path) -> None:
    """Makes a second name of a whole file the staged one; copies it where that cannot be. Raises DiskFullError."""
    path = path_for(upload_id)
    _folder()
    try:
        os.link(file, path)
        path.chmod(MODE)
    except OSError:  # another disk, or one without links
        create(upload_id)
        with file.open("rb") as source:
            fill(upload_id, source)


def fill(upload_id: UUID, source: IO[bytes]) -> None:
    """Copies from where the source stands to its end. Raises DiskFullError."""
    with locked(upload_id) as file:
        _copy(source, file)


def size_of(upload_id: UUID) -> int:
    """The offset. Raises UploadGoneError."""
    try:
        return path_for(upload_id).stat().st_size
    except FileNotFoundError:
        raise UploadGoneError from None


def discard(upload_id: UUID) -> None:
    path_for(upload_id).unlink(missing_ok=True)
    running_digests.forget(upload_id)


def free_bytes() -> int:
    """What uploads may still take of the disk; below zero once the reserve is touched."""
    return shutil.disk_usage(_folder()).free - RESERVE_BYTES


@contextmanager
def locked(upload_id: UUID) -> Iterator[IO[bytes]]:
    """The staged file, unbuffered and for this writer alone. Raises UploadGoneError, also when it went meanwhile."""
    try:
        file = path_for(upload_id).open("r+b", buffering=0)
    except FileNotFoundError:
        raise UploadGoneError from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink == 0:
            raise UploadGoneError
        yield file


def append(upload_id: UUID, offset: int, piece: bytes) -> int:
    """Writes the piece at the end, if that is still at `offset`; the new end.

    Raises OffsetConflictError where another writer was faster, and DiskFullError; what fitted is kept then.
    """
    _check_room(len(piece))
    with locked(upload_id) as file, _room_or_refusal():
        _seek_end(file, offset)
        view = memoryview(piece)
        while view:
            written = file.write(view) or 0
            running_digests.feed(upload_id, offset, view[:written])
            offset += written
            view = view[written:]
    return offset


def append_file(upload_id: UUID, offset: int, source: IO[bytes]) -> int:
    """Like `append` for a whole file, and all of it or nothing."""
    with locked(upload_id) as file:
        _seek_end(file, offset)
        source.seek(0)
        try:
            _copy(source, file)
        except DiskFullError:
            file.truncate(offset)
            raise
        end = file.tell()
        file.seek(offset)
        for piece in _pieces(file):
            running_digests.feed(upload_id, offset, piece)
            offset += len(piece)
    return end


@contextmanager
def unnamed_file() -> Iterator[IO[bytes]]:
    """On the disk of the uploads, and gone with whoever holds it. Raises DiskFullError."""
    with _room_or_refusal():
        file = tempfile.TemporaryFile(dir=_folder(), buffering=0)  # noqa: SIM115  closed in the block that follows
    with file:
        yield file


def write(file: IO[bytes], data: bytes) -> None:
    """All of it, to a file without a buffer, which may take a part at once. Raises DiskFullError."""
    _check_room(len(data))
    view = memoryview(data)
    with _room_or_refusal():
        while view:
            view = view[file.write(view) :]


def holds_header(upload_id: UUID, length: int) -> bool:
    """Whether `header_of` can say something: all of the header is there, or what is there cannot open one."""
    with _opened(upload_id) as file:
        prefix = file.read(START_BYTES)
        size = os.fstat(file.fileno()).st_size
    if len(prefix) <= LENGTH_BYTES:
        return size == length
    header_bytes = int.from_bytes(prefix[:LENGTH_BYTES], "little")
    plausible = header_bytes <= min(MAX_HEADER_BYTES, length - LENGTH_BYTES) and prefix[LENGTH_BYTES] == ord("{")
    return not plausible or size >= LENGTH_BYTES + header_bytes


def header_of(upload_id: UUID, length: int) -> Header:
    """Of a file that will have `length` bytes. Raises CheckpointError."""
    with _opened(upload_id) as file:
        return read_header(file, length)


def watch(upload_id: UUID, header: Header) -> None:
    """From here on the digest follows the bytes as they are written."""
    digest = CheckpointDigest(header)
    with locked(upload_id) as file:
        for piece in _pieces(file):
            digest.update(piece)
        running_digests.keep(upload_id, digest, header)


def digest_of(upload_id: UUID, length: int) -> CheckpointDigest:
    """Of the whole file; reads what was not hashed as it came in: by another process, or before a restart.

    Raises CheckpointError and UploadGoneError.
    """
    header = header_of(upload_id, length)
    digest = running_digests.take(upload_id) or CheckpointDigest(header)
    with locked(upload_id) as file:
        file.seek(digest.position)
        for piece in _pieces(file):
            digest.update(piece)
        running_digests.keep(upload_id, digest, header)
    return digest.copy()


def strip_private(upload_id: UUID) -> None:
    """Takes the private metadata out of the header, in place: the file keeps its length."""
    with locked(upload_id) as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        raw = without_private(file.read(length))
        if len(raw) != length:
            raise AssertionError("a header without its private entries has the length that it had")
        file.seek(LENGTH_BYTES)
        write(file, raw)
        os.fsync(file.fileno())
        running_digests.forget(upload_id)


def read_tensor(upload_id: UUID, header: Header) -> Callable[[Tensor], bytes]:
    """For the inspection, which reads small tensors. Bytes that have not come yet are missing."""

    def read(tensor: Tensor) -> bytes:
        with _opened(upload_id) as file:
            file.seek(header.data_start + tensor.begin)
            return file.read(tensor.end - tensor.begin)

    return read


def _folder() -> Path:
    folder = Path(settings.UPLOADS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check_room(size: int) -> None:
    if free_bytes() < size:
        raise DiskFullError


def _opened(upload_id: UUID) -> IO[bytes]:
    try:
        return path_for(upload_id).open("rb")
    except FileNotFoundError:
        raise UploadGoneError from None


def _seek_end(file: IO[bytes], offset: int) -> None:
    end = file.seek(0, os.SEEK_END)
    if end != offset:
        raise OffsetConflictError(offset, end)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _copy(source: IO[bytes], file: IO[bytes]) -> None:
    for piece in _pieces(source):
        write(file, piece)


@contextmanager
def _room_or_refusal() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFullError from None
        raise
