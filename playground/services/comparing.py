"""What a result is compared with: the image of the base model alone, by the same seed at strength 0."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from dashboard.bfl.inputs import Inputs
from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations.models import User
from finetunes.services import uses
from playground.inputs import cost_of, keep, parse, strength_of
from playground.models import FAILED_STATES, Generation, State
from playground.references import stored
from playground.reuse import finetune_id_of
from playground.services import generating

NO_BASE = "Only an image that is ready, made with a finetune above strength 0, is compared against its base model."
LABELS = {
    "finetune": "Finetune",
    "version": "Version",
    "prompt": "Prompt",
    "strength": "Strength",
    "seed": "Seed",
    "size": "Size",
    "endpoint": "Endpoint",
    "cost": "Credits",
}
# Images of one seed at strength 0, among which the same one is looked for.
LOOKED_THROUGH = 10
NO_INPUTS = "A reference image of this result is no longer kept, so it can't be made again."


@dataclass(frozen=True)
class Difference:
    """One parameter of two results."""

    label: str
    a: str
    b: str

    @property
    def differs(self) -> bool:
        return self.a != self.b


def differences(a: Generation, b: Generation) -> list[Difference]:
    """Every parameter of both, beginning with those that differ."""
    ours, theirs = _facts(a), _facts(b)
    rows = [Difference(label, ours[name], theirs[name]) for name, label in LABELS.items()]
    return sorted(rows, key=lambda row: not row.differs)


def _facts(generation: Generation) -> dict[str, str]:
    return {
        "finetune": generation.finetune_id_sent or "none",
        "version": str(generation.finetune_version or "none"),
        "prompt": generation.prompt,
        "strength": f"{strength_of(generation.inputs):g}" if generation.finetune_id_sent else "none",
        "seed": generation.seed or str(generation.inputs.get("seed", "not drawn yet")),
        "size": f"{generation.width} × {generation.height}",
        "endpoint": generation.endpoint_name,
        "cost": generation.cost_text if generation.is_open or generation.image else "not charged",
    }


def has_base(generation: Generation) -> bool:
    """Whether an image against the base would differ: one of a finetune, made above strength 0."""
    is_made = generation.state == State.READY and bool(generation.finetune_id_sent)
    return is_made and generation.finetune_id is not None and strength_of(generation.inputs) > 0


def base_cost(generation: Generation) -> int:
    """Millicredits of the image to compare with, by today's prices."""
    return cost_of(generation.endpoint, (generation.width, generation.height), len(generation.references))


def make_base(generation: Generation, *, asked_by: User) -> Generation:
    """The same image at strength 0, asked for unless it was before.

    Raises InvalidInputError, and what `generating.generate` raises.
    """
    if not has_base(generation):
        raise InvalidInputError(NO_BASE)
    try:
        images = stored.as_sent(generation.references)
    except FileNotFoundError:
        raise InvalidInputError(NO_INPUTS) from None
    asked: dict[str, Any] = {**generation.inputs, **images, "finetune_id": finetune_id_of(generation)}
    asked |= {"finetune_strength": 0.0, "seed": generation.seed or None}
    return _once(generation, parse(generation.endpoint, asked), images, asked_by)


@transaction.atomic
def _once(generation: Generation, inputs: Inputs, images: dict[str, str], asked_by: User) -> Generation:
    """Who asks twice pays once, also where both ask in the same moment: the second finds what the first asked for."""
    assert generation.finetune_id is not None  # `has_base` saw to it
    uses.hold(generation.finetune_id)
    held = Generation.objects.select_for_update(of=("self",)).filter(pk=generation.pk)
    if not held.values_list("pk").first():
        raise NotFoundError("This generation was just deleted.")
    made = _made_before(generation, keep(inputs), images)
    return made or generating.generate(generation.organization, generation.endpoint, inputs, user=asked_by)


def _made_before(generation: Generation, kept: dict[str, Any], images: dict[str, str]) -> Generation | None:
    """The newest of this finetune with the same inputs and reference images that is ready or being made."""
    later = Generation.objects.of_caller(generation.organization).filter(
        finetune=generation.finetune_id,
        endpoint_name=generation.endpoint_name,
        created_at__gte=generation.created_at,
        inputs__finetune_strength=0.0,
        inputs__seed=kept.get("seed"),
    )
    for found in later.exclude(state__in=FAILED_STATES).order_by("-created_at")[:LOOKED_THROUGH]:
        if found.inputs == kept and _sends(found, images):
            return found
    return None


def _sends(generation: Generation, images: dict[str, str]) -> bool:
    try:
        return stored.as_sent(generation.references) == images
    except FileNotFoundError:
        return False
