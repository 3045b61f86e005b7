"""Commands on uploads: start one, append to it, take a whole file, look into it, cancel it."""

import io
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.http import UnreadablePostError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import ApiKey, Organization, User
from finetunes import queries, workflow
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.header import Header, read_header
from finetunes.checkpoints.inspection import Inspection, inspect
from finetunes.checkpoints.verdict import check_base_model, check_usable
from finetunes.models import Upload
from finetunes.uploads import staging, tus
from finetunes.uploads.errors import (
    BrokenOffError,
    ChecksumMismatchError,
    DiskFullError,
    OffsetConflictError,
    QuotaError,
    TooLargeError,
    UploadGoneError,
)
from finetunes.uploads.form_files import is_cut
from finetunes.uploads.tus import Checksum

LIFETIME = timedelta(hours=24)
# A piece that takes long to come renews the lifetime as it goes.
RENEW_SECONDS = 600
MAX_OPEN = 50
FIRST_PIECE_BYTES = 2**16
NAME_MAX = 255


class Readable(Protocol):
    """The body of a request: `read` waits for as many bytes as asked, and gives fewer only where the body ends."""

    def read(self, size: int, /) -> bytes: ...


def start(
    owner: Organization,
    *,
    length: int,
    file_name: str = "",
    user: User | None = None,
    api_key: ApiKey | None = None,
    fields: dict[str, Any] | None = None,
) -> Upload:
    """An upload without bytes yet; its `length` counts against the organization's quota from here on.

    Raises CheckpointError, TooLargeError, QuotaError and DiskFullError.
    """
    _check_length(length)
    if staging.free_bytes() < length:
        raise DiskFullError
    upload = _reserve(owner, length, file_name, user=user, api_key=api_key, fields=fields or {})
    try:
        staging.create(upload.pk)
    except BaseException:
        cancel(upload)
        raise
    return upload


def append(upload: Upload, stream: Readable, *, offset: int, length: int, checksum: Checksum | None = None) -> int:
    """Takes `length` bytes that belong at `offset`; the offset after them.

    What came before an error is kept, and the client may go on behind it; with a checksum it is all or nothing.
    A file that cannot become a checkpoint ends its upload as soon as its header is here: CheckpointError, or
    InvalidInputError at base_model. Raises besides OffsetConflictError, TooLargeError, DiskFullError,
    ChecksumMismatchError, BrokenOffError and UploadGoneError.
    """
    lease = _Lease(upload)
    lease.renew()
    _check_place(upload, offset, length)
    try:
        if checksum:
            return _append_verified(upload, stream, offset, length, checksum, lease)
        return _append_pieces(upload, stream, offset, length, lease)
    finally:
        lease.renew(gone_is_fine=True)


def receive(owner: Organization, file: "File[Any]", *, user: User | None = None) -> Upload:
    """A whole file at once, from a form or the demo. Raises what `start` raises; then nothing of it stays here."""
    size, file_name = int(file.size), Path(file.name or "").name
    _check_length(size)
    file.seek(0)
    check_usable(inspect(read_header(file, size), file_name=file_name))
    upload = _reserve(owner, size, file_name, user=user)
    try:
        _stage(upload, file)
        if not is_whole(upload):
            raise CheckpointError("The file changed while it was taken. Upload it again.")
    except BaseException:
        cancel(upload)
        raise
    return upload


def check_room(owner: Organization, length: int) -> None:
    """Whether a file of this size may come now. Raises CheckpointError, TooLargeError and QuotaError."""
    _check_length(length)
    _check_quota(owner, length)


def offset_of(upload: Upload) -> int:
    """Bytes that came. Raises UploadGoneError."""
    return upload.length if upload.version_id else staging.size_of(upload.pk)


def is_whole(upload: Upload) -> bool:
    return offset_of(upload) == upload.length


def inspect_upload(upload: Upload) -> Inspection:
    """What its header tells, with the alphas if they are here. Raises CheckpointError and UploadGoneError."""
    header = staging.header_of(upload.pk, upload.length)
    return _inspect(upload, header)


def cancel(upload: Upload) -> bool:
    """Ends the upload and removes its bytes. Whether this call did it; nothing ends a published one."""
    return workflow.end_upload(Upload.objects.open().filter(pk=upload.pk))


def _check_length(length: int) -> None:
    if length == 0:
        read_header(io.BytesIO(), 0)  # has the sentence for it
    if length > settings.MAX_CHECKPOINT_BYTES:
        raise TooLargeError(
            f"This file has {filesizeformat(length)}; a checkpoint may have "
            f"{filesizeformat(settings.MAX_CHECKPOINT_BYTES)}. Save the LoRA at a lower rank or in BF16."
        )


