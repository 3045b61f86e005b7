"""Uploads of programs: tus with a key; the upload publishes itself on its last byte."""

from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router

from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from finetunes import exchange
from finetunes.exchange import Door

router = Router()
# Also those that mean nothing, so that these too are answered in JSON.
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
MANAGERS = keys_that_may(Scope.MANAGE)


@router.api_operation(METHODS, "/uploads", auth=MANAGERS, url_name="uploads", include_in_schema=False)
def uploads(request: ApiRequest) -> HttpResponse:
    return exchange.collection(request, partial(_door, request))


@router.api_operation(METHODS, "/uploads/{uuid:upload_id}", auth=MANAGERS, url_name="upload", include_in_schema=False)
def upload(request: ApiRequest, upload_id: UUID) -> HttpResponse:
    return exchange.resource(request, partial(_door, request), upload_id)


@router.api_operation(["OPTIONS"], "/uploads", auth=None, url_name="uploads", include_in_schema=False)
def capabilities(request: HttpRequest) -> HttpResponse:
    return exchange.capabilities()


@router.api_operation(["OPTIONS"], "/uploads/{uuid:upload_id}", auth=None, url_name="upload", include_in_schema=False)
def upload_capabilities(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    return exchange.capabilities()


def _door(request: ApiRequest) -> Door:
    return Door(request.auth.organization, _path_of, api_key=request.auth, publishes=True)


def _path_of(upload_id: UUID) -> str:
    return reverse("v1:upload", kwargs={"upload_id": upload_id})
