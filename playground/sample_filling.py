"""Samples that wait for their generation: they get its image when it is ready, and end when it ended without one."""

import logging
from uuid import UUID

from django.db.models import Exists, OuterRef

from finetunes.models import Sample
from finetunes.services.samples import drop_unmade, fill_sample
from playground.models import Generation, State

log = logging.getLogger(__name__)

BATCH = 100
VANISHED = "The generation is gone."


def attend(generation_id: UUID) -> None:
    """What the end of a generation means for the sample that waits for it, if one does. May run twice."""
    sample = Sample.objects.filter(generation_id=generation_id, image="").select_related("finetune").first()
    if sample is None:
        return
    generation = Generation.objects.filter(pk=generation_id).first()
    if generation is None:
        drop_unmade(generation_id, VANISHED)
    elif generation.state == State.READY:
        _fill(sample, generation)
    elif not generation.is_open:
        drop_unmade(generation_id, generation.explanation)


def sweep() -> None:
    """What a process that died left waiting, or a storage that was away."""
    under_way = Generation.objects.unfinished().filter(pk=OuterRef("generation_id"))
    forgotten = Sample.objects.filter(image="").exclude(Exists(under_way)).order_by("pk")
    for generation_id in forgotten.values_list("generation_id", flat=True)[:BATCH]:
        try:
            attend(generation_id)
        except Exception:  # the others need not wait for this one
            log.exception("the sample of generation %s could not be filled", generation_id)


def _fill(sample: Sample, generation: Generation) -> None:
    try:
        fill_sample(sample, image=str(generation.image), thumbnail=str(generation.thumbnail))
    except FileNotFoundError:
        drop_unmade(generation.pk, VANISHED)
