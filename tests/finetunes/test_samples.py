"""Samples: copies of images that outlive the generation, twelve at most, and who sees and changes them."""

import threading
from decimal import Decimal
from typing import TypedDict
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from dashboard.lib.errors import DashboardError, InvalidInputError, NotFoundError
from dashboard.organizations.models import Organization
from finetunes.models import Finetune, Sample
from finetunes.samples import files as sample_files
from finetunes.samples import notes
from finetunes.services import samples
from finetunes.services.catalog import delete_finetune
from finetunes.services.samples import MAX_SAMPLES, Origin, add_sample, begin_pair, fill_sample
from tests.buckets import Bucket
from tests.conftest import Cast, log_in, read_file
from tests.factories import make_finetune, make_organization

HTMX = {"HX-Request": "true"}
PAUSE_SECONDS = 0.5


def origin(strength: str = "1", prompt: str = "TOK in the rain") -> Origin:
    return Origin(uuid4(), prompt, Decimal(strength), "7", 64, 64)


class Kept(TypedDict):
    image: str
    thumbnail: str


def keep_image() -> Kept:
    """As a generation keeps them."""
    return {
        "image": default_storage.save("generations/x.png", ContentFile(b"png")),
        "thumbnail": default_storage.save("generations/x.thumbnail.webp", ContentFile(b"webp")),
    }


def add(finetune: Finetune, strength: str = "1") -> Sample:
    return add_sample(finetune, origin(strength), **keep_image())


def files() -> list[str]:
    folders = default_storage.listdir("samples")[0] if default_storage.exists("samples") else []
    return [name for folder in folders for name in default_storage.listdir(f"samples/{folder}")[1]]


def url(name: str, finetune: Finetune, viewer: Organization, *more: int) -> str:
    return reverse(name, args=[viewer.org_id, finetune.id_for(viewer), *more])


def cover_of(finetune: Finetune) -> Sample | None:
    return Finetune.objects.get(pk=finetune.pk).cover


def test_sample_is_a_copy_and_the_first_one_the_cover(cast: Cast) -> None:
    kept = keep_image()
    sample = add_sample(cast.finetune, origin(), **kept, created_by=cast.owner.user)
    second = add(cast.finetune)
    default_storage.delete(kept["image"])
    default_storage.delete(kept["thumbnail"])
    for file_name, content in ((sample.image, b"png"), (sample.thumbnail, b"webp")):
        with default_storage.open(str(file_name)) as file:
            assert file.read() == content
    assert (cover_of(cast.finetune), second.is_ready) == (sample, True)


def test_refused_sample_leaves_no_file(cast: Cast) -> None:
    asked = origin()
    add_sample(cast.finetune, asked, **keep_image())
    with pytest.raises(InvalidInputError, match="is a sample of ink-portrait already"):
        add_sample(cast.finetune, asked, **keep_image())
    fill_up(cast.finetune)
    with pytest.raises(InvalidInputError, match="has 12 samples, and 12 is the most"):
        add(cast.finetune)
    assert len(files()) == 2


def fill_up(finetune: Finetune) -> None:
    missing = MAX_SAMPLES - finetune.samples.count()
    rows = [
        Sample(finetune=finetune, generation_id=uuid4(), prompt="x", strength=1, width=64, height=64, image="x.png")
        for _ in range(missing)
    ]
    Sample.objects.bulk_create(rows)


