"""Whole files taken from forms, and uploads that end without being published: cancelled, or swept after a day."""

import hashlib
import io
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.celery import app
from dashboard.organizations.models import Organization
from finetunes import tasks
from finetunes.checkpoints.errors import CheckpointError
from finetunes.models import Upload
from finetunes.services import uploads
from finetunes.uploads import staging
from finetunes.uploads.errors import QuotaError, TooLargeError
from tests.conftest import Cast
from tests.factories import make_finetune, make_organization
from tests.finetunes.uploading import is_gone, lora, staged, whole_model_start


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def upload(organization: Organization) -> Upload:
    """An open upload of the whole LoRA."""
    return uploads.start(organization, length=len(lora()), file_name="linocut.safetensors")


# --- Whole files ---------------------------------------------------------------------------------------------


@pytest.fixture
def form_file(settings: Settings) -> Iterator[TemporaryUploadedFile]:
    with TemporaryUploadedFile("../linocut.safetensors", "application/octet-stream", len(lora()), None) as file:
        file.write(lora())
        file.seek(0)
        yield file


def test_a_form_s_file_becomes_the_staged_one_without_a_copy(cast: Cast, form_file: TemporaryUploadedFile) -> None:
    inode = os.stat(form_file.temporary_file_path()).st_ino
    upload = uploads.receive(cast.organization, form_file, user=cast.owner.user)
    form_file.close()
    assert staging.path_for(upload.pk).stat().st_ino == inode
    assert uploads.is_whole(upload)
    assert (upload.file_name, upload.user) == ("linocut.safetensors", cast.owner.user)
    assert staging.digest_of(upload.pk, upload.length).sha256() == hashlib.sha256(lora()).hexdigest()


def test_any_other_file_is_copied(organization: Organization) -> None:
    upload = uploads.receive(organization, ContentFile(lora(), "linocut.safetensors"))
    assert staging.path_for(upload.pk).read_bytes() == lora()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(60), lora()[:-1], whole_model_start()[0]])
def test_nothing_stays_of_a_whole_file_that_is_refused(organization: Organization, content: bytes) -> None:
    with pytest.raises(CheckpointError):
        uploads.receive(organization, SimpleUploadedFile("x.safetensors", content))
    assert (Upload.objects.count(), staged()) == (0, set())


def test_a_whole_file_keeps_to_the_limits(organization: Organization, settings: Settings) -> None:
    settings.STORAGE_QUOTA_BYTES = len(lora()) - 1
    with pytest.raises(QuotaError) as caught:
        uploads.receive(organization, ContentFile(lora(), "x"))
    assert caught.value.field == "checkpoint"
    settings.MAX_CHECKPOINT_BYTES = len(lora()) - 1
    with pytest.raises(TooLargeError):
        uploads.receive(organization, ContentFile(lora(), "x"))
    assert (Upload.objects.count(), staged()) == (0, set())


def test_a_whole_file_that_shrinks_meanwhile_is_refused(organization: Organization) -> None:
    class Shrinking(ContentFile):  # type: ignore[type-arg]
        def read(self, size: int = -1) -> bytes:
            data: bytes = self.file.read(size)
            return b"" if self.tell() == self.size else data

    with pytest.raises(CheckpointError, match="changed while it was taken"):
        uploads.receive(organization, Shrinking(lora(), "x"))
    assert (Upload.objects.count(), staged()) == (0, set())


# --- Ends ----------------------------------------------------------------------------------------------------


def test_an_upload_is_cancelled_once(upload: Upload) -> None:
    assert uploads.cancel(upload)
    assert is_gone(upload)
    assert not uploads.cancel(upload)


def test_the_sweeper_s_task_is_scheduled_under_its_name() -> None:
    assert django_settings.CELERY_BEAT_SCHEDULE["sweep-uploads"]["task"] in app.tasks


def test_the_sweeper_removes_uploads_that_ran_out_and_no_others(upload: Upload, organization: Organization) -> None:
    left = uploads.start(organization, length=10)
    left.stored_name = default_storage.save("checkpoints/x/left.safetensors", ContentFile(b"left"))
    left.expires_at = timezone.now()
    left.save()
    tasks.sweep()
    assert is_gone(left)
    assert not default_storage.exists(left.stored_name)
    assert not is_gone(upload)


def test_the_sweeper_leaves_a_file_that_a_checkpoint_has(organization: Organization) -> None:
    checkpoint = make_finetune(organization).checkpoint
    assert checkpoint is not None
    left = uploads.start(organization, length=10)
    Upload.objects.filter(pk=left.pk).update(expires_at=timezone.now(), stored_name=checkpoint.file.name)
    tasks.sweep()
    assert is_gone(left)
    assert default_storage.exists(str(checkpoint.file.name))


def test_an_upload_that_is_being_written_is_not_swept(upload: Upload) -> None:
    class Sweeping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            tasks.sweep()
            return super().read(size)

    Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now() + timedelta(seconds=0.5))
    uploads.append(upload, Sweeping(lora()), offset=0, length=len(lora()))
    time.sleep(0.5)
    tasks.sweep()
    assert uploads.is_whole(upload)


def test_an_upload_that_was_renewed_since_the_sweeper_looked_stays(
    upload: Upload, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.start(organization, length=10)
    Upload.objects.update(expires_at=timezone.now())
    discard = staging.discard

    def discard_while_bytes_come_for_the_other(upload_id: UUID) -> None:
        Upload.objects.update(expires_at=timezone.now() + timedelta(days=1))
        discard(upload_id)

    monkeypatch.setattr(staging, "discard", discard_while_bytes_come_for_the_other)
    tasks.sweep()
    kept = Upload.objects.get()
    assert uploads.offset_of(kept) == 0


def test_files_that_no_upload_knows_are_swept_after_a_day(upload: Upload) -> None:
    folder, now = Path(django_settings.UPLOADS_DIR), time.time()
    names = {f"{uuid4()}.part", "tmpabc.upload.safetensors", "odd.part"}
    fresh, foreign = folder / f"{uuid4()}.part", folder / "notes.txt"
    for path in (*(folder / name for name in names), fresh, foreign):
        path.write_bytes(b"x")
    for path in folder.iterdir():
        os.utime(path, (now, now - 86_500 if path != fresh else now))
    tasks.sweep()
    assert staged() == {fresh, foreign, staging.path_for(upload.pk)}
