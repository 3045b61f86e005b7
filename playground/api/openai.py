"""OpenAI's way in, for LiteLLM, Open WebUI and others that speak it alone: images made while the client waits."""

import base64
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from ninja import Router, Schema, Status
from ninja.decorators import decorate_view

from dashboard.api.idempotency import event_of
from dashboard.api.openai import in_openai_form
from dashboard.bfl.endpoints import BASE_ENDPOINTS
from dashboard.bfl.errors import error_body
from dashboard.bfl.openapi import OPENAI, told
from dashboard.lib.errors import DashboardError
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from finetunes.queries import directory
from playground.api.openai_requests import ImagesRequest, read_order
from playground.models import Generation, State
from playground.results import result_of
from playground.services import generating, waiting

router = Router(tags=[OPENAI])
OWNER_OF_BASE_MODELS = "black-forest-labs"
# When they came is not known here; clients want a number.
CREATED = 0
MODERATED = (State.REQUEST_MODERATED, State.CONTENT_MODERATED)


class ModeratedError(DashboardError):
    """Every image was moderated."""

    code = "moderation_blocked"
    status = 400


class FailedError(DashboardError):
    """No image came out, and trying again at once is of no use."""

    code = "generation_failed"
    status = 502


class ImageOut(Schema):
    """`id` and `seed` are ours: what get_result takes, and what makes the image again."""

    url: str | None = None
    b64_json: str | None = None
    id: str
    seed: int


class ImagesOut(Schema):
    created: int
    data: list[ImageOut]


class LateOut(Schema):
    """What is not there in time, and where it will be."""

    detail: str
    message: str
    task_ids: list[str]


class ModelOut(Schema):
    id: str
    object: str = "model"
    created: int
    owned_by: str


class ModelsOut(Schema):
    object: str = "list"
    data: list[ModelOut]


@router.post(
    "/images/generations",
    response={200: ImagesOut, 504: LateOut},
    auth=keys_that_may(Scope.GENERATE),
    url_name="images_generations",
    exclude_none=True,
    summary="Make images, and wait for them",
    openapi_extra=told(
        400, 402, 404, 502, 503, sent={"model": "nordic-light", "prompt": "nordic light style, a harbour at dawn"}
    ),
)
@decorate_view(in_openai_form)
def create_images(request: ApiRequest, asked: ImagesRequest) -> ImagesOut | Status[dict[str, Any]]:
    """Makes up to eight images and answers when they are there, or with 504 and their ids when that takes too long.

    All are held for or none. Of several, those that became Ready are given, and the others are not charged. With an
    Idempotency-Key a request that came too late may be sent again: it waits for the same images.
    """
    key = request.auth
    order = read_order(key.organization, asked, partial(event_of, request))
    with waiting.PLACES.take(key.organization_id):
        queued = generating.generate_all(key.organization, order.endpoint, order.jobs, api_key=key)
        try:
            ended = waiting.wait_for(queued)
        except waiting.StillOpenError as late:
            return Status(late.status, {**error_body(late.message), "task_ids": late.ids})
    encode = asked.response_format == "b64_json"
    return ImagesOut(created=int(time.time()), data=[_image(each, encode) for each in _ready(ended)])


@router.get(
    "/models",
    response=ModelsOut,
    auth=keys_that_may(Scope.READ),
    url_name="models",
    summary="What the key may send as model",
)
@decorate_view(in_openai_form)
def list_models(request: ApiRequest) -> ModelsOut:
    """What the key may send as `model`: the base models, then every finetune_id, as in my_finetunes."""
    models = [ModelOut(id=each.name, created=CREATED, owned_by=OWNER_OF_BASE_MODELS) for each in BASE_ENDPOINTS]
    for each in directory.list_callable(request.auth.organization):
        created = int(each.created_at.timestamp())
        models.append(ModelOut(id=each.finetune_id, created=created, owned_by=each.owner_org_id))
    return ModelsOut(data=models)


def _ready(ended: Sequence[Generation]) -> list[Generation]:
    """Raises ModeratedError or FailedError where there is none."""
    ready = [each for each in ended if each.state == State.READY]
    if not ready:
        told = "; ".join(dict.fromkeys(each.explanation for each in ended))
        moderated = ended and all(each.state in MODERATED for each in ended)
        raise (ModeratedError if moderated else FailedError)(f"{told or 'The image is gone.'} Nothing was charged.")
    return ready


def _image(generation: Generation, encode: bool) -> ImageOut:
    image = ImageOut(id=str(generation.pk), seed=int(generation.seed or 0))
    if encode:
        with generation.image.open() as file:
            image.b64_json = base64.b64encode(file.read()).decode()
    else:
        found = result_of(generation).result
        assert found  # it is Ready
        image.url = found["sample"]
    return image
