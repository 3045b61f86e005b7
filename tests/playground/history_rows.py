"""Generations for tests of the history: made at once, with small files, at a time of one's choosing."""

from datetime import datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from dashboard.organizations.models import Organization
from playground.models import OPEN_STATES, Generation, State


def make_generation(organization: Organization, prompt: str = "a pier", **fields: Any) -> Generation:
    """Ready, with an image, a thumbnail and a reference image, unless told otherwise; `age` says how long ago."""
    age: timedelta = fields.pop("age", timedelta())
    created_at: datetime = fields.pop("created_at", timezone.now() - age)
    state = fields.setdefault("state", State.READY)
    defaults: dict[str, Any] = {
        "endpoint_name": "flux-2-klein-4b-finetuned", "finetune_id_sent": "ink-portrait", "inputs": {"prompt": prompt},
        "width": 64, "height": 64, "cost": 1400, "due_at": timezone.now(), "seed": "1",
        "finished_at": None if state in OPEN_STATES else timezone.now(),
    }  # fmt: skip
    generation = Generation(organization=organization, **{**defaults, **fields})
    if state == State.READY:
        generation.image.save(f"{generation.id}.png", ContentFile(b"image of " + prompt.encode()), save=False)
        generation.thumbnail.save(f"{generation.id}.webp", ContentFile(b"thumbnail"), save=False)
        generation.references = [{"field": "input_image", "file": keep_reference(generation)}]
    generation.save(force_insert=True)
    Generation.objects.filter(pk=generation.pk).update(created_at=created_at)
    generation.refresh_from_db()
    return generation


def keep_reference(generation: Generation) -> str:
    return generation.image.storage.save(f"references/{generation.id}.png", ContentFile(b"reference"))


def files_of(generation: Generation) -> list[str]:
    return [str(generation.image), str(generation.thumbnail), generation.references[0]["file"]]
