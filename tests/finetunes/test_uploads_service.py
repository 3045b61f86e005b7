"""Commands on uploads: limits at the start, pieces, refusals in the middle."""

import hashlib
import io
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Organization
from finetunes import queries
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.inspection import Family
from finetunes.models import Upload
from finetunes.services import uploads
from finetunes.uploads import staging
from finetunes.uploads.errors import (
    BrokenOffError,
    ChecksumMismatchError,
    DiskFullError,
    OffsetConflictError,
    QuotaError,
    TooLargeError,
    UploadGoneError,
)
from finetunes.uploads.tus import Checksum
from tests.conftest import Cast
from tests.factories import make_checkpoint, make_organization
from tests.finetunes.uploading import is_gone, lora, lora_start, staged, whole_model_start

SHA1_OF_ABC = b64decode("qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")
STARTERS = 20


def append(upload: Upload, content: bytes, offset: int = 0, checksum: Checksum | None = None) -> int:
    stream = io.BytesIO(content)
    return uploads.append(upload, stream, offset=offset, length=len(content), checksum=checksum)


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def upload(organization: Organization) -> Upload:
    """An open upload of the whole LoRA."""
    return uploads.start(organization, length=len(lora()), file_name="linocut.safetensors")


# --- Starting ------------------------------------------------------------------------------------------------


def test_an_upload_starts_empty_and_lives_a_day(cast: Cast) -> None:
    upload = uploads.start(
        cast.organization, length=10, file_name="x" * 300, user=cast.owner.user, fields={"name": "ink"}
    )
    upload.refresh_from_db()
    assert (upload.organization, upload.user, upload.length) == (cast.organization, cast.owner.user, 10)
    assert (upload.file_name, upload.fields) == ("x" * 255, {"name": "ink"})
    assert timedelta(hours=23, minutes=59) < upload.expires_at - timezone.now() <= timedelta(hours=24)
    assert uploads.offset_of(upload) == 0
    assert not uploads.is_whole(upload)


def test_files_of_no_size_or_over_the_limit_are_refused(organization: Organization, settings: Settings) -> None:
    settings.MAX_CHECKPOINT_BYTES = 1000
    assert uploads.start(organization, length=1000)
    with pytest.raises(TooLargeError, match="a checkpoint may have") as caught:
        uploads.start(organization, length=1001)
    assert caught.value.status == 413
    with pytest.raises(CheckpointError, match="This file is empty"):
        uploads.start(organization, length=0)
    assert Upload.objects.count() == len(staged()) == 1


def test_the_quota_counts_checkpoints_and_what_open_uploads_announce(organization: Organization) -> None:
    organization.storage_quota_bytes = 1000
    organization.save()
    make_checkpoint(organization, b"x" * 400)
    first = uploads.start(organization, length=500)
    assert queries.storage_left(organization) == 100
    with pytest.raises(QuotaError, match=r"101\xa0bytes, and .* has 100\xa0bytes of its storage left") as caught:
        uploads.start(organization, length=101)
    assert caught.value.status == 413
    assert uploads.start(make_organization(), length=5000), "another organization has a quota of its own"
    assert uploads.cancel(first)
    assert uploads.start(organization, length=600)


def test_the_quota_of_the_settings_holds_where_an_organization_has_none(
    organization: Organization, settings: Settings
) -> None:
    settings.STORAGE_QUOTA_BYTES = 99
    with pytest.raises(QuotaError):
        uploads.start(organization, length=100)
    assert uploads.start(organization, length=99)


@pytest.mark.django_db(transaction=True)
def test_uploads_that_start_at_once_do_not_share_what_is_left() -> None:
    organization = make_organization(credits=0)
    Organization.objects.filter(pk=organization.pk).update(storage_quota_bytes=7 * 1000 + 999)
    barrier = Barrier(STARTERS)

    def begin(_: int) -> bool:
        barrier.wait(30)
        try:
            uploads.start(organization, length=1000)
        except QuotaError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(STARTERS) as threads:
        outcomes = list(threads.map(begin, range(STARTERS)))
    assert outcomes.count(True) == 7
    assert Upload.objects.count() == len(staged()) == 7


