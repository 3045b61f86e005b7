"""The three calls on finetunes that BFL has, as its clients expect them."""

from typing import Any

from django.utils import timezone
from ninja import Router, Schema

from dashboard.bfl.openapi import UTILITY, told
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from finetunes.api.answers import details
from finetunes.api.doors import get_own, get_shown, read_row
from finetunes.api.removal import remove
from finetunes.api.schemas import Deletion
from finetunes.queries import directory

router = Router(tags=[UTILITY])
READERS, MANAGERS = keys_that_may(Scope.READ), keys_that_may(Scope.MANAGE)
DELETED = "success"


class FinetuneIds(Schema):
    finetunes: list[str]


class Details(Schema):
    finetune_details: dict[str, Any]


class Deleted(Schema):
    status: str
    message: str
    deleted_finetune_id: str
    timestamp: str


@router.get(
    "/my_finetunes",
    response=FinetuneIds,
    auth=READERS,
    url_name="my_finetunes",
    summary="Every finetune_id that may be sent",
    openapi_extra=told(got={"finetunes": ["nordic-light", "atelier/velvet-noir"]}),
)
def my_finetunes(request: ApiRequest) -> FinetuneIds:
    """Every `finetune_id` that the caller may send: its own names first, then what is shared with it or official.

    Plain strings, which old clients of BFL read, though its schema leaves the items open. BFL has no pages here; the
    answer ends after 10,000. `GET /v1/finetunes` has all of them.
    """
    return FinetuneIds(finetunes=directory.list_ids(request.auth.organization))


@router.get(
    "/finetune_details",
    response=Details,
    auth=READERS,
    url_name="finetune_details",
    summary="What the catalog says of a finetune",
    openapi_extra=told(404),
)
def finetune_details(request: ApiRequest, finetune_id: str) -> Details:
    """What the catalog says of one; nothing and another's are the same 404."""
    caller = request.auth.organization
    return Details(finetune_details=details(read_row(caller, get_shown(caller, finetune_id))))


@router.post(
    "/delete_finetune",
    response=Deleted,
    auth=MANAGERS,
    url_name="delete_finetune",
    summary="Put a finetune into the trash",
    openapi_extra=told(404, sent={"finetune_id": "nordic-light"}),
)
def delete_finetune(request: ApiRequest, body: Deletion) -> Deleted:
    """Puts one of the caller's own into the trash, also while others use it: there is nothing to confirm by.

    Whoever lost it is told in `message`; until it is removed for good, an Administrator restores it, grants included.
    """
    message = remove(get_own(request.auth.organization, body.finetune_id))
    return Deleted(
        status=DELETED,
        message=message,
        deleted_finetune_id=body.finetune_id,
        timestamp=timezone.now().isoformat(),
    )
