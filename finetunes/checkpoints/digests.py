"""Two digests of a checkpoint in one pass: of the whole file, and of its weights alone."""

import hashlib
from typing import Self

from finetunes.checkpoints.header import Header, Tensor


class CheckpointDigest:
    """Takes the bytes of the file from its first one on, in pieces of any size.

    The weights digest stays the same when metadata, padding or the order of the tensors change. For each tensor, d is
    the SHA-256 of its bytes and e that of name, dtype, shape (joined by commas) and d, with NUL between them; the
    digest is the SHA-256 of all e, sorted and joined. All digests are lowercase hex.
    """

    def __init__(self, header: Header) -> None:
        self.position = 0
        self._tensors = header.tensors
        self._data_start = header.data_start
        self._file = hashlib.sha256()
        self._tensor = hashlib.sha256()
        self._entries: list[str] = []

    def update(self, data: bytes | memoryview) -> None:
        """Raises ValueError for bytes after the last tensor."""
        view = memoryview(data)
        self._file.update(view)
        offset = max(0, min(len(view), self._data_start - self.position))
        self.position += offset
        self._close_full_tensors()
        while offset < len(view):
            piece = view[offset : offset + self._missing()]
            if not piece:
                raise ValueError("more bytes than the header announces")
            self._tensor.update(piece)
            offset += len(piece)
            self.position += len(piece)
            self._close_full_tensors()

    def copy(self) -> Self:
        """Goes on by itself from the same position."""
        twin = type(self).__new__(type(self))
        twin.__dict__ = self.__dict__ | {
            "_file": self._file.copy(),
            "_tensor": self._tensor.copy(),
            "_entries": list(self._entries),
        }
        return twin

    def sha256(self) -> str:
        """Of the bytes taken so far."""
        return self._file.hexdigest()

    def weights_sha256(self) -> str:
        """Raises ValueError before the last byte is in."""
        if self.position < self._data_start or len(self._entries) < len(self._tensors):
            raise ValueError("the file is not complete")
        return hashlib.sha256("".join(sorted(self._entries)).encode()).hexdigest()

    def _missing(self) -> int:
        """Bytes up to the end of the tensor at the position."""
        if len(self._entries) == len(self._tensors):
            return 0
        return self._data_start + self._tensors[len(self._entries)].end - self.position

    def _close_full_tensors(self) -> None:
        # In a loop: tensors without elements end where they begin.
        while len(self._entries) < len(self._tensors) and self._missing() <= 0:
            self._entries.append(_entry(self._tensors[len(self._entries)], self._tensor.hexdigest()))
            self._tensor = hashlib.sha256()


def _entry(tensor: Tensor, digest: str) -> str:
    shape = ",".join(map(str, tensor.shape))
    return hashlib.sha256(f"{tensor.name}\0{tensor.dtype}\0{shape}\0{digest}".encode()).hexdigest()
