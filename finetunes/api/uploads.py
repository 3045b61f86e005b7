"""Uploads of programs: tus with a key; the upload publishes itself on its last byte."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router

from dashboard.api.idempotency import claim, claims_by_itself
from dashboard.bfl.openapi import UPLOADS
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from finetunes import exchange
from finetunes.api.tus_document import CANCELLED, HEADED, SHOWN, STARTED, TAKEN
from finetunes.exchange import Door
from finetunes.uploads.tus import method_of

router = Router(tags=[UPLOADS])
ANNOUNCED = ("Upload-Length", "Upload-Metadata")
ONE = "/uploads/{uuid:upload_id}"
MANAGERS = keys_that_may(Scope.MANAGE)


def _on_one(method: str, status: int, summary: str, document: dict[str, Any]) -> Callable[[Any], Any]:
    return router.api_operation(
        [method],
        ONE,
        response={status: None},
        auth=MANAGERS,
        url_name="upload",
        summary=summary,
        openapi_extra=document,
    )


@router.post(
    "/uploads",
    response={201: None},
    auth=MANAGERS,
    url_name="uploads",
    summary="Start an upload",
    openapi_extra=STARTED,
)
@claims_by_itself
def uploads(request: ApiRequest) -> HttpResponse:
    """Announces a checkpoint. What it will be called is said here; `Location` is where its pieces go."""
    if method_of(request) == "POST" and (answer := claim(request, _announced(request))):
        return answer
    return exchange.collection(request, partial(_door, request))


@_on_one("GET", 200, "Where an upload stands", SHOWN)
@_on_one("HEAD", 200, "The offset of an upload", HEADED)
@_on_one("PATCH", 204, "Send the next piece", TAKEN)
@_on_one("DELETE", 204, "Cancel an upload", CANCELLED)
@router.post(ONE, auth=MANAGERS, url_name="upload", include_in_schema=False)
@claims_by_itself  # a POST here is another method by its header, and its offset makes that safe to repeat
def upload(request: ApiRequest, upload_id: UUID) -> HttpResponse:
    """Until its last byte has come, which publishes it; who asks again for that is told the finetune once more."""
    return exchange.resource(request, partial(_door, request), upload_id)


@router.api_operation(["OPTIONS"], "/uploads", auth=None, url_name="uploads", include_in_schema=False)
def capabilities(request: HttpRequest) -> HttpResponse:
    return exchange.capabilities()


@router.api_operation(["OPTIONS"], ONE, auth=None, url_name="upload", include_in_schema=False)
def upload_capabilities(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    return exchange.capabilities()


def _announced(request: ApiRequest) -> Iterator[bytes]:
    """What makes two uploads the same: no byte of the file comes with the request that starts one."""
    yield "\n".join(request.headers.get(name, "") for name in ANNOUNCED).encode()


def _door(request: ApiRequest) -> Door:
    return Door(request.auth.organization, _path_of, api_key=request.auth, publishes=True)


def _path_of(upload_id: UUID) -> str:
    return reverse("v1:upload", kwargs={"upload_id": upload_id})
