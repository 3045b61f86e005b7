"""Commands on samples: add one, have a pair made, choose the cover, remove one."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations.models import User
from finetunes.models import Finetune, Sample
from finetunes.samples import files, notes

MAX_SAMPLES = 12
PAIR = 2
FULL = "{name} has {count} samples, and {most} is the most. Remove one first."
IN_USE = "This image is a sample of {name} already."
BEING_MADE = "Samples of {name} are being made. Wait until they are here."
GONE = "The image is gone."


@dataclass(frozen=True)
class Origin:
    """The generation that an image comes from, and what it was asked for."""

    generation_id: UUID
    prompt: str
    strength: Decimal
    seed: str
    width: int
    height: int


def add_sample(
    finetune: Finetune, origin: Origin, *, image: str, thumbnail: str, created_by: User | None = None
) -> Sample:
    """Shows a copy of the stored image; the first one becomes the cover. Call it outside of a transaction.

    Raises InvalidInputError where there are enough, or it is a sample already; NotFoundError where the finetune or
    the image is gone.
    """
    _check_room(finetune, 1)
    _check_new(finetune, origin)
    try:
        copies = files.copy(finetune, image, thumbnail)
    except FileNotFoundError:
        raise NotFoundError(GONE) from None
    try:
        return _insert(finetune, origin, copies, created_by)
    except BaseException:
        files.remove(copies)
        raise


def begin_pair(finetune: Finetune, origins: Sequence[Origin], *, created_by: User | None) -> list[Sample]:
    """Places for images that are being made, side by side. Call it in the transaction that asks for them.

    Raises InvalidInputError where there are too many samples, or others are being made; NotFoundError where the
    finetune is gone.
    """
    _lock(finetune)
    check_pair(finetune)
    pair = uuid4()
    samples = [_build(finetune, origin, created_by, pair=pair) for origin in origins]
    transaction.on_commit(partial(notes.forget_failure, finetune.pk), robust=True)
    return Sample.objects.bulk_create(samples)


def check_pair(finetune: Finetune) -> None:
    """What `begin_pair` refuses, for a look before."""
    _check_room(finetune, PAIR)
    if Sample.objects.filter(finetune=finetune, image="").exists():
        raise InvalidInputError(BEING_MADE.format(name=finetune.name))


def fill_sample(sample: Sample, *, image: str, thumbnail: str) -> bool:
    """Gives the sample its files. Whether this call did it. Call it outside of a transaction.

    Raises FileNotFoundError where the image is gone, and what the storage raises.
    """
    copies = files.copy(sample.finetune, image, thumbnail)
    try:
        is_filled = _fill(sample, copies)
    except BaseException:
        files.remove(copies)
        raise
    if not is_filled:
        files.remove(copies)
    return is_filled


@transaction.atomic
def drop_unmade(generation_id: UUID, reason: str) -> bool:
    """Ends what waits for this generation, and for the other of its pair. Whether there was something."""
    sample = Sample.objects.filter(generation_id=generation_id, image="").first()
    if sample is None:
        return False
    # The lock, so that the other is not being filled between the look and the deletion: its files would be nobody's.
    list(Finetune.objects.select_for_update(no_key=True).filter(pk=sample.finetune_id))
    mates = Sample.objects.filter(finetune=sample.finetune_id, image="")
    together = mates.filter(pair=sample.pair) if sample.pair else mates.filter(pk=sample.pk)
    if not together.delete()[0]:
        return False
    transaction.on_commit(partial(notes.note_failure, sample.finetune_id, reason), robust=True)
    return True


@transaction.atomic
def make_cover(sample: Sample) -> bool:
    """Whether this call did it. One that is still being made is none."""
    _lock(sample.finetune)
    if not Sample.objects.filter(pk=sample.pk).exclude(image="").exists():
        return False
    others = Finetune.objects.filter(pk=sample.finetune_id).exclude(cover=sample)
    return others.update(cover=sample, updated_at=timezone.now()) == 1


@transaction.atomic
def remove_sample(sample: Sample) -> bool:
    """Whether this call did it. The next one becomes the cover where this was it; files go on commit."""
    finetune = _lock(sample.finetune)
    row = Sample.objects.filter(pk=sample.pk).first()
    if row is None:
        return False
    was_cover = finetune.cover_id == row.pk
    row.delete()
    if was_cover:
        following = Sample.objects.filter(finetune=finetune).exclude(image="").order_by("-strength", "created_at", "pk")
        Finetune.objects.filter(pk=finetune.pk).update(cover=following.first())
    names = [str(name) for name in (row.image, row.thumbnail) if name]
    transaction.on_commit(partial(files.remove, names), robust=True)
    return True


@transaction.atomic
def _insert(finetune: Finetune, origin: Origin, copies: tuple[str, str], created_by: User | None) -> Sample:
    current = _lock(finetune)
    _check_room(current, 1)
    _check_new(current, origin)
    sample = _build(current, origin, created_by)
    sample.image.name, sample.thumbnail.name = copies
    sample.save(force_insert=True)
    _take_cover(sample)
    return sample


@transaction.atomic
def _fill(sample: Sample, copies: tuple[str, str]) -> bool:
    image, thumbnail = copies
    # The lock, so that a deletion finds the files of every sample: before it none, or both.
    if Finetune.objects.select_for_update(no_key=True).filter(pk=sample.finetune_id).first() is None:
        return False
    waiting = Sample.objects.filter(pk=sample.pk, image="")
    if waiting.update(image=image, thumbnail=thumbnail) != 1:
        return False
    if sample.strength:  # what the base model makes alone shows nothing of the finetune
        _take_cover(sample)
    return True


def _take_cover(sample: Sample) -> None:
    Finetune.objects.filter(pk=sample.finetune_id, cover=None).update(cover=sample)


def _lock(finetune: Finetune) -> Finetune:
    """Its row: samples are counted and join under it. Rows that only refer to it are not held up."""
    live = Finetune.objects.owned_by(finetune.organization)
    current = live.select_for_update(no_key=True).filter(pk=finetune.pk).first()
    if current is None:
        raise NotFoundError(f"{finetune.name} was deleted meanwhile.")
    return current


def _check_room(finetune: Finetune, more: int) -> None:
    count = Sample.objects.filter(finetune=finetune).count()
    if count + more > MAX_SAMPLES:
        raise InvalidInputError(FULL.format(name=finetune.name, count=count, most=MAX_SAMPLES))


def _check_new(finetune: Finetune, origin: Origin) -> None:
    if Sample.objects.filter(finetune=finetune, generation_id=origin.generation_id).exists():
        raise InvalidInputError(IN_USE.format(name=finetune.name))


def _build(finetune: Finetune, origin: Origin, created_by: User | None, *, pair: UUID | None = None) -> Sample:
    return Sample(
        finetune=finetune,
        prompt=origin.prompt,
        strength=origin.strength,
        seed=origin.seed,
        width=origin.width,
        height=origin.height,
        pair=pair,
        generation_id=origin.generation_id,
        created_by=created_by,
    )
