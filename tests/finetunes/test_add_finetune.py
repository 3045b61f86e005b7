"""Adding a finetune: what is checked, where the checkpoint ends, and that nothing stays behind when it fails."""

import hashlib
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from pytest_django.fixtures import Settings

from dashboard.lib.errors import InvalidInputError
from finetunes import queries, services
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.store import HashedFile
from finetunes.checkpoints.writer import write_lora
from finetunes.models import Finetune
from tests.conftest import Cast


@pytest.fixture(scope="module")
def lora() -> bytes:
    file = io.BytesIO()
    write_lora(file, "flux-2-klein-4b", seed="test", trigger_phrase="TOK")
    return file.getvalue()


def add(cast: Cast, content: bytes, **changes: Any) -> Finetune:
    arguments: dict[str, Any] = {
        "name": "linocut",
        "base_model": "flux-2-klein-4b",
        "precision": "fp8",
        "trigger_phrase": "TOK",
        "checkpoint": SimpleUploadedFile("../../my lora (final).safetensors", content),
        "created_by": cast.developer.user,
    }
    return services.add_finetune(cast.organization, **arguments | changes)


def refusal(cast: Cast, content: bytes, **changes: Any) -> InvalidInputError:
    """The error; that neither row nor file came of it is part of every refusal."""
    files, rows = stored_files(), Finetune.objects.count()
    with pytest.raises(InvalidInputError) as caught:
        add(cast, content, **changes)
    assert stored_files() == files
    assert Finetune.objects.count() == rows
    return caught.value


def stored_files() -> set[Path]:
    return {path for path in Path(default_storage.path("")).rglob("*") if path.is_file()}


def test_finetune_is_listed_with_its_checkpoint(cast: Cast, lora: bytes) -> None:
    finetune = add(cast, lora, trigger_phrase="  TOK ink ")
    finetune.refresh_from_db()
    assert finetune.organization == cast.organization
    assert (finetune.name, finetune.base_model, finetune.precision) == ("linocut", "flux-2-klein-4b", "fp8")
    assert finetune.trigger_phrase == "TOK ink"
    assert finetune.created_by == cast.developer.user
    assert not finetune.is_official
    assert finetune.checkpoint_bytes == len(lora)
    assert finetune.checkpoint_sha256 == hashlib.sha256(lora).hexdigest()
    with finetune.checkpoint.open() as file:
        assert file.read() == lora


def test_stored_name_holds_the_owner_and_nothing_of_the_client(cast: Cast, lora: bytes) -> None:
    name = str(add(cast, lora).checkpoint.name)
    folder, org_id, file = name.split("/")
    assert (folder, org_id) == ("checkpoints", cast.organization.org_id)
    assert file.endswith(".safetensors")
    assert "lora" not in file
    assert name != add(cast, lora, name="second").checkpoint.name


def test_same_name_is_free_for_another_owner(cast: Cast, lora: bytes) -> None:
    add(cast, lora)
    other = cast.outsider
    finetune = services.add_finetune(
        other.organization,
        name="linocut",
        base_model="flux-2-klein-9b-kv",
        precision="bf16",
        trigger_phrase="",
        checkpoint=ContentFile(lora),
        created_by=None,
    )
    assert str(finetune) == f"{other.organization.org_id}/linocut"


def test_name_that_is_taken_is_refused(cast: Cast, lora: bytes) -> None:
    error = refusal(cast, lora, name=cast.finetune.name)
    assert error.field == "name"
    assert "ink-portrait already" in error.message


