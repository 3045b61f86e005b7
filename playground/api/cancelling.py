"""cancel, which BFL does not have: a generation that still waits is called back."""

from uuid import UUID

from ninja import Router

from dashboard.bfl.openapi import UTILITY, told
from dashboard.bfl.schemas import Result
from dashboard.lib.errors import NotFoundError
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from playground.access import NO_GENERATION, get_generation
from playground.models import Generation
from playground.results import result_of
from playground.services import cancelling

router = Router(tags=[UTILITY])


@router.post(
    "/cancel",
    response=Result,
    auth=keys_that_may(Scope.GENERATE),
    url_name="cancel_task",
    summary="Call a queued image back",
    openapi_extra=told(404),
)
def cancel(request: ApiRequest, id: str) -> Result:
    """Ends a queued generation as Error, with `{"error": "cancelled"}` in its details, and gives the hold back.

    One that the provider has already, or that ended otherwise, is 409; one that is cancelled is answered once more.
    """
    generation = _find(request, request.GET.getlist("id")[0])
    cancelling.cancel_for_key(generation)
    return result_of(generation)


def _find(request: ApiRequest, text: str) -> Generation:
    try:
        return get_generation(request.auth.organization, UUID(text))
    except ValueError:
        raise NotFoundError(NO_GENERATION, field="id") from None
