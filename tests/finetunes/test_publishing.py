"""Publishing: the same bytes are kept once an organization, nothing is lost or left behind, whatever fails."""

import errno
import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection, connections, transaction
from pytest_django.fixtures import Settings

from dashboard.lib.errors import DashboardError
from finetunes import queries, workflow
from finetunes.checkpoints import store
from finetunes.checkpoints.writer import write_lora
from finetunes.models import Checkpoint, Finetune, Upload, Version
from finetunes.services import catalog, uploads, versions
from finetunes.services.publishing import StorageAwayError
from finetunes.uploads import staging
from finetunes.uploads.errors import DiskFullError, UploadGoneError
from tests.factories import lora_bytes, make_organization, make_upload, upload_finetune
from tests.finetunes.storage import assert_rows_and_files_agree, stored_files

FIELDS: dict[str, Any] = {"base_model": "flux-2-klein-4b", "precision": "fp8", "trigger_phrase": ""}


def add(upload: Upload, name: str = "linocut", **given: Any) -> Finetune:
    return catalog.add_finetune(upload.organization, upload, name=name, **FIELDS, **given)


def assert_kept(upload: Upload) -> None:
    """As if nothing had been tried: it can be tried again."""
    kept = Upload.objects.get(pk=upload.pk)
    assert uploads.is_whole(kept)
    assert_rows_and_files_agree()
    kept_finetune = add(kept)
    assert kept_finetune.current_version
    assert_rows_and_files_agree()


@pytest.fixture
def owner(transactional_db: None) -> Any:
    """A real transaction each, as on a server; and nothing but what the test makes."""
    return make_organization("Atelier")


@pytest.fixture
def upload(owner: Any) -> Upload:
    return make_upload(owner, lora_bytes("ink"))


# --- Once an organization ----------------------------------------------------------------------------------


def test_same_bytes_are_stored_once_and_go_with_the_last_finetune(owner: Any) -> None:
    first, second = (upload_finetune(owner, name, lora_bytes("ink")) for name in ("one", "two"))
    assert first.checkpoint == second.checkpoint
    assert len(stored_files()) == 1
    catalog.delete_finetune(first)
    assert len(stored_files()) == 1
    assert_rows_and_files_agree()
    catalog.delete_finetune(second)
    assert stored_files() == set()
    assert not Checkpoint.objects.exists()


def test_versions_of_a_deleted_finetune_take_their_files_along(owner: Any) -> None:
    kept = upload_finetune(owner, "kept", lora_bytes("shared"))
    gone = upload_finetune(owner, "gone", lora_bytes("shared"))
    for seed in ("v2", "v3"):
        versions.add_version(gone, make_upload(owner, lora_bytes(seed)))
    assert len(stored_files()) == 3
    catalog.delete_finetune(gone)
    assert [version.finetune for version in Version.objects.all()] == [kept]
    assert len(stored_files()) == 1
    assert_rows_and_files_agree()


def test_another_organization_stores_its_own_and_learns_nothing(owner: Any) -> None:
    own = upload_finetune(owner, "linocut", lora_bytes("ink"))
    other = make_organization("Elsewhere")
    left = queries.storage_left(other)
    foreign = upload_finetune(other, "linocut", lora_bytes("ink"))
    assert own.checkpoint
    assert foreign.checkpoint
    assert own.checkpoint != foreign.checkpoint
    assert own.checkpoint.file.name != foreign.checkpoint.file.name
    assert len(stored_files()) == 2
    assert queries.storage_left(other) == left - foreign.checkpoint.bytes
    catalog.delete_finetune(own)
    assert_rows_and_files_agree()
    with foreign.checkpoint.file.open() as file:
        assert file.read() == lora_bytes("ink")