def test_so_many_uploads_are_open_at_once_and_no_more(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_OPEN", 2)
    first, _ = uploads.start(organization, length=1), uploads.start(organization, length=1)
    with pytest.raises(QuotaError, match="has 2 uploads open"):
        uploads.start(organization, length=1)
    Upload.objects.filter(pk=first.pk).update(expires_at=timezone.now())
    assert uploads.start(organization, length=1), "one that ran out does not count"


def test_a_file_that_the_disk_cannot_hold_is_refused_at_the_start(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "RESERVE_BYTES", staging.free_bytes() + staging.RESERVE_BYTES - 10**6)
    with pytest.raises(DiskFullError) as caught:
        uploads.start(organization, length=10**9)
    assert caught.value.status == 507
    assert (Upload.objects.count(), staged()) == (0, set())


def test_a_start_that_fails_on_the_disk_leaves_no_row(organization: Organization, settings: Settings) -> None:
    Path(settings.UPLOADS_DIR).parent.mkdir(exist_ok=True)
    Path(settings.UPLOADS_DIR).write_text("not a folder")
    with pytest.raises(OSError, match="exists"):
        uploads.start(organization, length=10)
    assert not Upload.objects.exists()


# --- Pieces --------------------------------------------------------------------------------------------------


def test_pieces_add_up_to_the_file(upload: Upload) -> None:
    content, offset = lora(), 0
    for end in (1, 9, 1000, 700_000, 700_000, len(content)):
        offset = append(upload, content[offset:end], offset)
        assert offset == uploads.offset_of(upload) == end
    assert uploads.is_whole(upload)
    assert staging.path_for(upload.pk).read_bytes() == content
    assert staging.digest_of(upload.pk, upload.length).sha256() == hashlib.sha256(content).hexdigest()
    assert uploads.inspect_upload(upload).family == Family.KLEIN_4B


def test_nothing_is_written_to_the_database_for_a_piece(upload: Upload, django_assert_num_queries: object) -> None:
    content = lora()
    append(upload, content[:1000])
    with django_assert_num_queries(2):  # type: ignore[operator]
        append(upload, content[1000:], 1000)  # a dozen pieces in one request


def test_a_wrong_offset_names_both(upload: Upload) -> None:
    append(upload, lora()[:5000])
    for offset in (0, 4999, 5001):
        with pytest.raises(OffsetConflictError, match=f"byte {offset:,}, and the upload stands at byte 5,000"):
            append(upload, b"x", offset)
    assert uploads.offset_of(upload) == 5000


def test_more_bytes_than_announced_are_refused_unread(upload: Upload) -> None:
    stream = io.BytesIO(lora() + b"x")
    with pytest.raises(TooLargeError, match="Nothing of it was read"):
        uploads.append(upload, stream, offset=0, length=len(lora()) + 1)
    assert stream.tell() == 0
    assert uploads.offset_of(upload) == 0


def test_a_body_that_goes_on_is_read_to_its_length(upload: Upload) -> None:
    stream = io.BytesIO(lora())
    assert uploads.append(upload, stream, offset=0, length=1000) == 1000
    assert stream.tell() == 1000


def test_what_came_before_a_broken_connection_is_kept(upload: Upload) -> None:
    with pytest.raises(BrokenOffError, match="300,000 of the 500,000 bytes"):
        uploads.append(upload, io.BytesIO(lora()[:300_000]), offset=0, length=500_000)
    assert uploads.offset_of(upload) == 300_000
    append(upload, lora()[300_000:], 300_000)
    assert uploads.is_whole(upload)


def test_bytes_renew_the_day(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now() + timedelta(seconds=30))
    append(upload, lora()[:1000])
    assert upload.expires_at - timezone.now() > timedelta(hours=23)
    upload.refresh_from_db()
    assert upload.expires_at - timezone.now() > timedelta(hours=23)


def test_a_piece_that_takes_its_time_renews_the_day_as_it_comes(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(io.BytesIO):
        seen: list[int] = []

        def read(self, size: int | None = -1, /) -> bytes:
            left = Upload.objects.get(pk=upload.pk).expires_at - timezone.now()
            self.seen.append(round(left.total_seconds()))
            Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now() + timedelta(seconds=30))
            return super().read(size)

    monkeypatch.setattr(uploads, "RENEW_SECONDS", 0)
    uploads.append(upload, Slow(lora()), offset=0, length=len(lora()))
    assert min(Slow.seen) > 86_000


def test_an_upload_that_ran_out_takes_no_bytes(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now())
    with pytest.raises(UploadGoneError):
        append(upload, b"x")
    assert uploads.offset_of(upload) == 0


def test_an_upload_cancelled_in_the_middle_of_a_piece_takes_no_more(upload: Upload) -> None:
    class Cancelling(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 500_000:
                uploads.cancel(upload)
            return super().read(size)

    with pytest.raises(UploadGoneError):
        uploads.append(upload, Cancelling(lora()), offset=0, length=len(lora()))
    assert is_gone(upload)
    assert staged() == set()


# --- Checksums -----------------------------------------------------------------------------------------------


def test_a_piece_with_its_checksum_is_kept(upload: Upload) -> None:
    content = lora()
    first, rest = content[:900_000], content[900_000:]
    assert append(upload, first, 0, Checksum("sha1", hashlib.sha1(first).digest())) == 900_000
    assert append(upload, rest, 900_000, Checksum("sha256", hashlib.sha256(rest).digest())) == len(content)
    assert staging.digest_of(upload.pk, upload.length).sha256() == hashlib.sha256(content).hexdigest()


def test_nothing_is_kept_of_a_piece_with_another_checksum(upload: Upload) -> None:
    with pytest.raises(ChecksumMismatchError) as caught:
        append(upload, lora()[:900_000], 0, Checksum("sha1", SHA1_OF_ABC))
    assert caught.value.status == 460
    assert uploads.offset_of(upload) == 0
    assert staged() == {staging.path_for(upload.pk)}


def test_nothing_is_kept_of_a_piece_with_a_checksum_that_breaks_off(upload: Upload) -> None:
    part = lora()[:300_000]
    checksum = Checksum("sha1", hashlib.sha1(part).digest())
    with pytest.raises(BrokenOffError):
        uploads.append(upload, io.BytesIO(part), offset=0, length=500_000, checksum=checksum)
    assert uploads.offset_of(upload) == 0
    assert staged() == {staging.path_for(upload.pk)}


# --- Refused in the middle -----------------------------------------------------------------------------------


def sparse(start: bytes, size: int, folder: Path) -> Path:
    path = folder / "sparse"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


class Counting(io.FileIO):
    """Counts what is read of a file that may be gigabytes."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.taken += len(data)
        return data


@pytest.mark.parametrize(
    ("start", "size", "sentence"),
    [
        (b"PK\x03\x04" + bytes(60), 4 * 2**30, "This is a zip archive"),
        (b"\0" * 64, 4 * 2**30, "must begin with"),
        (b"\xff" * 8 + b"{", 4 * 2**30, "announce a header of"),
        (lora_start(1)[0], 4 * 2**30, "goes on for"),
        (*whole_model_start(), "not a LoRA"),
    ],
    ids=["zip", "zeros", "giant header", "lying length", "whole model"],
)
def test_a_file_that_cannot_be_used_ends_its_upload_with_the_header(
    organization: Organization, tmp_path: Path, settings: Settings, start: bytes, size: int, sentence: str
) -> None:
    settings.MAX_CHECKPOINT_BYTES = 2**40
    settings.STORAGE_QUOTA_BYTES = 2**40
    upload = Upload.objects.create(organization=organization, length=size, expires_at=timezone.now() + uploads.LIFETIME)
    staging.create(upload.pk)
    with Counting(sparse(start, size, tmp_path)) as stream, pytest.raises(CheckpointError, match=sentence) as caught:
        uploads.append(upload, stream, offset=0, length=size)
    assert caught.value.field == "checkpoint"
    assert stream.taken < 1_000_000
    assert is_gone(upload)


def test_a_base_model_that_the_file_contradicts_ends_the_upload(organization: Organization, tmp_path: Path) -> None:
    start, size = lora_start(1)
    upload = uploads.start(organization, length=size, fields={"base_model": "flux-2-klein-9b"})
    with Counting(sparse(start, size, tmp_path)) as stream, pytest.raises(InvalidInputError) as caught:
        uploads.append(upload, stream, offset=0, length=size)
    assert caught.value.field == "base_model"
    assert stream.taken < 1_000_000
    assert is_gone(upload)


def test_a_refusal_comes_also_where_the_header_ends_in_a_later_request(organization: Organization) -> None:
    start, size = whole_model_start()
    upload = uploads.start(organization, length=2**30, fields={})
    Upload.objects.filter(pk=upload.pk).update(length=size)
    upload.length = size
    append(upload, start[:5])
    append(upload, start[5:1000], 5)
    with pytest.raises(CheckpointError):
        append(upload, start[1000:] + bytes(1000), 1000)
    assert is_gone(upload)


def test_a_refusal_comes_also_with_a_checksum(organization: Organization) -> None:
    upload = uploads.start(organization, length=100)
    with pytest.raises(CheckpointError, match="pickle"):
        append(upload, b"\x80\x02" + bytes(98), 0, Checksum("sha1", hashlib.sha1(b"\x80\x02" + bytes(98)).digest()))
    assert is_gone(upload)
