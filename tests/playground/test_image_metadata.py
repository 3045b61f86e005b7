"""Downloads: by a speaking name, and with the parameters inside a picture that stays pixel for pixel the same."""

import io
import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import ExifTags, Image

from playground.models import Generation
from playground.pictures.metadata import PIECE_BYTES, parameters_of, pieces_of
from tests.conftest import Cast, log_in, read_file
from tests.playground.conftest import submit_one

PROMPT = "TOK, a “café” in the rain"


def draw(format: str, mode: str = "RGB", **options: object) -> bytes:
    target = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert(mode).save(target, format, **options)
    return target.getvalue()


@pytest.fixture
def generation(cast: Cast) -> Generation:
    endpoint = "flux-2-klein-9b-kv-bf16-finetuned"
    return submit_one(cast.recipient.organization, str(cast.granted), PROMPT, seed=5, endpoint=endpoint)


def with_parameters(content: bytes, generation: Generation) -> bytes:
    return b"".join(pieces_of(io.BytesIO(content), generation))


def read_back(content: bytes) -> tuple[str, dict[str, object]]:
    """The description and the parameters, as other programs read them."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        if picture.format == "PNG":
            return picture.text["Description"], json.loads(picture.text["parameters"])  # type: ignore[attr-defined]
        exif = picture.getexif()
        comment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
        return exif[ExifTags.Base.ImageDescription], json.loads(comment.removeprefix(b"ASCII\0\0\0"))


CASES = {
    "PNG": draw("PNG"),
    "JPEG": draw("JPEG"),
    "WebP, lossy": draw("WEBP"),
    "WebP, lossless": draw("WEBP", lossless=True),
    "WebP, with alpha": draw("WEBP", "RGBA", lossless=True),
    "WebP, extended": draw("WEBP", icc_profile=b"a profile of an odd length"),
}


@pytest.mark.parametrize("content", CASES.values(), ids=CASES)
def test_picture_carries_its_parameters_and_stays_the_same(generation: Generation, content: bytes) -> None:
    written = with_parameters(content, generation)
    description, parameters = read_back(written)
    assert description.startswith("TOK, a ")
    assert parameters == parameters_of(generation)
    assert (parameters["prompt"], parameters["seed"], parameters["finetune"]) == (PROMPT, 5, "velvet-noir")
    with Image.open(io.BytesIO(content)) as before, Image.open(io.BytesIO(written)) as after:
        assert (after.format, after.mode, after.size) == (before.format, before.mode, before.size)
        assert after.tobytes() == before.tobytes()


@pytest.mark.parametrize("content", CASES.values(), ids=CASES)
def test_nothing_of_who_asked_is_inside(generation: Generation, content: bytes) -> None:
    caller, owner = generation.organization, generation.finetune.organization  # type: ignore[union-attr]
    written = with_parameters(content, generation)
    for secret in (caller.org_id, owner.org_id, str(generation.pk), generation.pk.hex, "example.com"):
        assert secret.encode() not in written


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WebP, lossy"])
def test_prompt_of_any_length_leaves_a_picture_that_opens(generation: Generation, name: str) -> None:
    generation.inputs["prompt"] = "é" * 100_000
    _, parameters = read_back(with_parameters(CASES[name], generation))
    assert str(parameters["prompt"]).startswith("ééé")


def test_what_is_no_picture_goes_as_it_is_and_in_pieces(generation: Generation) -> None:
    content = b"x" * (3 * PIECE_BYTES)
    pieces = list(pieces_of(io.BytesIO(content), generation))
    assert (b"".join(pieces), len(pieces)) == (content, 3)


@pytest.mark.parametrize("query", ["?download=1", "?download=1&metadata=1"])
def test_download_has_a_speaking_name(cast: Cast, generation: Generation, query: str) -> None:
    stored = default_storage.save("generations/one.png", ContentFile(CASES["PNG"]))
    Generation.objects.update(image=stored, seed="5")
    url = f"/o/{generation.organization.org_id}/generations/{generation.pk}/image/"
    response = log_in(cast.recipient.user).get(url + query)
    content = read_file(response)
    name = f"velvet-noir-v1-seed-5-{generation.pk.hex[:8]}.png"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert (content == CASES["PNG"]) == ("metadata" not in query)
    assert response["Content-Type"] == "image/png"
    assert log_in(cast.outsider.user).get(url + query).status_code == 404
