"""What OpenAI's clients send for an image, and what it is to the endpoint that makes it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import gcd
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from dashboard.bfl.endpoints import BASE_ENDPOINTS, BY_NAME, Endpoint
from dashboard.bfl.inputs import Inputs, Prompt, Text
from dashboard.bfl.schemas import OutputFormat
from dashboard.lib.errors import NotFoundError
from dashboard.organizations.models import Organization
from finetunes.access import resolve_finetune
from playground.inputs import InvalidFieldsError, parse
from playground.services.generating import Job

MAX_IMAGES = 8
SEEDS = 2**64
AUTO = "auto"
SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
BAD_SIZE = "Use auto, or WIDTHxHEIGHT in pixels, 1024x1024 for instance."
NEEDS_FINETUNE = "{} is called with a finetune: send the finetune's ID as model, and it finds its endpoint by itself."
# What the endpoints call what is asked for here under another name.
ASKED_AS = {
    "width": "size",
    "height": "size",
    "aspect_ratio": "size",
    "finetune_strength": "strength",
    "finetune_id": "model",
}


class ImagesRequest(Schema):
    """OpenAI's `CreateImageRequest`. `seed` and `strength` are ours; what is not named here is ignored.

    With several images each has a seed of its own: the next one after that of the image before it.
    """

    model: Text
    prompt: Prompt
    n: int | None = Field(1, ge=1, le=MAX_IMAGES)
    size: str | None = Field(AUTO, json_schema_extra={"pattern": f"^({AUTO}|{SIZE.pattern})$"})
    response_format: str | None = Field("url", pattern="^(url|b64_json)$")
    output_format: OutputFormat | None = Field(OutputFormat.PNG, description="png, as OpenAI's, where it is left out.")
    seed: int | None = Field(None, ge=0, lt=SEEDS)
    strength: float | None = Field(None, ge=0.0, le=2.0)


@dataclass(frozen=True)
class Order:
    """The jobs that a request stands for, all on one endpoint."""

    endpoint: Endpoint
    jobs: list[Job]


def read_order(caller: Organization, asked: ImagesRequest, event: Callable[[int], UUID | None]) -> Order:
    """The jobs, each named by `event` of its number.

    Raises NotFoundError for a model that the caller may not use, InvalidFieldsError for what the model does not take.
    """
    endpoint, inputs = _model_of(caller, asked.model)
    inputs |= {"prompt": asked.prompt, "output_format": asked.output_format or OutputFormat.PNG}
    if "finetune_id" in inputs and asked.strength is not None:
        inputs["finetune_strength"] = asked.strength
    inputs |= _size_of(endpoint, asked.size or AUTO)
    jobs = []
    for number in range(asked.n or 1):
        seed = None if asked.seed is None else (asked.seed + number) % SEEDS
        jobs.append(Job(_parse(endpoint, {**inputs, "seed": seed}), event=event(number)))
    return Order(endpoint, jobs)


def _model_of(caller: Organization, model: str) -> tuple[Endpoint, dict[str, Any]]:
    """The names of endpoints go first: a finetune that is called like one is found by `{org_id}/{name}`."""
    endpoint = BY_NAME.get(model)
    if endpoint in BASE_ENDPOINTS:
        return endpoint, {}
    if endpoint:
        raise NotFoundError(NEEDS_FINETUNE.format(model), field="model")
    try:
        finetune = resolve_finetune(caller, model)
    except NotFoundError as error:
        raise NotFoundError(f"{error.message} GET /v1/models lists what model may be.", field="model") from None
    return finetune.endpoint, {"finetune_id": finetune.id_for(caller)}


def _size_of(endpoint: Endpoint, size: str) -> dict[str, Any]:
    """As sides in pixels, or as a ratio where the endpoint knows no other."""
    if size == AUTO:
        return {}
    match = SIZE.fullmatch(size)
    if match is None:
        raise InvalidFieldsError({"size": BAD_SIZE})
    width, height = int(match[1]), int(match[2])
    if "width" in endpoint.inputs.model_fields:
        return {"width": width, "height": height}
    common = gcd(width, height)
    return {"aspect_ratio": f"{width // common}:{height // common}"}


def _parse(endpoint: Endpoint, data: Mapping[str, Any]) -> Inputs:
    try:
        return parse(endpoint, data)
    except InvalidFieldsError as error:
        raise InvalidFieldsError(
            {ASKED_AS.get(field, field): message for field, message in error.errors.items()}
        ) from None
