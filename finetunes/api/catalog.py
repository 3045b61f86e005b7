"""The whole catalog for programs: list it, add to it with a form, read, change and delete one."""

from datetime import timedelta

from django.http import HttpResponse
from ninja import Query, Router, Status

from dashboard.api.idempotency import claim, claims_by_itself
from dashboard.bfl.openapi import CATALOG, told
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from finetunes.api.answers import FinetuneOut, FinetunePage, finetune_out
from finetunes.api.doors import get_own, get_shown, read_row
from finetunes.api.forms import BODY as FORM_BODY
from finetunes.api.forms import read_form
from finetunes.api.removal import remove
from finetunes.api.schemas import Edit, Filter
from finetunes.queries import listing
from finetunes.services.amending import amend
from finetunes.services.posting import post

router = Router(tags=[CATALOG])
READERS, MANAGERS = keys_that_may(Scope.READ), keys_that_may(Scope.MANAGE)
# Time enough for the largest file to be looked through and stored.
PUBLISHING = timedelta(minutes=10)
MANY = "/finetunes"
ONE = "/finetunes/{finetune_id}"


@router.get(MANY, response=FinetunePage, auth=READERS, url_name="finetunes", summary="List the catalog")
def list_finetunes(request: ApiRequest, filters: Query[Filter]) -> FinetunePage:
    """Own, shared and official, a page at a time; `next` is the `after` of the next one."""
    page = listing.read_page(request.auth.organization, filters.as_filters(), filters.after, size=filters.limit)
    return FinetunePage(finetunes=[finetune_out(row) for row in page.rows], next=page.next)


@router.post(
    MANY,
    response={201: FinetuneOut},
    auth=MANAGERS,
    url_name="finetunes",
    summary="Add a finetune with a form",
    openapi_extra=told(400, 411, 413, 415, 422, 503, 507, requestBody=FORM_BODY),
)
@claims_by_itself
def add(request: ApiRequest) -> Status[FinetuneOut] | HttpResponse:
    """Adds one of a form (multipart/form-data): `checkpoint` is the file. /v1/uploads goes on after a break."""
    form = read_form(request)
    if answer := claim(request, form.parts(), lease=PUBLISHING):
        return answer
    finetune = post(request.auth, form.file, form.fields)
    return Status(201, finetune_out(read_row(request.auth.organization, finetune)))


@router.get(
    ONE,
    response=FinetuneOut,
    auth=READERS,
    url_name="finetune",
    summary="Read a finetune",
    openapi_extra=told(404),
)
def show(request: ApiRequest, finetune_id: str) -> FinetuneOut:
    """One that the caller sees; another's also as `{owner_org_id}~{name}`, which is one segment of the URL."""
    caller = request.auth.organization
    return finetune_out(read_row(caller, get_shown(caller, finetune_id)))


@router.patch(
    ONE,
    response=FinetuneOut,
    auth=MANAGERS,
    url_name="finetune",
    summary="Change a finetune",
    openapi_extra=told(404, sent={"description": "Low sun, long shadows.", "tags": ["style", "landscape"]}),
)
def edit(request: ApiRequest, finetune_id: str, body: Edit) -> FinetuneOut:
    """Changes what is sent of an own one, all of it or nothing; `name` changes its `finetune_id`."""
    caller = request.auth.organization
    finetune = get_own(caller, finetune_id)
    amend(finetune, body.sent())
    return finetune_out(read_row(caller, finetune))


@router.delete(
    ONE,
    response={204: None},
    auth=MANAGERS,
    url_name="finetune",
    summary="Put a finetune into the trash",
    openapi_extra=told(404),
)
def delete(request: ApiRequest, finetune_id: str) -> Status[None]:
    """Puts an own one into the trash, also while others use it; `/v1/delete_finetune` tells who lost it."""
    remove(get_own(request.auth.organization, finetune_id))
    return Status(204, None)


@router.get(
    "/finetunes/{slug:org_id}/{slug:name}",
    response=FinetuneOut,
    auth=READERS,
    url_name="finetune_of",
    summary="Read another organization's finetune",
    openapi_extra=told(404),
)
def show_of(request: ApiRequest, org_id: str, name: str) -> FinetuneOut:
    """The same by a `finetune_id` with its slash."""
    return show(request, f"{org_id}/{name}")
