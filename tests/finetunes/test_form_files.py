"""Files of plain forms take no more of the disk than they may, and the form says what was wrong."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings

from finetunes.models import Upload
from finetunes.uploads import staging
from tests.conftest import Cast, log_in
from tests.factories import lora_bytes
from tests.finetunes.uploading import staged

ALL_OF_IT = 2**60


def take(content: bytes) -> Any:
    """The file as a view gets it."""
    request = RequestFactory().post("/", {"checkpoint": SimpleUploadedFile("lora.safetensors", content)})
    return request.FILES["checkpoint"]


def on_disk(file: Any) -> int:
    return Path(file.temporary_file_path()).stat().st_size


def send(cast: Cast, client: Client) -> Any:
    fields = {"name": "linocut", "base_model": "flux-2-klein-4b", "precision": "fp8"}
    file = SimpleUploadedFile("lora.safetensors", lora_bytes("ink"))
    return client.post(reverse("finetune-add", args=[cast.organization.org_id]), {**fields, "checkpoint": file})


def test_a_file_is_taken_whole_up_to_the_limit(settings: Settings) -> None:
    settings.MAX_CHECKPOINT_BYTES = 300_000
    with take(bytes(range(250)) * 1200) as file:
        assert (file.size, on_disk(file), file.read()) == (300_000, 300_000, bytes(range(250)) * 1200)


def test_of_a_file_over_the_limit_a_part_is_written_and_all_of_it_is_told(settings: Settings) -> None:
    settings.MAX_CHECKPOINT_BYTES = 300_000
    with take(bytes(5_000_000)) as file:
        assert file.size == 5_000_000
        assert on_disk(file) <= 300_000


def test_nothing_is_written_to_a_disk_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "RESERVE_BYTES", ALL_OF_IT)
    with take(bytes(500_000)) as file:
        assert (file.size, on_disk(file)) == (500_000, 0)


def test_the_form_says_that_the_file_is_too_large(cast: Cast, settings: Settings) -> None:
    settings.MAX_CHECKPOINT_BYTES = 100_000
    page = send(cast, log_in(cast.developer.user))
    assert page.status_code == 422
    assert "a checkpoint may have" in page.content.decode()


def test_the_form_says_that_the_disk_is_full(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = log_in(cast.developer.user)

    def fill_up(self: Any, end: int) -> bool:
        return end <= 200_000

    monkeypatch.setattr("finetunes.uploads.form_files.FormFileHandler._has_room", fill_up)
    page = send(cast, client)
    assert page.status_code == 422
    assert "disk of this server is full" in page.content.decode()
    assert (Upload.objects.exists(), staged()) == (False, set())