def test_file_of_a_deleted_finetune_comes_back_under_another_name(owner: Any) -> None:
    first = upload_finetune(owner, "linocut", lora_bytes("ink"))
    assert first.checkpoint
    name = first.checkpoint.file.name
    catalog.delete_finetune(first)
    again = upload_finetune(owner, "linocut", lora_bytes("ink"))
    assert again.checkpoint
    assert again.checkpoint.file.name != name
    assert_rows_and_files_agree()


# --- Quota -------------------------------------------------------------------------------------------------


def test_quota_counts_each_file_once_and_open_uploads(owner: Any, settings: Settings) -> None:
    settings.STORAGE_QUOTA_BYTES = 10**7
    size = len(lora_bytes("ink"))
    upload = make_upload(owner, lora_bytes("ink"))
    assert queries.storage_used(owner) == size
    add(upload)
    assert queries.storage_used(owner) == size
    upload_finetune(owner, "second", lora_bytes("ink"))
    assert queries.storage_used(owner) == size
    uploads.start(owner, length=1000)
    assert queries.storage_left(owner) == 10**7 - size - 1000


def test_quota_is_read_in_one_statement(owner: Any, django_assert_num_queries: Any) -> None:
    """An upload that is published between two of them would be counted in neither."""
    upload_finetune(owner, "linocut", lora_bytes("ink"))
    uploads.start(owner, length=1000)
    with django_assert_num_queries(1):
        assert queries.storage_used(owner) == len(lora_bytes("ink")) + 1000


def test_quota_of_the_organization_goes_before_the_servers(owner: Any) -> None:
    owner.storage_quota_bytes = 5000
    assert queries.storage_left(owner) == 5000
    uploads.start(owner, length=1000)
    assert queries.storage_left(owner) == 4000
    owner.storage_quota_bytes = 0
    assert queries.storage_left(owner) == 0


# --- What fails --------------------------------------------------------------------------------------------


def test_inside_a_transaction_it_refuses_to_run(upload: Upload) -> None:
    """A rollback there could not take the file back."""
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        add(upload)
    assert_kept(upload)


@pytest.mark.parametrize("model", [Version, Finetune, Checkpoint])
def test_failing_insert_leaves_no_file(upload: Upload, monkeypatch: pytest.MonkeyPatch, model: type[Any]) -> None:
    def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(model, "save", fail)
    with pytest.raises(RuntimeError, match="went away"):
        add(upload)
    monkeypatch.undo()
    assert_kept(upload)


