"""Uploads of a member's browser: tus, with a session in place of a key."""

from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from dashboard.lib.errors import ForbiddenError
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes import exchange
from finetunes.exchange import Door

LOGGED_OUT = "You are logged out. Log in again and choose the same file: the upload goes on where it stands."


def uploads(request: HttpRequest, org_id: str) -> HttpResponse:
    return exchange.collection(request, partial(_door, request, org_id))


def upload(request: HttpRequest, org_id: str, upload_id: UUID) -> HttpResponse:
    return exchange.resource(request, partial(_door, request, org_id), upload_id)


def _door(request: HttpRequest, org_id: str) -> Door:
    """Answers in JSON what `login_required` would answer with a redirect, which no client of tus understands."""
    if not request.user.is_authenticated:
        raise ForbiddenError(LOGGED_OUT)
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    return Door(membership.organization, partial(_path_of, org_id), user=membership.user)


def _path_of(org_id: str, upload_id: UUID) -> str:
    return reverse("upload", kwargs={"org_id": org_id, "upload_id": upload_id})
