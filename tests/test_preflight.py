"""What `up` prepares before it serves: folders, the lock on them, the address it listens on."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from dashboard.running import preflight
from dashboard.running.preflight import StartError


@pytest.fixture
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.ENV = settings.ENV.model_copy(update={"DATA_DIR": tmp_path / "data"})
    settings.DATA_DIR = tmp_path / "data"
    settings.UPLOADS_DIR = settings.DATA_DIR / "uploads"
    settings.MEDIA_ROOT = settings.DATA_DIR / "files"
    return tmp_path / "data"


def test_folders_are_made_and_uploads_go_to_the_disk_of_the_checkpoints(data_dir: Path, settings: Settings) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = None
    preflight.prepare_folders()
    assert (data_dir / "uploads").is_dir()
    assert (data_dir / "files").is_dir()
    assert data_dir / "uploads" == settings.FILE_UPLOAD_TEMP_DIR


def test_uploads_that_a_killed_server_was_taking_are_removed(data_dir: Path) -> None:
    preflight.prepare_folders()
    leftover, other = data_dir / "uploads" / "tmpabc.upload.safetensors", data_dir / "uploads" / "kept"
    leftover.touch()
    other.touch()
    with preflight.data_dir_lock():
        assert not leftover.exists()
        assert other.exists()


def test_a_data_folder_is_locked_until_its_user_ends(data_dir: Path) -> None:
    preflight.prepare_folders()
    with preflight.data_dir_lock(), pytest.raises(StartError, match="Another"), preflight.data_dir_lock():
        pass
    with preflight.data_dir_lock():
        pass


@pytest.mark.parametrize(("host", "address"), [("localhost", "127.0.0.1"), ("0.0.0.0", "0.0.0.0")])
def test_a_host_name_becomes_the_address_that_the_server_takes(settings: Settings, host: str, address: str) -> None:
    settings.ENV = settings.ENV.model_copy(update={"HOST": host})
    assert preflight.listen_address() in (address, "::1" if host == "localhost" else address)


def test_no_folder_of_files_is_made_where_they_go_to_a_bucket(data_dir: Path, settings: Settings) -> None:
    settings.ENV = settings.ENV.model_copy(update={"S3_BUCKET": "loras"})
    preflight.prepare_folders()
    assert (data_dir / "uploads").is_dir()
    assert not (data_dir / "files").exists()
