"""The store: a staged file becomes a kept one without a copy where that can be, and whole where it cannot."""

import errno
import os
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from finetunes.checkpoints import store
from finetunes.checkpoints.errors import CheckpointError
from tests.factories import lora_bytes

NAME = "checkpoints/atelier000/abc.safetensors"
CONTENT = lora_bytes("store")


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    path = tmp_path / "uploads" / "one.part"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    path.chmod(0o600)
    return path


def test_folder_on_the_same_disk_makes_no_copy(staged: Path) -> None:
    store.keep(staged, NAME)
    assert os.path.samefile(default_storage.path(NAME), staged)
    assert list(staged.parent.iterdir()) == [staged]


def test_kept_file_stays_when_the_staged_one_goes(staged: Path) -> None:
    store.keep(staged, NAME)
    staged.unlink()
    assert Path(default_storage.path(NAME)).read_bytes() == CONTENT


def test_disk_without_links_gets_a_copy(staged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store.keep(staged, NAME)
    assert Path(default_storage.path(NAME)).read_bytes() == CONTENT
    assert not os.path.samefile(default_storage.path(NAME), staged)
    assert list(staged.parent.iterdir()) == [staged]


def test_another_disk_gets_a_copy(staged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "rename", refuse)
    store.keep(staged, NAME)
    assert Path(default_storage.path(NAME)).read_bytes() == staged.read_bytes() == CONTENT
    assert not os.path.samefile(default_storage.path(NAME), staged)
    assert list(staged.parent.iterdir()) == [staged]


def test_link_that_a_killed_process_left_is_in_nobodys_way(staged: Path) -> None:
    os.link(staged, staged.with_name(f"tmp{staged.name}.upload"))
    store.keep(staged, NAME)
    assert list(staged.parent.iterdir()) == [staged]


def test_name_that_is_taken_is_not_written_over(staged: Path) -> None:
    store.keep(staged, NAME)
    first = Path(default_storage.path(NAME))
    other = staged.with_name("two.part")
    other.write_bytes(b"another")
    with pytest.raises(store.StoreError, match="is named"):
        store.keep(other, NAME)
    assert first.read_bytes() == CONTENT


def test_names_are_another_each_time_and_say_owner_and_digest() -> None:
    names = {store.new_name("atelier000", "ab" * 32) for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith(f"checkpoints/atelier000/{'ab' * 32}-") for name in names)
    assert max(map(len, names)) <= 200


def test_discarding_what_is_not_there_is_fine(staged: Path) -> None:
    store.keep(staged, NAME)
    store.discard(NAME)
    store.discard(NAME)
    assert not default_storage.exists(NAME)


def test_kept_file_is_looked_into_and_digested(staged: Path) -> None:
    store.keep(staged, NAME)
    inspection, digest = store.look_into(NAME)
    assert inspection.family == "flux2-klein-4b"
    assert digest.position == len(CONTENT)


def test_kept_file_that_is_no_checkpoint_is_told(staged: Path) -> None:
    staged.write_bytes(CONTENT[:-1])
    store.keep(staged, NAME)
    with pytest.raises(CheckpointError, match="ends 1 bytes early"):
        store.look_into(NAME)
    with pytest.raises(FileNotFoundError):
        store.look_into("checkpoints/nothing.safetensors")
