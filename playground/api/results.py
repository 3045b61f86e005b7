"""get_result: where a generation stands."""

from typing import Any
from uuid import UUID

from django.conf import settings
from ninja import Router

from dashboard.bfl.schemas import Result, Status
from dashboard.bfl.signatures import sign_path
from dashboard.organizations.access import ApiRequest
from playground import queries
from playground.models import Generation
from playground.results import sample_path

router = Router()


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
