"""The generation endpoints under /v1, one for each entry of the endpoint table."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from ninja import Router

from dashboard.bfl.endpoints import ENDPOINTS, Endpoint
from dashboard.bfl.inputs import Inputs
from dashboard.bfl.prices import megapixels
from dashboard.bfl.schemas import Submission, WebhookSubmission
from dashboard.lib.credits import as_number
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from playground.inputs import input_megapixels
from playground.models import Generation
from playground.services import generating

router = Router()


def _submission(generation: Generation) -> Submission | WebhookSubmission:
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
    return Submission(**body)


def _endpoint_view(endpoint: Endpoint) -> Callable[[ApiRequest, Any], Submission | WebhookSubmission]:
    schema = endpoint.inputs

    def submit(request: ApiRequest, inputs: schema) -> Submission | WebhookSubmission:  # type: ignore[valid-type]
        accepted: Inputs = inputs
        key = request.auth
        return _submission(generating.generate(key.organization, endpoint, accepted, api_key=key))

    submit.__doc__ = f"Queues one image on {endpoint.name}; poll `polling_url` for it."
    return submit


for _endpoint in ENDPOINTS:
    _declare = router.post(
        f"/{_endpoint.name}",
        response=Submission | WebhookSubmission,
        auth=keys_that_may(Scope.GENERATE),
        url_name=_endpoint.name,
    )
    _declare(_endpoint_view(_endpoint))
