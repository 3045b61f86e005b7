"""The ZIP of images: its names, what is missing, and that it is streamed, from a folder and from a bucket."""

import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from playground.models import Generation, State
from playground.pictures import archive
from tests.buckets import Bucket
from tests.conftest import Cast, log_in
from tests.playground.history_rows import make_generation

AT = datetime(2026, 11, 21, 18, 9, tzinfo=UTC)


def unpack(pieces: Iterable[bytes]) -> ZipFile:
    file = ZipFile(io.BytesIO(b"".join(pieces)))
    assert file.testzip() is None
    return file


def make(cast: Cast, prompt: str, **fields: Any) -> Generation:
    return make_generation(cast.organization, prompt, created_at=AT, **fields)


def test_images_have_names_that_tell_them_apart(cast: Cast) -> None:
    made = [
        make(cast, "one", seed="12345"),
        make(cast, "two", seed="12345"),
        make(cast, "three", seed="", finetune_id_sent="abc123/velvet-noir"),
        make(cast, "four", seed="7", finetune_id_sent=""),
    ]
    file = unpack(archive.stream(made))
    assert file.namelist() == [
        "2026-11-21 ink-portrait 12345.png",
        "2026-11-21 ink-portrait 12345 (2).png",
        "2026-11-21 abc123-velvet-noir.png",
        "2026-11-21 flux-2-klein-4b-finetuned 7.png",
    ]
    assert [file.read(name) for name in file.namelist()] == [
        b"image of one", b"image of two", b"image of three", b"image of four",
    ]  # fmt: skip
    assert {entry.compress_type for entry in file.infolist()} == {ZIP_STORED}
    assert file.infolist()[0].date_time == (2026, 11, 21, 18, 9, 0)


def test_what_is_missing_is_skipped_and_named(cast: Cast) -> None:
    gone, failed, kept = make(cast, "gone", seed="1"), make(cast, "failed", state=State.ERROR), make(cast, "kept")
    default_storage.delete(str(gone.image))
    file = unpack(archive.stream([gone, failed, kept]))
    assert file.namelist() == ["2026-11-21 ink-portrait 1 (3).png", "missing.txt"]
    told = file.read("missing.txt").decode()
    assert f"2026-11-21 ink-portrait 1.png ({gone.pk})" in told
    assert str(failed.pk) in told


def test_it_is_never_whole_in_memory(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PIECE_BYTES", 1000)
    made = [make(cast, str(number)) for number in range(3)]
    for generation in made:
        default_storage.delete(str(generation.image))
        default_storage.save(str(generation.image), ContentFile(b"x" * 10_000))
    opened: list[str] = []
    storage_open = default_storage.open

    def note(name: str) -> Any:
        opened.append(name)
        return storage_open(name)

    monkeypatch.setattr(default_storage, "open", note)
    pieces = archive.stream(made)
    first = next(pieces)
    assert len(opened) == 1  # the others are read when it is their turn
    sizes = [len(first), *(len(piece) for piece in pieces)]
    assert max(sizes) < 2000
    assert sum(sizes) > 30_000


def test_download_from_a_bucket_is_of_the_organization_alone(cast: Cast, bucket: Bucket) -> None:
    mine, other = make(cast, "mine"), make_generation(cast.recipient.organization, "not yours")
    response: Any = log_in(cast.creator.user).post(
        f"/o/{cast.organization.org_id}/playground/history/download/", {"generation": [str(mine.pk), str(other.pk)]}
    )
    assert response.streaming
    assert response["Content-Type"] == "application/zip"
    assert 'attachment; filename="generations-' in response["Content-Disposition"]
    file = unpack(response)
    assert [file.read(name) for name in file.namelist()] == [b"image of mine"]


def test_download_of_what_is_not_there_says_so(cast: Cast) -> None:
    other = make_generation(cast.recipient.organization)
    client, path = log_in(cast.creator.user), f"/o/{cast.organization.org_id}/playground/history/download/"
    refused = client.post(path, {"generation": [str(other.pk)]})
    assert (refused.status_code, "is there any more" in refused.content.decode()) == (422, True)
