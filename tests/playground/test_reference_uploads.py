"""Reference images laid into the form: what is refused by name, what is kept, what it costs, and what is swept."""

import io
import struct
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django.fixtures import Settings

from playground import clearing, tasks
from playground.models import Generation, ReferenceUpload
from playground.references import uploads
from tests.conftest import Cast, log_in
from tests.playground.test_pages import FIELDS, HTMX

BASE = {"prompt": "a pier", "model": "ink-portrait", "width": "", "height": ""}


def drawn(size: tuple[int, int] = (320, 200), format: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "teal").save(target, format)
    return target.getvalue()


def bomb(side: int) -> bytes:
    """A PNG that says it has this many pixels a side."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + drawn()[33:]


def file(name: str = "cat.png", content: bytes | None = None, type: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, drawn() if content is None else content, content_type=type)


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


def url(cast: Cast, path: str = "playground/references/") -> str:
    return f"/o/{cast.organization.org_id}/{path}"


def lay_in(cast: Cast, client: Client, *files: SimpleUploadedFile) -> Any:
    return client.post(url(cast), {"reference_files": list(files)})


def kept_files(settings: Settings) -> list[Path]:
    return list(Path(settings.MEDIA_ROOT).rglob("references/*"))


# --- Laying in ---------------------------------------------------------------------------------------------------


def test_several_at_once_come_back_as_chips_in_their_order(cast: Cast, creator: Client) -> None:
    page = lay_in(cast, creator, file("b.png"), file("a.jpg", drawn((640, 480), "JPEG"))).content.decode()
    assert page.index("b.png") < page.index("a.jpg")
    assert "640 × 480" in page
    by_name = {upload.name: upload for upload in ReferenceUpload.objects.all()}
    assert f'value="upload-{by_name["b.png"].pk}"' in page
    assert by_name["a.jpg"].user == cast.creator.user
    assert default_storage.exists(str(by_name["a.jpg"].file))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The image does not decode"),
        (b"only words", "The image does not decode; send a whole JPEG, PNG or WebP."),
        (drawn()[:200], "The image does not decode"),
        (bomb(60_000), "more than 20 million pixels, which is the most."),
        (bomb(9_000), "9000 × 9000 pixels; 20 MP is the most."),
        (drawn((4500, 4500)), "4500 × 4500 pixels; 20 MP is the most."),
        (drawn((63, 100)), "each side should be 64 pixels or more"),
        (drawn((64, 513)), "the ratio 8:1 at most"),
        (drawn(format="GIF"), "GIF does not decode here"),
        (drawn(format="BMP"), "BMP does not decode here"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC does not decode here; send the image as JPEG, PNG or WebP."),
        (drawn() + b"\0" * (20 * 10**6), "The image should be at most 20 MB."),
    ],
)
def test_what_is_no_such_image_is_refused_by_its_name(
    cast: Cast, creator: Client, settings: Settings, content: bytes, sentence: str
) -> None:
    response = lay_in(cast, creator, file("<b>odd.png", content))
    assert response.status_code == 422
    page = response.content.decode()
    assert "&lt;b&gt;odd.png: " in page
    assert sentence in page
    assert not ReferenceUpload.objects.exists()
    assert not kept_files(settings)


def test_one_that_is_refused_holds_up_no_other(cast: Cast, creator: Client) -> None:
    response = lay_in(cast, creator, file("a.png"), file("b.png", b"nothing"), file("c.png"))
    assert response.status_code == 200
    assert "b.png: The image does not decode" in response.content.decode()
    assert set(ReferenceUpload.objects.values_list("name", flat=True)) == {"a.png", "c.png"}


def test_content_and_not_its_name_or_type_says_what_it_is(cast: Cast, creator: Client) -> None:
    webp = drawn(format="WEBP")
    assert lay_in(cast, creator, file("notes.txt", webp, "text/plain")).status_code == 200
    assert str(ReferenceUpload.objects.get().file).endswith(".webp")
    assert lay_in(cast, creator, file("page.png", b"<script>alert(1)</script>", "image/png")).status_code == 422


def test_more_than_a_form_ever_takes_are_refused_by_name(cast: Cast, creator: Client) -> None:
    files = [file(f"{number}.png") for number in range(uploads.MOST_AT_ONCE + 1)]
    page = lay_in(cast, creator, *files).content.decode()
    assert f"{uploads.MOST_AT_ONCE}.png: " in page
    assert ReferenceUpload.objects.count() == uploads.MOST_AT_ONCE


def test_organization_has_so_many_and_no_more(
    cast: Cast, creator: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST", 2)
    page = lay_in(cast, creator, *[file(f"{number}.png") for number in range(3)]).content.decode()
    assert "2.png: This organization has 200 reference images laid in, which is the most" in page
    assert len(kept_files(settings)) == 2
    log_in(cast.recipient.user).post(
        f"/o/{cast.recipient.organization.org_id}/playground/references/", {"reference_files": file()}
    )
    assert ReferenceUpload.objects.count() == 3


def test_file_that_no_storage_takes_leaves_no_row(cast: Cast, creator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(default_storage, "save", refuse)
    with pytest.raises(OSError, match="disk full"):
        lay_in(cast, creator, file())
    assert not ReferenceUpload.objects.exists()


# --- In the form -------------------------------------------------------------------------------------------------


def value_of(name: str) -> str:
    return f"upload-{ReferenceUpload.objects.get(name=name).pk}"


def test_generation_is_made_from_them_in_their_order_with_copies(cast: Cast, creator: Client) -> None:
    lay_in(cast, creator, file("a.png"), file("b.png", drawn((640, 480))))
    data = {**BASE, "references": [value_of("b.png"), value_of("a.png")]}
    assert creator.post(url(cast, "playground/"), data, headers=HTMX).status_code == 200
    generation = Generation.objects.get()
    assert [reference["field"] for reference in generation.references] == ["input_image", "input_image_2"]
    assert generation.references[0]["size"] == [640, 480]
    assert (generation.width, generation.height) == (640, 480)
    assert generation.cost == 1400 + 2 * 100
    ReferenceUpload.objects.update(created_at=timezone.now() - timedelta(days=2))
    tasks.sweep_references()
    assert all(default_storage.exists(reference["file"]) for reference in generation.references)


def test_price_counts_them(cast: Cast, creator: Client) -> None:
    lay_in(cast, creator, file("a.png"))
    data = {"model": "ink-portrait", "prompt": "a pier", "references": value_of("a.png")}
    assert "1.5 credits" in creator.post(url(cast, "playground/quote/"), data, headers=HTMX).content.decode()


def test_without_scripts_files_come_with_the_form_and_survive_its_refusal(cast: Cast, creator: Client) -> None:
    data = {**BASE, "prompt": "", "seed": "5", "reference_files": [file("a.png"), file("odd.png", b"no")]}
    response = creator.post(url(cast, "playground/"), data)
    page = response.content.decode()
    assert response.status_code == 422
    assert "odd.png: The image does not decode" in page
    assert 'aria-describedby="reference-hint id_references_error"' in page
    assert f'name="references" value="{value_of("a.png")}"' in page
    assert not Generation.objects.exists()
    again = {**BASE, "references": value_of("a.png"), "reference_files": file("b.png")}
    assert creator.post(url(cast, "playground/"), again).status_code == 303
    assert len(Generation.objects.get().references) == 2


def test_file_that_is_refused_stops_the_run_and_keeps_the_rest(cast: Cast, creator: Client) -> None:
    response = creator.post(url(cast, "playground/"), {**BASE, "reference_files": file("odd.png", b"no")})
    assert response.status_code == 422
    assert not Generation.objects.exists()


def test_without_scripts_a_tick_takes_one_out(cast: Cast, creator: Client) -> None:
    lay_in(cast, creator, file("a.png"), file("b.png"))
    values = [value_of("a.png"), value_of("b.png")]
    data = {**BASE, "references": values, "unwanted_references": values[:1]}
    assert creator.post(url(cast, "playground/"), data).status_code == 303
    assert len(Generation.objects.get().references) == 1


def test_more_than_the_endpoint_takes_is_told_at_the_field(cast: Cast, creator: Client) -> None:
    lay_in(cast, creator, *[file(f"{number}.png") for number in range(5)])
    values = [f"upload-{pk}" for pk in ReferenceUpload.objects.values_list("pk", flat=True)]
    response = creator.post(url(cast, "playground/"), {**FIELDS, "references": values}, headers=HTMX)
    assert response.status_code == 422
    assert "ink-portrait takes 4 reference images at most: remove 1." in response.content.decode()
    assert response.content.decode().count('name="references"') == 5
    picked = creator.get(url(cast, "playground/parameters/"), {"model": "ink-portrait", "references": values})
    assert "ink-portrait takes 4 reference images at most: remove 1." in picked.content.decode()


def test_one_that_is_gone_is_told_and_left_out(cast: Cast, creator: Client) -> None:
    lay_in(cast, creator, file("a.png"))
    data = {**BASE, "references": value_of("a.png")}
    ReferenceUpload.objects.update(created_at=timezone.now() - timedelta(days=2))
    uploads.sweep()
    response = creator.post(url(cast, "playground/"), data, headers=HTMX)
    assert response.status_code == 422
    assert "A reference image is no longer here." in response.content.decode()


def test_file_that_goes_while_the_form_is_sent_is_told_and_nothing_is_held(cast: Cast, creator: Client) -> None:
    lay_in(cast, creator, file("a.png"))
    default_storage.delete(str(ReferenceUpload.objects.get().file))
    data = {**BASE, "references": value_of("a.png")}
    response = creator.post(url(cast, "playground/"), data, headers=HTMX)
    assert response.status_code == 422
    assert "A reference image is no longer here. Remove it" in response.content.decode()
    assert not Generation.objects.exists()


# --- Swept -------------------------------------------------------------------------------------------------------


def test_sweep_takes_what_is_older_than_a_day_with_its_file(
    cast: Cast, creator: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "BATCH", 2)
    lay_in(cast, creator, *[file(f"{number}.png") for number in range(4)])
    old = ReferenceUpload.objects.exclude(name="3.png")
    old.update(created_at=timezone.now() - timedelta(hours=25))
    assert uploads.sweep()
    assert not uploads.sweep()
    assert not uploads.sweep()
    assert ReferenceUpload.objects.get().name == "3.png"
    assert [path.name for path in kept_files(settings)] == [Path(str(ReferenceUpload.objects.get().file)).name]


def test_file_that_the_storage_keeps_holds_up_no_other(
    cast: Cast, creator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_in(cast, creator, file("a.png"), file("b.png"))
    ReferenceUpload.objects.update(created_at=timezone.now() - timedelta(hours=25))
    stuck = ReferenceUpload.objects.get(name="a.png")
    delete = default_storage.delete

    def refuse(name: str) -> None:
        if name == str(stuck.file):
            raise PermissionError(name)
        delete(name)

    monkeypatch.setattr(default_storage, "delete", refuse)
    uploads.sweep()
    assert list(ReferenceUpload.objects.all()) == [stuck]


def test_deleted_organization_leaves_none(cast: Cast, creator: Client, settings: Settings) -> None:
    lay_in(cast, creator, file("a.png"))
    cast.organization.deleted_at = timezone.now()
    cast.organization.save()
    assert not clearing.clear_deleted()
    assert not ReferenceUpload.objects.exists()
    assert not kept_files(settings)
