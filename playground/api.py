"""The generation endpoints under /v1, one for each entry of the endpoint table, and get_result."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from ninja import Router

from dashboard.bfl.endpoints import ENDPOINTS, Endpoint
from dashboard.bfl.inputs import Inputs
from dashboard.bfl.prices import megapixels
from dashboard.bfl.schemas import Result, Status, Submission, WebhookSubmission
from dashboard.bfl.signatures import sign_path
from dashboard.lib.credits import as_number
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from playground import queries
from playground.inputs import input_megapixels
from playground.models import Generation
from playground.results import sample_path
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


@router.get("/get_result", response=Result, auth=None, url_name="get_result")
def get_result(request: ApiRequest, id: str) -> Result:
    """Where a generation stands. No key is asked for: ids are unguessable. Unknown ids are 200 "Task not found"."""
    first = request.GET.getlist("id")[0]  # some clients append the id once more; the first one counts
    generation = _find(first)
    if generation is None:
        return Result(id=first, status=Status.NOT_FOUND)
    result = _sample(generation) if generation.status is Status.READY else None
    return Result(id=first, status=generation.status, result=result, details=generation.details)


def _find(text: str) -> Generation | None:
    try:
        return queries.find_generation(UUID(text))
    except ValueError:
        return None


def _sample(generation: Generation) -> dict[str, Any]:
    assert generation.submitted_at  # a constraint of every Ready generation's way there
    ended = generation.ready_at or generation.finished_at
    assert ended  # and so is this
    path = sign_path(settings.SECRET_KEY, sample_path(generation))
    return generation.endpoint.sample.made(
        sample=f"{settings.BASE_URL}{path}",
        prompt=generation.prompt,
        seed=int(generation.seed or 0),
        begin=generation.submitted_at.timestamp(),
        end=ended.timestamp(),
    ).model_dump()
