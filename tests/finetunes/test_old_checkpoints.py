"""Checkpoints that were kept before files were read: the sweeper looks into a few at a time."""

from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage

from dashboard.organizations.models import Organization
from finetunes import workflow
from finetunes.models import Checkpoint, Finetune
from tests.factories import lora_bytes, make_finetune, make_organization, make_version, upload_finetune


@pytest.fixture
def owner(transactional_db: None) -> Organization:
    return make_organization("Atelier")


@pytest.fixture
def old(owner: Organization) -> Checkpoint:
    """As the migration leaves it."""
    checkpoint = upload_finetune(owner, "linocut", lora_bytes("old")).checkpoint
    assert checkpoint
    Checkpoint.objects.filter(pk=checkpoint.pk).update(facts={}, weights_sha256="")
    return checkpoint


def reread(checkpoint: Checkpoint) -> Checkpoint:
    workflow.sweep()
    return Checkpoint.objects.get(pk=checkpoint.pk)


def test_facts_and_weights_digest_are_filled_in(old: Checkpoint) -> None:
    found = reread(old)
    assert found.weights_sha256 == old.weights_sha256 != ""
    assert found.facts == old.facts
    assert found.base_models == old.base_models != ()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04" + bytes(60), "zip"),
        (lora_bytes("other"), "its SHA-256 differs"),
        (None, "missing in the storage"),
    ],
)
def test_file_that_cannot_be_read_keeps_the_reason(old: Checkpoint, content: bytes | None, sentence: str) -> None:
    name = str(old.file.name)
    default_storage.delete(name)
    if content is not None:
        with default_storage.open(name, "wb") as file:
            file.write(content)
    found = reread(old)
    assert sentence in found.facts["error"]
    assert (found.weights_sha256, found.base_models) == ("", ())


def test_each_is_read_once_and_few_at_a_time(owner: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    finetune = make_finetune(owner)
    for _ in range(4):
        make_version(finetune)
    opened: list[str] = []
    original = FileSystemStorage._open  # type: ignore[attr-defined]

    def note(storage: FileSystemStorage, name: str, mode: str = "rb") -> Any:
        opened.append(name)
        return original(storage, name, mode)

    monkeypatch.setattr(FileSystemStorage, "_open", note)
    reads = []
    for _ in range(4):
        workflow.sweep()
        reads.append(len(opened))
    assert reads == [2, 4, 5, 5]
    assert len(set(opened)) == 5
    assert Finetune.objects.get().versions.count() == 5


def test_storage_that_is_away_is_asked_again(old: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(storage: FileSystemStorage, name: str, mode: str = "rb") -> Any:
        raise ConnectionError("away")

    monkeypatch.setattr(FileSystemStorage, "_open", fail)
    with pytest.raises(ConnectionError):
        workflow.look_into_old()
    monkeypatch.undo()
    assert reread(old).facts == old.facts
