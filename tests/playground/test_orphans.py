"""Files of samples and reference images that no row names go after a day, on a disk and in a bucket; no other does."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.lib import stored_files
from dashboard.organizations.models import Organization
from finetunes import tasks as finetune_tasks
from finetunes.models import Sample
from finetunes.samples import orphans as sample_orphans
from playground import orphans, tasks
from playground.models import ReferenceUpload
from tests.buckets import Bucket
from tests.conftest import Cast
from tests.playground.history_rows import files_of, make_generation

Later = Callable[[], None]


@pytest.fixture(params=["disk", "bucket"])
def later(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, cast: Cast) -> Later:
    """Lets two days go by, for what is stored in the data folder or in a bucket."""
    if request.param == "bucket":
        request.getfixturevalue("bucket")
    begin(days=3)

    def pass_by() -> None:
        if request.param == "bucket":  # a server says itself when it was written
            now = timezone.now() + timedelta(days=2)
            monkeypatch.setattr(timezone, "now", lambda: now)
            return
        old = (timezone.now() - timedelta(days=2)).timestamp()
        for path in Path(default_storage.path("")).rglob("*"):
            os.utime(path, (old, old))

    return pass_by


def begin(*, days: int) -> None:
    """The database was set up so long ago: what is stored before that is not its own."""
    Organization.objects.update(created_at=timezone.now() - timedelta(days=days))


def store(name: str) -> str:
    return default_storage.save(name, ContentFile(b"bytes"))


def sweep() -> None:
    tasks.sweep_reference_files()
    finetune_tasks.sweep_sample_files()


def test_what_no_row_names_goes_and_all_else_stays(cast: Cast, later: Later) -> None:
    generation = make_generation(cast.organization)
    sample = Sample(finetune=cast.finetune, generation_id=uuid4(), prompt="x", strength=1, width=64, height=64)
    sample.image.name = store(f"samples/{cast.organization.pk}/{uuid4()}.png")
    sample.thumbnail.name = store(f"samples/{cast.organization.pk}/{uuid4()}.thumbnail.webp")
    sample.save()
    upload = ReferenceUpload(organization=cast.organization, name="x.png", width=64, height=64)
    upload.file.name = store(f"references/upload-{upload.pk}.png")
    upload.save()
    named = [*files_of(generation), str(sample.image), str(sample.thumbnail), str(upload.file)]
    others = [
        store(name) for name in ("references/readme.txt", f"checkpoints/{uuid4()}-x.safetensors", "avatars/1.png")
    ]
    orphaned = [
        store(f"references/{generation.pk}-input_image_2.png"),
        store(f"references/{uuid4()}-input_image.png"),
        store(f"references/upload-{uuid4()}.webp"),
        store(f"samples/{cast.organization.pk}/{uuid4()}.png"),
        store(f"samples/{cast.organization.pk}/{uuid4()}.thumbnail.webp"),
    ]
    sweep()
    assert all(default_storage.exists(name) for name in orphaned)
    later()
    sweep()
    sweep()
    assert [name for name in orphaned if default_storage.exists(name)] == []
    assert [name for name in named + others if not default_storage.exists(name)] == []


def test_empty_storage_has_nothing_to_sweep(cast: Cast, later: Later) -> None:
    later()
    assert (orphans.sweep(), sample_orphans.sweep()) == (0, 0)


def test_files_of_another_database_stay(cast: Cast, later: Later) -> None:
    names = [store(f"references/{uuid4()}-input_image.png"), store(f"samples/{cast.organization.pk}/{uuid4()}.png")]
    later()
    begin(days=0)  # since they were written, two days ago
    sweep()
    assert all(default_storage.exists(name) for name in names)
    begin(days=9)
    sweep()
    assert not any(default_storage.exists(name) for name in names)


def test_bucket_of_more_files_than_it_lists_at_once_is_swept_whole(
    cast: Cast, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_files, "PAGE", 3)
    begin(days=3)
    for _ in range(10):
        store(f"references/{uuid4()}-input_image.png")
    now = timezone.now() + timedelta(days=2)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert orphans.sweep() == 10
    assert bucket.names() == set()


def test_files_are_looked_up_in_batches(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(days=3)
    old = (timezone.now() - timedelta(days=2)).timestamp()
    for _ in range(7):
        for folder in ("references", f"samples/{cast.organization.pk}"):
            path = default_storage.path(store(f"{folder}/{uuid4()}-input_image.png"))
            os.utime(path, (old, old))
    monkeypatch.setattr(stored_files, "BATCH", 3)
    for module, queries in ((orphans, 2), (sample_orphans, 1)):
        with CaptureQueriesContext(connection) as asked:
            assert module.sweep() == 7
        assert len(asked) == 1 + 3 * queries