def test_storage_that_stops_half_way_is_told_and_leaves_no_part(
    upload: Upload, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _store_half(monkeypatch, OSError(errno.EIO, "a secret of the machine"))
    with pytest.raises(StorageAwayError) as caught:
        add(upload)
    assert "secret" not in caught.value.message
    assert "a secret of the machine" in caplog.text
    monkeypatch.undo()
    assert_kept(upload)


def test_disk_that_is_full_is_told(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    _store_half(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(DiskFullError):
        add(upload)
    monkeypatch.undo()
    assert_kept(upload)


def test_storage_that_swallows_bytes_is_found_out(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    _store_half(monkeypatch, None)
    with pytest.raises(StorageAwayError):
        add(upload)
    monkeypatch.undo()
    assert_kept(upload)


def _store_half(monkeypatch: pytest.MonkeyPatch, error: OSError | None) -> None:
    def save(storage: FileSystemStorage, name: str, content: Any) -> str:
        path = Path(storage.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read(1000))
        if error:
            raise error
        return name

    monkeypatch.setattr(FileSystemStorage, "_save", save)


def test_commit_whose_answer_was_lost_keeps_the_file(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection broke after the database had committed: the caller sees an error, and the finetune stands."""
    original = transaction.Atomic.__exit__

    def exit_and_break(self: Any, kind: Any, value: Any, trace: Any) -> None:
        original(self, kind, value, trace)
        if not connection.in_atomic_block and Finetune.objects.filter(name="linocut").exists():
            raise ConnectionError("the answer was lost")

    monkeypatch.setattr(transaction.Atomic, "__exit__", exit_and_break)
    with pytest.raises(ConnectionError):
        add(upload)
    monkeypatch.undo()
    checkpoint = Finetune.objects.get(name="linocut").checkpoint
    assert checkpoint
    assert default_storage.exists(str(checkpoint.file.name))
    assert not Upload.objects.exists()


def test_storage_away_at_a_deletion_is_made_good_by_the_sweeper(
    owner: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finetune = upload_finetune(owner, "linocut", lora_bytes("ink"))

    def fail(name: str) -> None:
        raise OSError(errno.EIO, "away")

    monkeypatch.setattr(store, "discard", fail)
    catalog.delete_finetune(finetune)
    assert "away" in caplog.text
    assert not Finetune.objects.exists()
    monkeypatch.undo()
    assert Checkpoint.objects.get().discarded_at
    assert queries.storage_used(owner) == 0
    again = upload_finetune(owner, "linocut", lora_bytes("ink"))
    assert again.checkpoint
    workflow.sweep()
    assert [row.pk for row in Checkpoint.objects.all()] == [again.checkpoint.pk]
    assert_rows_and_files_agree()


def test_sweeper_leaves_alone_what_versions_refer_to(owner: Any) -> None:
    upload_finetune(owner, "linocut", lora_bytes("ink"))
    files = stored_files()
    workflow.remove_unreferenced()
    assert stored_files() == files
    assert_rows_and_files_agree()


# --- Two at once -------------------------------------------------------------------------------------------


def test_second_click_finds_the_upload_ended(upload: Upload) -> None:
    outcomes = list(_at_once(lambda: add(upload, "one"), lambda: add(upload, "two")))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Finetune", "UploadGoneError"]
    assert Finetune.objects.count() == 1
    assert_rows_and_files_agree()


def test_two_uploads_of_the_same_bytes_become_one_file(owner: Any) -> None:
    first, second = (make_upload(owner, lora_bytes("ink")) for _ in range(2))
    outcomes = list(_at_once(lambda: add(first, "one"), lambda: add(second, "two")))
    assert [type(outcome) for outcome in outcomes] == [Finetune, Finetune]
    assert Checkpoint.objects.count() == 1
    assert_rows_and_files_agree()


def test_cancelled_while_it_is_published_it_is_one_or_the_other(upload: Upload) -> None:
    outcomes = list(_at_once(lambda: add(upload), lambda: uploads.cancel(upload)))
    assert outcomes[1] in (True, False)
    assert isinstance(outcomes[0], UploadGoneError if outcomes[1] else Finetune)
    assert Finetune.objects.exists() is not outcomes[1]
    assert_rows_and_files_agree()


def _at_once(*commands: Any) -> Iterator[Any]:
    """What each came to, in a thread of its own: its value, or the error that a person would be told."""
    barrier = threading.Barrier(len(commands))
    outcomes: dict[int, Any] = {}

    def run(number: int, command: Any) -> None:
        barrier.wait()
        try:
            outcomes[number] = command()
        except DashboardError as error:
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(commands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    yield from (outcomes[number] for number in range(len(commands)))


# --- Size --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", [True, False])
def test_memory_stays_flat(owner: Any, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    upload = _large(owner)
    if not links:
        monkeypatch.setattr(os, "link", _refuse_link)
    tracemalloc.start()
    finetune = add(upload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert finetune.checkpoint
    assert finetune.checkpoint.bytes > 40 * 2**20
    assert peak < 4 * 2**20
    assert_rows_and_files_agree()


def _large(owner: Any) -> Upload:
    """Staged by hand: receiving is another's measure."""
    upload = uploads.start(owner, length=10**9)
    with staging.path_for(upload.pk).open("wb") as file:
        write_lora(file, "flux-2-klein-4b", seed="large", rank=16)
    Upload.objects.filter(pk=upload.pk).update(length=staging.size_of(upload.pk))
    return Upload.objects.get(pk=upload.pk)


def _refuse_link(*args: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")
