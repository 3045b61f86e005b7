"""The digests of uploads that this process is receiving: bounded, and lost without harm."""

from collections import OrderedDict
from threading import Lock
from uuid import UUID

from finetunes.checkpoints.digests import CheckpointDigest
from finetunes.checkpoints.header import Header

# A digest keeps its header: 16 of the largest kept take about 30 MB, 16 of real LoRAs less than 3.
MAX_DIGESTS = 16
MAX_TENSORS = 5_000
_digests: OrderedDict[UUID, CheckpointDigest] = OrderedDict()
_lock = Lock()


def keep(upload_id: UUID, digest: CheckpointDigest, header: Header) -> None:
    """The one that was idle longest makes room; one of a giant header is not kept."""
    if len(header.tensors) > MAX_TENSORS:
        return
    with _lock:
        _digests[upload_id] = digest
        _digests.move_to_end(upload_id)
        while len(_digests) > MAX_DIGESTS:
            _digests.popitem(last=False)


def feed(upload_id: UUID, offset: int, data: bytes | memoryview) -> None:
    """Call it with the upload's file locked. A digest that missed bytes is let go: they are read at the end."""
    with _lock:
        digest = _digests.get(upload_id)
        if digest is None:
            return
        _digests.move_to_end(upload_id)
    if digest.position == offset:
        digest.update(data)


def take(upload_id: UUID) -> CheckpointDigest | None:
    """The digest so far, for one taker."""
    with _lock:
        return _digests.pop(upload_id, None)


def forget(upload_id: UUID) -> None:
    take(upload_id)
