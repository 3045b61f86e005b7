"""Reference images that a form names: found for their organization alone, shown as chips, and drawn small."""

import io
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from dashboard.lib.places import Places
from playground.models import Generation, ReferenceUpload, State
from playground.references import thumbnails
from playground.references.chosen import find_images, values_of
from playground.references.thumbnails import SIDE
from tests.conftest import Cast, log_in
from tests.playground.history_rows import make_generation
from tests.playground.test_reference_uploads import drawn


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


@pytest.fixture
def generation(cast: Cast) -> Generation:
    """Ready, made from a file and a URL; its image and the file are whole."""
    generation = make_generation(cast.organization, "a tower", width=320, height=200)
    files = [default_storage.save(f"{name}.png", ContentFile(drawn())) for name in ("image", "kept")]
    generation.image.name = files[0]
    generation.references = [
        {"field": "input_image", "file": files[1], "size": [320, 192]},
        {"field": "input_image_2", "url": "https://images.test:8443/a/b.png?token=secret"},
    ]
    generation.save()
    return generation


@pytest.fixture
def upload(cast: Cast) -> ReferenceUpload:
    upload = ReferenceUpload(organization=cast.organization, name="cat.png", width=1600, height=1000)
    upload.file.save("cat.png", ContentFile(drawn((1600, 1000))))
    return upload


def all_values(upload: ReferenceUpload, generation: Generation) -> list[str]:
    return [f"upload-{upload.pk}", f"result-{generation.pk}", *values_of(generation)]


def url(cast: Cast, value: str) -> str:
    return f"/o/{cast.organization.org_id}/playground/references/{value}/thumbnail/"


def test_all_kinds_are_found_in_their_order_by_two_queries(
    cast: Cast, upload: ReferenceUpload, generation: Generation, django_assert_num_queries: Any
) -> None:
    values = all_values(upload, generation)[::-1]
    with django_assert_num_queries(2):
        found = find_images(cast.organization, values)
    assert list(found) == values
    assert [found[value].size for value in values] == [None, [320, 192], (320, 192), (1280, 800)]
    assert [found[value].pixels_text for value in values] == ["", "320 × 192", "320 × 200", "1600 × 1000"]
    assert found[values[0]].host == "images.test"
    assert found[values[0]].label == "images.test"


NAMELESS = ("", "upload", "upload-1", "kept", "file-../../etc/passwd", "result-" + "-" * 36)


@pytest.mark.parametrize("value", [*NAMELESS, f"upload-{uuid4()}", f"kept-{uuid4()}-0"])
def test_what_names_nothing_is_not_found(cast: Cast, creator: Client, value: str) -> None:
    assert find_images(cast.organization, [value]) == {}
    if value:
        assert creator.get(url(cast, value)).status_code == 404


def test_outsider_finds_and_sees_none(cast: Cast, upload: ReferenceUpload, generation: Generation) -> None:
    outsider = log_in(cast.outsider.user)
    values = all_values(upload, generation)
    assert find_images(cast.outsider.organization, values) == {}
    for value in values:
        theirs = f"/o/{cast.outsider.organization.org_id}/playground/references/{value}/thumbnail/"
        assert outsider.get(theirs).status_code == 404
        assert outsider.get(url(cast, value)).status_code == 404
    page = outsider.get(f"/o/{cast.outsider.organization.org_id}/playground/references/", {"references": values})
    assert page.status_code == 422
    assert "There is no such reference image any more." in page.content.decode()
    assert "cat.png" not in page.content.decode()


def test_unfinished_result_and_a_place_beyond_are_no_images(cast: Cast, generation: Generation) -> None:
    running = make_generation(cast.organization, state=State.RUNNING)
    assert find_images(cast.organization, [f"result-{running.pk}", f"kept-{generation.pk}-2"]) == {}


def test_chips_show_names_sizes_and_a_host(
    cast: Cast, creator: Client, upload: ReferenceUpload, generation: Generation
) -> None:
    response = creator.get(
        f"/o/{cast.organization.org_id}/playground/references/", {"references": all_values(upload, generation)}
    )
    page = response.content.decode()
    assert page.count("data-reference=") == 4
    for words in ("cat.png", "1600 × 1000", "Result: a tower", "images.test", "At its address"):
        assert words in page
    assert "secret" not in page
    assert "Move cat.png left" in page
    assert "Remove Result: a tower" in page


def test_thumbnail_is_small_webp_that_only_this_browser_keeps(
    cast: Cast, creator: Client, upload: ReferenceUpload, generation: Generation
) -> None:
    for value in all_values(upload, generation)[:3]:
        response = creator.get(url(cast, value))
        with Image.open(io.BytesIO(response.content)) as picture:
            assert (picture.format, max(picture.size)) == ("WEBP", SIDE)
        assert response["Content-Type"] == "image/webp"
        assert response["Cache-Control"] == "private, max-age=86400, immutable"


def test_url_has_no_thumbnail_and_nothing_is_fetched_for_one(
    cast: Cast, creator: Client, generation: Generation
) -> None:
    assert creator.get(url(cast, values_of(generation)[1])).status_code == 404


def test_thumbnail_of_a_file_that_is_gone_or_broken_is_not_found(
    cast: Cast, creator: Client, upload: ReferenceUpload
) -> None:
    name = str(upload.file)
    default_storage.delete(name)
    assert creator.get(url(cast, f"upload-{upload.pk}")).status_code == 404
    default_storage.save(name, ContentFile(drawn()[:100]))
    assert creator.get(url(cast, f"upload-{upload.pk}")).status_code == 404


def test_thumbnail_keeps_what_is_transparent_and_stands_upright(cast: Cast, creator: Client) -> None:
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGBA", (640, 320), (0, 0, 0, 0)).save(target, "WEBP", lossless=True, exif=exif)
    turned = ReferenceUpload(organization=cast.organization, name="turned.webp", width=640, height=320)
    turned.file.save("turned.webp", ContentFile(target.getvalue()))
    with Image.open(io.BytesIO(creator.get(url(cast, f"upload-{turned.pk}")).content)) as picture:
        assert picture.size == (SIDE // 2, SIDE)
        assert picture.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_no_more_are_drawn_at_once_than_there_is_memory_for(
    cast: Cast, creator: Client, upload: ReferenceUpload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "PLACES", Places(1, thumbnails.BUSY, seconds=0.05))
    with thumbnails.PLACES.take():
        response = creator.get(url(cast, f"upload-{upload.pk}"))
    assert response.status_code == 503
    assert "drawing other pictures" in response.content.decode()


def test_role_that_sees_no_results_sees_none_of_their_images(
    cast: Cast, upload: ReferenceUpload, generation: Generation
) -> None:
    viewer = log_in(cast.viewer.user)
    assert viewer.get(url(cast, f"upload-{upload.pk}")).status_code == 403
    page = viewer.get(
        f"/o/{cast.organization.org_id}/playground/",
        {"references": all_values(upload, generation), "from": str(generation.pk), "take": "all"},
    ).content.decode()
    assert "a tower" not in page
    assert "cat.png" not in page