def _check_quota(owner: Organization, length: int) -> None:
    left = queries.storage_left(owner)
    if length > left:
        raise QuotaError(
            f"This file has {filesizeformat(length)}, and {owner.name} has {filesizeformat(left)} of its storage left, "
            "open uploads counted. Delete a finetune, cancel an upload, or ask the operator for more."
        )


@transaction.atomic
def _reserve(organization: Organization, length: int, file_name: str, **fields: Any) -> Upload:
    """The row, made under a lock on the organization: uploads that start at once must not share what is left."""
    owner = Organization.objects.select_for_update().get(pk=organization.pk)
    now = timezone.now()
    if Upload.objects.of(owner).live(now).count() >= MAX_OPEN:
        raise QuotaError(f"{owner.name} has {MAX_OPEN} uploads open. Finish or cancel one of them first.")
    _check_quota(owner, length)
    return Upload.objects.create(
        organization=owner, length=length, file_name=file_name[:NAME_MAX], expires_at=now + LIFETIME, **fields
    )


def _stage(upload: Upload, file: "File[Any]") -> None:
    """A temporary file of Django's becomes the staged one; any other is copied."""
    if hasattr(file, "temporary_file_path"):
        path = Path(file.temporary_file_path())
        if is_cut(path, upload.length):
            raise DiskFullError
        staging.adopt(upload.pk, path)
    else:
        staging.create(upload.pk)
        file.seek(0)
        staging.fill(upload.pk, file)


class _Lease:
    """Keeps the upload from the sweeper; one statement now and then, none a piece."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._renewed = 0.0

    def renew(self, *, gone_is_fine: bool = False) -> None:
        now = timezone.now()
        live = Upload.objects.live(now).filter(pk=self._upload.pk)
        if live.update(expires_at=now + LIFETIME) == 1:
            self._upload.expires_at = now + LIFETIME
        elif not gone_is_fine:
            raise UploadGoneError
        self._renewed = time.monotonic()

    def keep(self) -> None:
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self.renew()


def _check_place(upload: Upload, offset: int, length: int) -> None:
    stands = offset_of(upload)
    if offset != stands:
        raise OffsetConflictError(offset, stands)
    if offset + length > upload.length:
        raise TooLargeError(
            f"This piece would make {offset + length:,} bytes of the {upload.length:,} that Upload-Length announced. "
            "Nothing of it was read."
        )


def _append_pieces(upload: Upload, stream: Readable, offset: int, length: int, lease: _Lease) -> int:
    judged = staging.holds_header(upload.pk, upload.length)
    end = offset + length
    for piece in _pieces(stream, length):
        offset = staging.append(upload.pk, offset, piece)
        judged = judged or _judge(upload)
        lease.keep()
    if offset < end:
        raise BrokenOffError(length - (end - offset), length)
    return offset


def _append_verified(
    upload: Upload, stream: Readable, offset: int, length: int, checksum: Checksum, lease: _Lease
) -> int:
    """Through a file without a name: nothing stays of it, whenever this process ends."""
    judged = staging.holds_header(upload.pk, upload.length)
    digest = tus.ALGORITHMS[checksum.algorithm]()
    with staging.unnamed_file() as file:
        for piece in _pieces(stream, length):
            staging.write(file, piece)
            digest.update(piece)
            lease.keep()
        if file.tell() < length:
            raise BrokenOffError(file.tell(), length)
        if digest.digest() != checksum.digest:
            raise ChecksumMismatchError(checksum.algorithm)
        offset = staging.append_file(upload.pk, offset, file)
    if not judged:
        _judge(upload)
    return offset


def _pieces(stream: Readable, length: int) -> Iterator[bytes]:
    """Small ones first, for a header may refuse all that follows. Ends early where the connection does."""
    size = FIRST_PIECE_BYTES
    while length:
        try:
            piece = stream.read(min(length, size))
        except UnreadablePostError:
            return
        if not piece:
            return
        yield piece
        length -= len(piece)
        size = min(2 * size, staging.PIECE_BYTES)


def _judge(upload: Upload) -> bool:
    """Looks at the header once it is here; whether it was. A refusal ends the upload."""
    if not staging.holds_header(upload.pk, upload.length):
        return False
    try:
        header = staging.header_of(upload.pk, upload.length)
        inspection = _inspect(upload, header)
        check_usable(inspection)
        if base_model := upload.fields.get("base_model"):
            check_base_model(inspection, base_model)
    except InvalidInputError:
        cancel(upload)
        raise
    staging.watch(upload.pk, header)
    return True


def _inspect(upload: Upload, header: Header) -> Inspection:
    read_tensor = staging.read_tensor(upload.pk, header) if is_whole(upload) else None
    return inspect(header, read_tensor=read_tensor, file_name=upload.file_name)
