"""The grants on an own finetune: given by organization ID, limited, ended."""

from ninja import Query, Router, Status

from dashboard.bfl.openapi import CATALOG, told
from dashboard.lib.errors import NotFoundError
from dashboard.lib.keyset import read_cursor, read_page
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from finetunes import access
from finetunes.api.answers import GrantOut, GrantPage, grant_out
from finetunes.api.doors import get_own
from finetunes.api.schemas import Limits, NewGrant, Paging
from finetunes.models import Grant
from finetunes.queries import directory, usage
from finetunes.services import grants

router = Router(tags=[CATALOG])
READERS, MANAGERS = keys_that_may(Scope.READ), keys_that_may(Scope.MANAGE)
MANY = "/finetunes/{finetune_id}/grants"
ONE = "/finetunes/{finetune_id}/grants/{slug:org_id}"


@router.get(
    MANY,
    response=GrantPage,
    auth=READERS,
    url_name="grants",
    summary="List whom a finetune is shared with",
    openapi_extra=told(404),
)
def list_grants(request: ApiRequest, finetune_id: str, paging: Query[Paging]) -> GrantPage:
    """Whom it is shared with, newest first, a page at a time; `next` is the `after` of the next one."""
    finetune = get_own(request.auth.organization, finetune_id)
    page = read_page(usage.list_grants(finetune), before=read_cursor(paging.after), size=paging.limit)
    return GrantPage(grants=[grant_out(grant) for grant in page.rows], next=str(page.older) if page.older else None)


@router.post(
    MANY,
    response={200: GrantOut, 201: GrantOut},
    auth=MANAGERS,
    url_name="grants",
    summary="Share a finetune",
    openapi_extra=told(404, sent={"org_id": "bureau", "monthly_cap": 500}),
)
def give(request: ApiRequest, finetune_id: str, body: NewGrant) -> Status[GrantOut]:
    """Shares it with the organization of this ID, which finds it as `{owner_org_id}/{name}` and pays for its calls.

    200 where it has the finetune already; limits that are sent hold then too.
    """
    owner = request.auth.organization
    finetune = get_own(owner, finetune_id)
    grants.count_lookup(owner)
    held = directory.find_grant(finetune, grants.find_recipient(finetune, body.org_id))
    if held and held.is_live:
        return Status(200, _change(held, body))
    made = grants.grant(finetune, body.org_id, granted_by=None, **body.sent())
    return Status(201, _shown(made))


@router.patch(
    ONE,
    response=GrantOut,
    auth=MANAGERS,
    url_name="grant",
    summary="Change the limits of a grant",
    openapi_extra=told(404, sent={"monthly_cap": 1000}),
)
def change(request: ApiRequest, finetune_id: str, org_id: str, body: Limits) -> GrantOut:
    """Other limits from the recipient's next request on; null lifts one, and what is left out stays."""
    finetune = get_own(request.auth.organization, finetune_id)
    return _change(access.get_grant(finetune, org_id), body)


@router.delete(
    ONE,
    response={204: None},
    auth=MANAGERS,
    url_name="grant",
    summary="Revoke a grant",
    openapi_extra=told(404),
)
def revoke(request: ApiRequest, finetune_id: str, org_id: str) -> Status[None]:
    """From its next request on the recipient finds the finetune no more; what is queued finishes."""
    grants.revoke(access.get_grant(get_own(request.auth.organization, finetune_id), org_id))
    return Status(204, None)


def _change(grant: Grant, limits: Limits) -> GrantOut:
    grants.change(grant, **limits.sent())
    return _shown(grant)


def _shown(grant: Grant) -> GrantOut:
    """As it is now. Raises NotFoundError where it was revoked meanwhile."""
    found = usage.list_grants(grant.finetune).filter(pk=grant.pk).first()
    if found is None:
        raise NotFoundError(f"{grant.finetune.name} is not shared with {grant.organization.name} any more.")
    return grant_out(found)
