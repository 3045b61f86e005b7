"""The steps a worker takes: what was left of uploads and of deleted finetunes is removed, old files are looked into."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from finetunes.checkpoints import store
from finetunes.checkpoints.errors import CheckpointError
from finetunes.models import Checkpoint, Upload, UploadQuerySet
from finetunes.uploads import staging

BATCH = 500
DAY_SECONDS = 24 * 60 * 60
# Of uploads by tus, and of forms that Django was taking.
LEFTOVERS = (f"*{staging.SUFFIX}", "tmp*.upload*")
# Each is read whole: this many a sweep leave the worker to other work in between.
LOOKED_INTO = 2
MISSING = "The file is missing in the storage. Upload the checkpoint again as a new version."
CHANGED = "The file is not what was uploaded: its SHA-256 differs. Upload the checkpoint again as a new version."


def sweep() -> None:
    """Removes uploads that ended without being published, and files that no upload knows."""
    now = timezone.now()
    for upload_id in Upload.objects.expired(now).values_list("pk", flat=True)[:BATCH]:
        # Asked for once more as it is deleted: bytes may have come since.
        end_upload(Upload.objects.expired(now).filter(pk=upload_id))
    for path in _old_files():
        if not _is_known(path):
            path.unlink(missing_ok=True)
    remove_unreferenced()
    look_into_old()


def end_upload(rows: UploadQuerySet) -> bool:
    """Deletes the one upload of `rows`, if it is still there, and its bytes. Whether this call did it."""
    upload = rows.first()
    if upload is None or rows.filter(pk=upload.pk).delete()[0] != 1:
        return False
    staging.discard(upload.pk)
    if upload.stored_name and not Checkpoint.objects.filter(file=upload.stored_name).exists():
        default_storage.delete(upload.stored_name)
    return True


def _old_files() -> Iterator[Path]:
    before = time.time() - DAY_SECONDS
    for pattern in LEFTOVERS:
        for path in Path(settings.UPLOADS_DIR).glob(pattern):
            if _changed_at(path) < before:
                yield path


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _is_known(path: Path) -> bool:
    try:
        upload_id = UUID(path.name.removesuffix(staging.SUFFIX))
    except ValueError:
        return False
    return Upload.objects.open().filter(pk=upload_id).exists()


# --- Checkpoints -------------------------------------------------------------------------------------------


def discard_unreferenced(checkpoint_ids: Iterable[int]) -> None:
    """Removes those that no version refers to, row and file. Call it outside of a transaction."""
    for checkpoint_id in checkpoint_ids:
        _discard_unreferenced(checkpoint_id)


def remove_unreferenced() -> None:
    """What a deletion left when its process died or the storage was away."""
    discard_unreferenced(Checkpoint.objects.unreferenced().values_list("pk", flat=True)[:BATCH])


def look_into_old() -> None:
    """Inspects a few of the checkpoints that were kept before files were read."""
    for checkpoint in Checkpoint.objects.uninspected().order_by("pk")[:LOOKED_INTO]:
        Checkpoint.objects.uninspected().filter(pk=checkpoint.pk).update(**_look_into(checkpoint))


def _discard_unreferenced(checkpoint_id: int) -> None:
    """First no version may refer to it any more, then the file goes, then the row that says where it lies."""
    with transaction.atomic(durable=True):
        checkpoint = Checkpoint.objects.select_for_update().filter(pk=checkpoint_id).first()
        if checkpoint is None or checkpoint.versions.exists():
            return
        Checkpoint.objects.filter(pk=checkpoint_id).update(discarded_at=timezone.now())
    store.discard(str(checkpoint.file.name))
    Checkpoint.objects.filter(pk=checkpoint_id).delete()


def _look_into(checkpoint: Checkpoint) -> dict[str, Any]:
    """The fields to fill in; a file that cannot be read keeps the sentence that says why."""
    try:
        inspection, digest = store.look_into(str(checkpoint.file.name))
    except CheckpointError as error:
        return {"facts": {"error": error.message}}
    except FileNotFoundError:
        return {"facts": {"error": MISSING}}
    if digest.sha256() != checkpoint.sha256:
        return {"facts": {"error": CHANGED}}
    return {"facts": inspection.as_facts(), "weights_sha256": digest.weights_sha256()}
