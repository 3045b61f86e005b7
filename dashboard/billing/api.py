"""GET /v1/credits."""

from ninja import Router, Schema

from dashboard.bfl.openapi import UTILITY, told
from dashboard.billing import queries
from dashboard.lib.credits import as_number
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope

router = Router()


class Credits(Schema):
    credits: float


@router.get(
    "/credits",
    response=Credits,
    auth=keys_that_may(Scope.READ),
    url_name="credits",
    summary="Credits that are left",
    tags=[UTILITY],
    openapi_extra=told(got={"credits": 487.2}),
)
def credits(request: ApiRequest) -> Credits:
    """What the key's organization may still spend, in credits."""
    return Credits(credits=as_number(queries.balance_of(request.auth.organization)))
