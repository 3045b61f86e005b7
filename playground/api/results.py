"""get_result: where a generation stands. Every client asks twice a second, so that the answer is one indexed read."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from ninja import Router

from dashboard.bfl.errors import validation_body
from dashboard.bfl.openapi import UTILITY, told
from dashboard.bfl.schemas import Result, Status
from dashboard.lib.compact_json import answer_json
from playground import queries
from playground.models import Generation
from playground.results import result_of

MISSING = {"loc": ["query", "id"], "msg": "Field required", "type": "missing"}
READY = {
    "id": "3f6f1a5e-58c1-4a3b-9a44-0c2f2ab1a5c7",
    "status": "Ready",
    "result": {
        "start_time": 1767225600.5,
        "prompt": "nordic light style, a harbour at dawn",
        "seed": 42,
        "sample": f"{settings.BASE_URL}/samples/3f6f1a5e-58c1-4a3b-9a44-0c2f2ab1a5c7.jpeg?se=1767226200&sig=8d3f",
    },
    "progress": None,
    "details": None,
    "preview": None,
}

router = Router()


@require_safe
def answer(request: HttpRequest) -> HttpResponse:
    """Stands before ninja's routes: what ninja does around a call costs more than the read."""
    asked = request.GET.getlist("id")
    if not asked:
        return answer_json(validation_body([MISSING]), status=422)
    first = asked[0]  # some clients append the id once more
    generation = _find(first)
    result = result_of(generation) if generation else Result(id=first, status=Status.NOT_FOUND)
    return answer_json({**result.model_dump(), "id": first})


@router.get(
    "/get_result",
    response=Result,
    auth=None,
    url_name="get_result",
    summary="Where a generation stands",
    tags=[UTILITY],
    openapi_extra=told(got=READY),
)
def get_result(request: HttpRequest, id: str) -> HttpResponse:
    """Where a generation stands. No key is asked for: ids are unguessable. Unknown ids are 200 "Task not found"."""
    return answer(request)


def _find(text: str) -> Generation | None:
    try:
        return queries.find_result(UUID(text))
    except ValueError:
        return None