def test_name_taken_while_the_file_was_stored_is_refused(
    cast: Cast, lora: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(queries, "has_name", lambda owner, name: next(answers))
    error = refusal(cast, lora, name=cast.finetune.name)
    assert error.field == "name"


@pytest.mark.parametrize("name", ["", "Ink", "ink portrait", "ink/portrait", "ink\n", "é", "x" * 65])
def test_name_of_other_characters_or_too_long_is_refused(cast: Cast, lora: bytes, name: str) -> None:
    assert refusal(cast, lora, name=name).field == "name"


def test_trigger_phrase_that_is_too_long_is_refused(cast: Cast, lora: bytes) -> None:
    assert refusal(cast, lora, trigger_phrase="x" * 201).field == "trigger_phrase"


def test_unknown_base_model_is_refused(cast: Cast, lora: bytes) -> None:
    assert refusal(cast, lora, base_model="flux-3").field == "base_model"


@pytest.mark.parametrize(
    "base_model", ["flux-2-klein-4b", "flux-2-klein-9b", "flux-2-klein-base-4b", "flux-2-klein-base-9b"]
)
def test_bf16_is_refused_but_for_9b_kv(cast: Cast, lora: bytes, base_model: str) -> None:
    error = refusal(cast, lora, base_model=base_model, precision="bf16")
    assert error.field == "precision"
    assert error.message == ("BF16 is served for FLUX.2 [klein] 9B (KV-cached) alone. Choose FP8 for this base model.")


def test_file_that_is_no_checkpoint_is_refused(cast: Cast) -> None:
    error = refusal(cast, b"PK\x03\x04" + bytes(100))
    assert isinstance(error, CheckpointError)
    assert "zip" in error.message


def test_file_cut_off_is_refused(cast: Cast, lora: bytes) -> None:
    error = refusal(cast, lora[:-312])
    assert error.field == "checkpoint"
    assert "ends 312 bytes early" in error.message


def test_file_over_the_limit_is_refused_unread(cast: Cast, lora: bytes, settings: Settings) -> None:
    settings.MAX_CHECKPOINT_BYTES = len(lora)
    add(cast, lora)
    settings.MAX_CHECKPOINT_BYTES = len(lora) - 1
    file = ContentFile(lora)
    error = refusal(cast, lora, name="second", checkpoint=file)
    assert error.field == "checkpoint"
    assert file.tell() == 0


def test_file_that_shrinks_while_it_is_stored_is_refused(
    cast: Cast, lora: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HashedFile, "chunks", lambda self: iter([self.read(1000)]))
    assert "1,000 of" in refusal(cast, lora).message


def test_disk_that_is_full_leaves_no_partial_file(cast: Cast, lora: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks(file: HashedFile) -> Any:
        yield file.read(1000)
        raise OSError(28, "No space left on device")

    files = stored_files()
    monkeypatch.setattr(HashedFile, "chunks", chunks)
    with pytest.raises(OSError, match="No space left"):
        add(cast, lora)
    assert stored_files() == files


def test_failing_insert_leaves_no_file(cast: Cast, lora: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Finetune, **kwargs: Any) -> None:
        raise RuntimeError("the database went away")

    files = stored_files()
    monkeypatch.setattr(Finetune, "save", fail)
    with pytest.raises(RuntimeError, match="went away"):
        add(cast, lora)
    assert stored_files() == files


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_it_refuses_to_run(transactional_db: None, cast: Cast, lora: bytes) -> None:
    """A rollback there could not take the file back."""
    files = stored_files()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        add(cast, lora)
    assert stored_files() == files


def test_memory_stays_flat(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        write_lora(file, "flux-2-klein-4b", seed="large", rank=16)
    with path.open("rb") as file:
        tracemalloc.start()
        finetune = add(cast, b"", checkpoint=File(file))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert finetune.checkpoint_bytes > 40 * 2**20
    assert peak < 4 * 2**20


def test_hash_is_of_each_byte_once_however_a_storage_reads(lora: bytes) -> None:
    file = HashedFile(io.BytesIO(lora))
    file.seek(0, io.SEEK_END)
    file.seek(0)
    file.read(10)
    file.seek(0)
    while file.read(100_000):
        pass
    assert file.hexdigest() == hashlib.sha256(lora).hexdigest()
    assert file.hashed == len(lora)


def test_deleted_finetune_takes_its_checkpoint_along(
    cast: Cast, lora: bytes, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    files = stored_files()
    finetune = add(cast, lora)
    assert stored_files() != files
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_finetune(finetune)
    assert stored_files() == files
    assert not Finetune.objects.filter(name="linocut").exists()


def test_checkpoint_stays_while_the_deletion_is_not_committed(
    cast: Cast, lora: bytes, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    finetune = add(cast, lora)
    with django_capture_on_commit_callbacks(execute=False):
        services.delete_finetune(finetune)
    assert default_storage.exists(str(finetune.checkpoint.name))
