"""From a whole staged upload to a stored checkpoint that a version refers to; any step may be the last one taken.

A process that dies leaves either the upload as it was or the version made: the row of the upload ends, or gets that
version, in the very transaction that makes it, and until then it names the file that was being stored.
"""

import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.db import IntegrityError, transaction

from dashboard.lib.errors import DashboardError, InvalidInputError
from dashboard.organizations.models import Organization
from finetunes import queries
from finetunes.checkpoints import store
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.verdict import check_base_model, check_usable
from finetunes.models import Checkpoint, Upload, Version
from finetunes.services import uploads
from finetunes.uploads import staging
from finetunes.uploads.errors import DiskFullError, UploadGoneError

log = logging.getLogger(__name__)

# Each further one means that another upload or deletion of the very same bytes came in between.
ATTEMPTS = 20
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

Attach = Callable[[Checkpoint], Version]


class StorageAwayError(DashboardError):
    code = "storage_unavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "The checkpoint could not be put into this server's storage. The upload is kept: try again in a minute, "
            "and tell the operator of this server if it stays so."
        )


class CameOrWentError(Exception):
    """The same bytes were stored or discarded by another between the look and the lock."""


@dataclass(frozen=True)
class Candidate:
    """What the staged file is: the fields of the checkpoint that it may become."""

    owner: Organization
    sha256: str
    weights_sha256: str
    bytes: int
    facts: dict[str, Any] = field(repr=False)


def publish(
    owner: Organization, upload: Upload, base_model: str, attach: Attach, *, strip_private: bool = False
) -> Version:
    """Checks the upload, keeps its bytes once for this organization, and ends it with what `attach` makes of them.

    `attach` gets the locked checkpoint inside of the last transaction and may refuse. Raises CheckpointError for a
    file that can never be used, which ends the upload; InvalidInputError, UploadGoneError, DiskFullError,
    StorageAwayError, and what `attach` raises, all of which keep it. Call it outside of a transaction.
    """
    with _alone(upload.id):
        upload = _reread(owner, upload)
        _check_whole(upload)
        if strip_private:
            staging.strip_private(upload.id)
        candidate = _examine(owner, upload, base_model)
        with staging.locked(upload.id):
            version = _store_and_attach(upload, candidate, attach)
        staging.discard(upload.id)
    return version


# --- The upload --------------------------------------------------------------------------------------------


@contextmanager
def _alone(upload_id: UUID) -> Iterator[None]:
    """One at a time: the second click of a person finds the upload ended.

    A lock of its own beside that of the staged file, which each reader and writer of the file takes for itself.
    """
    path = staging.path_for(upload_id).with_name(f"tmp{upload_id}.upload")  # a killed one's is swept after a day
    if not path.parent.is_dir():
        raise UploadGoneError
    with _locked(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path) -> IO[bytes]:
    """The file of this name, locked: once more where its last holder removed it while this one waited."""
    while True:
        file = path.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()


def _reread(owner: Organization, upload: Upload) -> Upload:
    current = Upload.objects.of(owner).open().select_related("organization").filter(pk=upload.pk).first()
    if current is None:
        raise UploadGoneError
    return current


def _check_whole(upload: Upload) -> None:
    if not uploads.is_whole(upload):
        raise InvalidInputError(
            f"{uploads.offset_of(upload):,} of {upload.length:,} bytes are here. Upload the rest first.",
            field="upload",
        )


def _examine(owner: Organization, upload: Upload, base_model: str) -> Candidate:
    try:
        inspection = uploads.inspect_upload(upload)
        check_usable(inspection)
        digest = staging.digest_of(upload.id, upload.length)
    except CheckpointError:
        uploads.cancel(upload)  # no other name or base model would help it
        raise
    check_base_model(inspection, base_model)
    facts = inspection.as_facts()
    return Candidate(owner, digest.sha256(), digest.weights_sha256(), upload.length, facts)


# --- The checkpoint ----------------------------------------------------------------------------------------


def _store_and_attach(upload: Upload, candidate: Candidate, attach: Attach) -> Version:
    if upload.stored_name:  # an earlier attempt was killed
        _discard_unless_kept(candidate, upload.stored_name)
    for _ in range(ATTEMPTS):
        try:
            return _attempt(upload, candidate, attach)
        except CameOrWentError:
            continue
    raise StorageAwayError


def _attempt(upload: Upload, candidate: Candidate, attach: Attach) -> Version:
    kept = queries.find_checkpoint(candidate.owner, candidate.sha256)
    name = "" if kept else store.new_name(candidate.owner.org_id, candidate.sha256)
    try:
        if name:
            _store(upload, name)
        with transaction.atomic(durable=True):
            version = attach(_lock_or_create(candidate, name))
            _end(upload, version)
            return version
    except BaseException:
        if name:
            _discard_unless_kept(candidate, name)
        raise


def _store(upload: Upload, name: str) -> None:
    """Writes the name down first: were this process killed now, the sweeper would find the file by it."""
    with transaction.atomic(durable=True):
        if Upload.objects.open().filter(pk=upload.pk).update(stored_name=name) != 1:
            raise UploadGoneError
    try:
        store.keep(staging.path_for(upload.id), name)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise DiskFullError from None
        log.exception("checkpoint %s could not be stored", name)
        raise StorageAwayError from None


def _end(upload: Upload, version: Version) -> None:
    rows = Upload.objects.open().filter(pk=upload.pk)
    by_program = upload.api_key_id is not None
    ended = rows.update(version=version, stored_name="") if by_program else rows.delete()[0]
    if ended != 1:
        raise UploadGoneError


def _lock_or_create(candidate: Candidate, name: str) -> Checkpoint:
    """The row of these bytes, held until the transaction ends: nobody discards it before a version refers to it."""
    kept = Checkpoint.objects.kept_by(candidate.owner).select_for_update().filter(sha256=candidate.sha256).first()
    if bool(kept) == bool(name):
        raise CameOrWentError
    return kept or _create(candidate, name)


def _create(candidate: Candidate, name: str) -> Checkpoint:
    try:
        return Checkpoint.objects.create(
            organization=candidate.owner,
            sha256=candidate.sha256,
            weights_sha256=candidate.weights_sha256,
            bytes=candidate.bytes,
            file=name,
            facts=candidate.facts,
        )
    except IntegrityError:
        raise CameOrWentError from None


def _discard_unless_kept(candidate: Candidate, name: str) -> None:
    """Asks the database: a connection that broke in a commit leaves open whether it was one."""
    if Checkpoint.objects.filter(organization=candidate.owner, sha256=candidate.sha256, file=name).exists():
        return
    try:
        store.discard(name)
    except Exception:  # the upload still names it: the next attempt or the sweeper removes it
        log.exception("checkpoint %s could not be taken back", name)
        raise StorageAwayError from None
