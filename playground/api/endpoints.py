"""The generation endpoints under /v1, one for each entry of the endpoint table."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from ninja import Router

from dashboard.api.idempotency import event_of
from dashboard.bfl.endpoints import ENDPOINTS, Endpoint
from dashboard.bfl.inputs import Inputs
from dashboard.bfl.openapi import MODELS, told
from dashboard.bfl.prices import megapixels
from dashboard.bfl.schemas import Submission, WebhookSubmission
from dashboard.lib.credits import as_number
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from playground.inputs import input_megapixels
from playground.models import Generation
from playground.services import generating

SUBMITTED = {
    "id": "3f6f1a5e-58c1-4a3b-9a44-0c2f2ab1a5c7",
    "polling_url": f"{settings.BASE_URL}/v1/get_result?id=3f6f1a5e-58c1-4a3b-9a44-0c2f2ab1a5c7",
    "cost": 1.4,
    "input_mp": 0.0,
    "output_mp": 1.0,
}
router = Router(tags=[MODELS])


def _submission(generation: Generation, webhook_url: str | None) -> Submission | WebhookSubmission:
    """`AsyncResponse`; with a webhook, the union that both kinds of client read."""
    body: dict[str, Any] = {
        "id": str(generation.id),
        "polling_url": f"{settings.BASE_URL}/v1/get_result?id={generation.id}",
    }
    if generation.endpoint.tells_cost:
        sizes = [reference.get("size") for reference in generation.references]
        body |= {
            "cost": as_number(generation.cost),
            "input_mp": input_megapixels(sizes),
            "output_mp": megapixels(generation.width, generation.height),
        }
    return WebhookSubmission(webhook_url=webhook_url, **body) if webhook_url else Submission(**body)


def _endpoint_view(endpoint: Endpoint) -> Callable[[ApiRequest, Any], Submission | WebhookSubmission]:
    schema = endpoint.inputs

    def submit(request: ApiRequest, inputs: schema) -> Submission | WebhookSubmission:  # type: ignore[valid-type]
        accepted: Inputs = inputs
        key = request.auth
        event = event_of(request)
        generation = generating.generate(key.organization, endpoint, accepted, api_key=key, event=event)
        return _submission(generation, accepted.webhook_url)

    submit.__doc__ = f"Queues one image on {endpoint.name}; poll `polling_url` for it."
    return submit


def _told(endpoint: Endpoint) -> dict[str, Any]:
    refusals = (400, 402, 404, 409, 503) if endpoint.takes_finetune else (402, 503)
    example = {"prompt": "nordic light style, a harbour at dawn", "seed": 42}
    if endpoint.takes_finetune:
        example |= {"finetune_id": "nordic-light", "finetune_strength": 0.9}
    if "image" in endpoint.inputs.image_fields:
        example |= {"image": "https://example.com/harbour.png", "mask": "https://example.com/sky.png"}
    return told(*refusals, sent=example, got=SUBMITTED)


for _endpoint in ENDPOINTS:
    _declare = router.post(
        f"/{_endpoint.name}",
        response=Submission | WebhookSubmission,
        auth=keys_that_may(Scope.GENERATE),
        url_name=_endpoint.name,
        summary=_endpoint.summary,
        openapi_extra=_told(_endpoint),
    )
    _declare(_endpoint_view(_endpoint))
