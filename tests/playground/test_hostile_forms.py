"""The Playground's form in bad hands: values that are none, odd pictures, and what changes before it is sent."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connections
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django.fixtures import Settings

from dashboard.billing.models import Account
from dashboard.billing.queries import balance_of
from dashboard.lib.jpeg_scans import MOST_SCANS
from finetunes.models import Finetune, Grant
from playground import samples
from playground.models import Generation, Preset, ReferenceUpload
from tests.buckets import Bucket
from tests.conftest import Cast, log_in
from tests.playground.history_rows import make_generation
from tests.playground.hostile_images import with_scans
from tests.playground.test_pages import FIELDS, HTMX, url
from tests.playground.test_reference_uploads import drawn, file, kept_files, lay_in, value_of

VALUES = [
    *("a\0b", "9" * 5_000, "-1", "1e400", "NaN", "-inf", "٣", "²", "1_0", "5.0", "\u202e", "true", "[]"),
    *("/v1/get_result", "/v1/flux-pro-1.1-ultra-finetuned", "../..", "'; --", "1:1", "999:1", "٣:٢", "x" * 300_000),
]
NAMES = [
    *("model", "prompt", "references", "count", "finetune_strength", "aspect_ratio", "width", "height", "seed"),
    *("output_format", "safety_tolerance", "image_prompt_strength", "prompt_upsampling", "unwanted_references"),
    *("preset", "preset-name", "preset-scope", "preset-replace", "from", "take"),
]
PLACES = ["", "quote/", "snippets/", "fill/", "presets/save/"]
SAVING = {"preset-name": "Pier", "preset-scope": "me"}


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


def pages_of(cast: Cast, client: Client, data: dict[str, str]) -> list[int]:
    """What each door of the form answers to it."""
    answers = [client.post(url(cast, f"playground/{place}"), {**SAVING, **data}, headers=HTMX) for place in PLACES]
    if all(len(value) < 10_000 for value in data.values()):
        answers += [client.get(url(cast, f"playground/{place}"), data) for place in ("", "parameters/", "references/")]
    return [answer.status_code for answer in answers]


# --- What stands in it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
def test_no_value_breaks_a_door_of_the_form(cast: Cast, creator: Client, value: str) -> None:
    creator.raise_request_exception = False
    for names in (["count"], ["model"], ["prompt"], ["references", "preset", "preset-replace", "from"], NAMES):
        data = {**FIELDS, **dict.fromkeys(names, value)}
        assert max(pages_of(cast, creator, data)) < 500, names


def test_what_no_database_keeps_is_left_out_of_a_preset(cast: Cast, creator: Client) -> None:
    data = {**FIELDS, **SAVING, "prompt": "a\0 pier", "seed": "\0"}
    assert creator.post(url(cast, "playground/presets/save/"), data).status_code == 302
    assert Preset.objects.get().values["prompt"] == "a pier"


@pytest.mark.parametrize(
    ("seed", "count", "sentence"),
    [
        (2**64 - 8, 8, ""),
        (-(2**63), 8, ""),
        (2**64 - 1, 1, ""),
        (2**64 - 7, 8, "8 images take 8 seeds in a row"),
        (2**64, 1, "Use 18446744073709551615 or less."),
        (-(2**63) - 1, 1, "Use -9223372036854775808 or more."),
    ],
)
def test_seeds_count_up_to_the_last_one(cast: Cast, creator: Client, seed: int, count: int, sentence: str) -> None:
    answer = creator.post(url(cast), {**FIELDS, "seed": str(seed), "count": str(count)})
    if sentence:
        assert answer.status_code == 422
        assert sentence in answer.content.decode()
        assert not Generation.objects.exists()
        return
    seeds = [generation.inputs["seed"] for generation in Generation.objects.all()]
    assert sorted(seeds) == list(range(seed, seed + count))


# --- Pictures ----------------------------------------------------------------------------------------------------


def picture(mode: str = "RGB", format: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    Image.new(mode, (128, 96)).save(target, format, **options)
    return target.getvalue()


PAGES: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (128, 96), "red")]}
PICTURES = {
    "JPEG of a phone, with a second picture": (picture(format="MPO", **PAGES), "jpeg"),
    "CMYK": (picture("CMYK", "JPEG"), "jpeg"),
    "moving WebP": (picture(format="WEBP", **PAGES), "webp"),
    "moving PNG": (picture(format="PNG", **PAGES), "png"),
    "16 bits": (picture("I;16"), "png"),
    "one bit": (picture("1"), "png"),
    "palette with a transparent colour": (picture("P", transparency=0), "png"),
    "grey with alpha": (picture("LA"), "png"),
    "with a script behind it": (picture(format="JPEG") + b"<script>alert(1)</script>", "jpeg"),
}


@pytest.mark.parametrize(("content", "extension"), PICTURES.values(), ids=PICTURES)
def test_odd_picture_goes_all_the_way(cast: Cast, creator: Client, content: bytes, extension: str) -> None:
    assert lay_in(cast, creator, file("odd.png", content)).status_code == 200
    assert str(ReferenceUpload.objects.get().file).endswith(f".{extension}")
    value = value_of("odd.png")
    small = creator.get(url(cast, f"playground/references/{value}/thumbnail/"))
    assert Image.open(io.BytesIO(small.content)).size == (128, 96)
    made = creator.post(url(cast), {**FIELDS, "references": value})
    assert made.status_code == 303
    assert Generation.objects.get().references[0]["file"].endswith(f".{extension}")


def test_jpeg_is_gone_over_so_often_and_no_more(cast: Cast, creator: Client) -> None:
    film = b"\xff\xda" * 200  # behind the picture, as phones have it
    assert lay_in(cast, creator, file("a.jpg", with_scans(MOST_SCANS) + film)).status_code == 200
    refused = lay_in(cast, creator, file("b.jpg", with_scans(MOST_SCANS + 1)))
    assert refused.status_code == 422
    assert "b.jpg: The JPEG has more than 100 scans, which is the most; save it anew." in refused.content.decode()
    with pytest.raises(samples.BadSampleError):
        samples.store_sample(make_generation(cast.organization), [with_scans(MOST_SCANS + 1)])


def test_phones_jpeg_is_a_jpeg_as_a_result_too(cast: Cast, creator: Client) -> None:
    content, _ = PICTURES["JPEG of a phone, with a second picture"]
    generation = make_generation(cast.organization)
    generation.image, generation.thumbnail = samples.store_sample(generation, [content])
    generation.save()
    for query in ("", "?metadata=1"):
        answer = creator.get(url(cast, f"generations/{generation.pk}/image/{query}"))
        assert answer["Content-Type"] == "image/jpeg"
        with Image.open(io.BytesIO(b"".join(answer))) as sent:
            assert sent.size == (128, 96)


# --- What fails, or changes, on the way --------------------------------------------------------------------------


def test_storage_that_fails_in_the_midst_of_a_batch_leaves_nothing(
    cast: Cast, creator: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    creator.raise_request_exception = False
    lay_in(cast, creator, file("a.png"), file("b.png"))
    before, balance, save, saved = set(kept_files(settings)), balance_of(cast.organization), default_storage.save, []

    def fail_at_last(name: str, content: Any) -> str:
        saved.append(name)
        if len(saved) == 16:
            raise OSError("no space left on device")
        return save(name, content)

    monkeypatch.setattr(default_storage, "save", fail_at_last)
    data = {**FIELDS, "count": "8", "references": [value_of("a.png"), value_of("b.png")]}
    assert creator.post(url(cast), data).status_code == 500
    assert len(saved) == 16
    assert set(kept_files(settings)) == before
    assert balance_of(cast.organization) == balance
    assert not Generation.objects.exists()


def test_file_that_a_bucket_lost_is_told_and_leaves_no_copies(cast: Cast, creator: Client, bucket: Bucket) -> None:
    lay_in(cast, creator, file("a.png"), file("b.png"))
    default_storage.delete(str(ReferenceUpload.objects.get(name="b.png").file))
    before, values = bucket.names(), [value_of("a.png"), value_of("b.png")]
    answer = creator.post(url(cast), {**FIELDS, "count": "3", "references": values})
    assert answer.status_code == 422
    assert "A reference image is no longer here." in answer.content.decode()
    assert creator.get(url(cast, f"playground/references/{values[1]}/thumbnail/")).status_code == 404
    assert bucket.names() == before
    assert creator.post(url(cast), {**FIELDS, "count": "3", "references": values[:1]}).status_code == 303
    assert len(bucket.names()) == len(before) + 3


def revoke(finetune: Finetune) -> None:
    Grant.objects.filter(finetune=finetune).delete()


def expire(finetune: Finetune) -> None:
    Grant.objects.filter(finetune=finetune).update(expires_at=timezone.now())


def cap(finetune: Finetune) -> None:
    Grant.objects.filter(finetune=finetune).update(monthly_cap=7)


def rename(finetune: Finetune) -> None:
    finetune.former_names.create(organization=finetune.organization, name=finetune.name)
    Finetune.objects.filter(pk=finetune.pk).update(name="velvet")


def discard(finetune: Finetune) -> None:
    Finetune.objects.filter(pk=finetune.pk).update(deleted_at=timezone.now())


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        (revoke, 422, "has no such finetune, and none of this name is shared with it."),
        (expire, 422, "has no such finetune, and none of this name is shared with it."),
        (discard, 422, "has no such finetune, and none of this name is shared with it."),
        (rename, 422, "It was renamed: look for"),
        (cap, 403, "has used its 7 images of"),
    ],
)
def test_what_became_of_the_finetune_meanwhile_is_told_and_nothing_is_held(
    cast: Cast, settings: Settings, change: Callable[[Finetune], None], status: int, sentence: str
) -> None:
    caller, client = cast.recipient.organization, log_in(cast.recipient.user)
    there = f"/o/{caller.org_id}/playground/"
    client.post(f"{there}references/", {"reference_files": file("a.png", drawn())})
    balance, before = balance_of(caller), kept_files(settings)
    change(cast.granted)
    data = {**FIELDS, "model": str(cast.granted), "count": "8", "references": value_of("a.png")}
    answer = client.post(there, data, headers=HTMX)
    assert (answer.status_code, sentence in answer.content.decode()) == (status, True)
    assert FIELDS["prompt"] in answer.content.decode()
    assert balance_of(caller) == balance
    assert kept_files(settings) == before
    assert not Generation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_batches_that_race_for_the_last_credits_one_is_made_whole(cast: Cast, settings: Settings) -> None:
    clients = [log_in(cast.creator.user) for _ in range(4)]
    lay_in(cast, clients[0], file("a.png"))
    data = {**FIELDS, "count": "8", "references": value_of("a.png")}
    before = balance_of(cast.organization)
    assert clients[0].post(url(cast), data).status_code == 303
    price = before - balance_of(cast.organization)
    Account.objects.filter(organization=cast.organization).update(balance=price + price // 2)
    barrier = Barrier(len(clients))

    def send(client: Client) -> int:
        try:
            barrier.wait()
            return client.post(url(cast), data).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(clients)) as threads:
        statuses = sorted(threads.map(send, clients))
    assert statuses == [303, 402, 402, 402]
    assert balance_of(cast.organization) == price // 2
    assert Generation.objects.count() == 16
    assert len(kept_files(settings)) == 1 + 16