def test_file_that_was_copied_for_nothing_goes(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last place is taken between the look and the lock."""
    real = sample_files.copy

    def copy_and_lose(*given: object) -> tuple[str, str]:
        copies = real(*given)  # type: ignore[arg-type]
        fill_up(cast.finetune)
        return copies

    monkeypatch.setattr(sample_files, "copy", copy_and_lose)
    with pytest.raises(InvalidInputError):
        add(cast.finetune)
    assert files() == []


def test_half_a_copy_goes(cast: Cast) -> None:
    kept = keep_image()
    default_storage.delete(kept["thumbnail"])
    with pytest.raises(NotFoundError):
        add_sample(cast.finetune, origin(), **kept)
    assert files() == []


@pytest.mark.django_db(transaction=True)
def test_twelve_at_most_however_many_come_at_once(cast: Cast) -> None:
    fill_up(cast.finetune)
    Sample.objects.filter(pk__in=[sample.pk for sample in Sample.objects.all()[:2]]).delete()
    kept, refused = keep_image(), []

    def run() -> None:
        try:
            add_sample(cast.finetune, origin(), **kept)
        except DashboardError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Sample.objects.count(), len(refused), len(files())) == (MAX_SAMPLES, 4, 4)


def test_removed_cover_is_followed_by_the_next_and_its_files_go(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    first, base, second = add(cast.finetune), add(cast.finetune, "0"), add(cast.finetune)
    with django_capture_on_commit_callbacks(execute=True):
        assert samples.remove_sample(first)
    assert not samples.remove_sample(first)
    assert cover_of(cast.finetune) == second  # and not what the base model made alone
    assert len(files()) == 4
    assert samples.make_cover(base)
    assert not samples.make_cover(base)
    assert cover_of(cast.finetune) == base


def test_deleted_finetune_takes_the_files_of_its_samples_along(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    add(cast.finetune)
    kept = add(cast.granted)
    with django_capture_on_commit_callbacks(execute=True):
        delete_finetune(cast.finetune)
    assert sorted(files()) == sorted(str(name).rpartition("/")[2] for name in (kept.image, kept.thumbnail))


def test_pair_waits_for_its_images_and_the_one_of_strength_1_becomes_the_cover(cast: Cast) -> None:
    base, tuned = begin_pair(cast.finetune, [origin("0"), origin("1")], created_by=None)
    assert base.pair == tuned.pair
    with pytest.raises(InvalidInputError, match="being made"):
        begin_pair(cast.finetune, [origin("0"), origin("1")], created_by=None)
    assert not samples.make_cover(tuned)
    assert fill_sample(base, **keep_image())
    assert cover_of(cast.finetune) is None
    assert fill_sample(tuned, **keep_image())
    assert not fill_sample(tuned, **keep_image())
    assert cover_of(cast.finetune) == tuned
    assert len(files()) == 4


def test_image_that_comes_for_a_deleted_finetune_leaves_nothing(cast: Cast) -> None:
    waiting = begin_pair(cast.finetune, [origin()], created_by=None)[0]
    delete_finetune(Finetune.objects.get(pk=cast.finetune.pk))
    assert not fill_sample(waiting, **keep_image())
    assert files() == []


def test_one_that_is_not_made_ends_its_pair_and_says_why(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    base, tuned = begin_pair(cast.finetune, [origin("0"), origin("1")], created_by=None)
    other = begin_pair(cast.granted, [origin("0"), origin("1")], created_by=None)
    with django_capture_on_commit_callbacks(execute=True):
        assert samples.drop_unmade(tuned.generation_id, "The prompt was blocked.")
    assert not samples.drop_unmade(base.generation_id, "Again.")
    assert list(Sample.objects.all()) == other
    tab = url("finetune-samples", cast.finetune, cast.organization)
    assert "The prompt was blocked. Not charged." in page(log_in(cast.developer.user), tab)
    assert "The prompt was blocked." not in page(log_in(cast.viewer.user), tab)


def test_one_that_is_filled_while_its_pair_ends_stays_with_its_files(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    finetune = make_finetune(make_organization("Atelier"), "linocut")
    with transaction.atomic():
        base, tuned = begin_pair(finetune, [origin("0"), origin("1")], created_by=None)

    def drop() -> None:
        try:
            samples.drop_unmade(base.generation_id, "The prompt was blocked.")
        finally:
            connection.close()

    other, take_cover = threading.Thread(target=drop), samples._take_cover

    def pause(sample: Sample) -> None:
        take_cover(sample)
        other.start()
        other.join(PAUSE_SECONDS)  # it waits for the finetune's row, or on SQLite for the database

    monkeypatch.setattr(samples, "_take_cover", pause)
    assert fill_sample(tuned, **keep_image())
    other.join(30)
    assert (Sample.objects.get(), cover_of(finetune)) == (tuned, tuned)
    assert len(files()) == 2


def page(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_tab_asks_again_while_images_are_made_and_then_no_more(cast: Cast) -> None:
    base, tuned = begin_pair(cast.finetune, [origin("0"), origin("1")], created_by=None)
    owner, tab = log_in(cast.owner.user), url("finetune-samples", cast.finetune, cast.organization)
    making = page(owner, tab)
    assert 'hx-trigger="load delay:1s"' in making
    assert making.count("Being made…") == 2
    assert "Look again" in making
    for sample in (base, tuned):
        fill_sample(sample, **keep_image())
    made = page(owner, f"{tab}?waiting=1", **HTMX)
    assert "hx-trigger" not in made
    assert "The samples are ready." in made
    assert made.index("(base model)") < made.index("Strength 1")


def test_recipient_sees_ready_samples_and_no_button(cast: Cast) -> None:
    sample = add(cast.granted)
    begin_pair(cast.granted, [origin("0", "secret scene"), origin("1", "secret scene")], created_by=None)
    viewer = cast.recipient.organization
    recipient = log_in(cast.recipient.user)
    html = page(recipient, url("finetune-samples", cast.granted, viewer))
    assert url("sample-thumbnail", cast.granted, viewer, sample.pk) in html
    assert 'alt="TOK in the rain"' in html
    assert "secret scene" not in html
    assert not [word for word in ("Remove", "Use as cover", "Make samples", "owner@example.com") if word in html]


def test_image_is_sent_to_everyone_who_sees_the_finetune_and_to_nobody_else(cast: Cast) -> None:
    sample = add(cast.granted)
    path = url("sample-image", cast.granted, cast.recipient.organization, sample.pk)
    response = log_in(cast.recipient.user).get(path)
    assert read_file(response) == b"png"
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert response["Cache-Control"].startswith("private")
    outsider = cast.outsider.organization
    assert log_in(cast.outsider.user).get(url("sample-image", cast.granted, outsider, sample.pk)).status_code == 404
    # Not by way of a finetune that one sees, either.
    own = add(cast.finetune)
    assert log_in(cast.recipient.user).get(path.replace(f"/{sample.pk}/", f"/{own.pk}/")).status_code == 404


def test_image_that_is_still_made_or_missing_is_not_found(cast: Cast) -> None:
    waiting = begin_pair(cast.finetune, [origin()], created_by=None)[0]
    owner = log_in(cast.owner.user)
    assert owner.get(url("sample-image", cast.finetune, cast.organization, waiting.pk)).status_code == 404
    ready = add(cast.finetune)
    default_storage.delete(str(ready.image))
    assert owner.get(url("sample-image", cast.finetune, cast.organization, ready.pk)).status_code == 404


def test_buttons_change_the_cover_and_remove(cast: Cast) -> None:
    first, second = add(cast.finetune), add(cast.finetune)
    developer = log_in(cast.developer.user)
    developer.post(url("sample-cover", cast.finetune, cast.organization, second.pk))
    assert cover_of(cast.finetune) == second
    answer = developer.post(url("sample-remove", cast.finetune, cast.organization, first.pk), headers=HTMX)
    assert "finetune-changed" in answer["HX-Trigger"]
    assert list(cast.finetune.samples.all()) == [second]


def test_tab_reads_as_much_for_twelve_as_for_one(cast: Cast) -> None:
    owner, tab = log_in(cast.owner.user), url("finetune-samples", cast.finetune, cast.organization)
    add(cast.finetune)
    page(owner, tab)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page(owner, tab)
        counts.append(len(queries))
        fill_up(cast.finetune)
    assert counts[0] == counts[1]


def test_reason_is_forgotten_when_others_are_asked_for(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    notes.note_failure(cast.finetune.pk, "It failed.")
    with django_capture_on_commit_callbacks(execute=True):
        begin_pair(cast.finetune, [origin("0"), origin("1")], created_by=None)
    assert notes.find_failure(cast.finetune) == ""


def test_sample_is_copied_within_a_bucket(cast: Cast, bucket: Bucket) -> None:
    sample = add(cast.finetune)
    assert {str(sample.image), str(sample.thumbnail)} <= bucket.names()
    response = log_in(cast.viewer.user).get(url("sample-image", cast.finetune, cast.organization, sample.pk))
    assert read_file(response) == b"png"
