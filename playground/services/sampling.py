"""Commands that make samples of a finetune out of generations of its owner."""

import secrets
from decimal import Decimal

from django.db import transaction

from dashboard.billing.services import InsufficientCreditsError
from dashboard.lib.credits import as_text
from dashboard.lib.errors import ForbiddenError, InvalidInputError
from dashboard.organizations.models import User
from finetunes.models import Finetune, Sample
from finetunes.services.samples import Origin, add_sample, begin_pair, check_pair
from playground.inputs import cost_of, parse, strength_of
from playground.models import Generation, State
from playground.services import generating

# The same seed without the LoRA and with it.
STRENGTHS = (0.0, 1.0)
SIZE = (1024, 1024)
SEEDS = 2**31
SCENE = "a lighthouse on a cliff at dusk"
NOT_OURS = "This image was made with a finetune of another organization: its owner alone chooses its samples."
NOT_READY = "This generation has no image that could be a sample."
TOO_LITTLE = "Insufficient credits: the two images cost {}. Ask the operator of this server to add credits."


def use_as_sample(generation: Generation, *, created_by: User) -> Sample:
    """Shows the image on the finetune's page. Raises what `add_sample` raises.

    Raises ForbiddenError for a generation with another organization's finetune, InvalidInputError for one without an
    image.
    """
    finetune = generation.finetune
    if finetune is None or finetune.organization_id != generation.organization_id:
        raise ForbiddenError(NOT_OURS)
    if generation.state != State.READY:
        raise InvalidInputError(NOT_READY)
    return add_sample(
        finetune,
        _origin_of(generation),
        image=str(generation.image),
        thumbnail=str(generation.thumbnail),
        created_by=created_by,
    )


def make_samples(finetune: Finetune, *, prompt: str, seed: int, created_by: User) -> list[Sample]:
    """Asks for a pair of images, which become samples when they are ready. Both are paid for, or neither.

    Raises what `generating.generate` and `begin_pair` raise.
    """
    check_pair(finetune)
    try:
        with transaction.atomic():
            made = [_generate(finetune, prompt, seed, strength, created_by) for strength in STRENGTHS]
            return begin_pair(finetune, [_origin_of(each) for each in made], created_by=created_by)
    except InsufficientCreditsError:
        raise InsufficientCreditsError(TOO_LITTLE.format(as_text(price_of_pair(finetune)))) from None


def price_of_pair(finetune: Finetune) -> int:
    """In millicredits."""
    return cost_of(finetune.endpoint, SIZE, 0) * len(STRENGTHS)


def propose_prompt(finetune: Finetune) -> str:
    if finetune.example_prompts:
        return str(finetune.example_prompts[0])
    return f"{finetune.trigger_phrase}, {SCENE}" if finetune.trigger_phrase else SCENE


def draw_seed() -> int:
    return secrets.randbelow(SEEDS)


def _generate(finetune: Finetune, prompt: str, seed: int, strength: float, user: User) -> Generation:
    width, height = SIZE
    given = {"finetune_id": finetune.name, "prompt": prompt, "seed": seed, "width": width, "height": height}
    inputs = parse(finetune.endpoint, {**given, "finetune_strength": strength})
    return generating.generate(finetune.organization, finetune.endpoint, inputs, user=user)


def _origin_of(generation: Generation) -> Origin:
    return Origin(
        generation_id=generation.pk,
        prompt=generation.prompt,
        strength=Decimal(str(round(strength_of(generation.inputs), 2))),
        seed=generation.seed or str(generation.inputs.get("seed", "")),
        width=generation.width,
        height=generation.height,
    )
