"""The doors to an organization: from a URL (an outsider gets 404, a role that may not gets 403) and from an API key."""

from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from dashboard.lib.errors import ForbiddenError, NotFoundError
from dashboard.organizations import queries
from dashboard.organizations.models import ApiKey, Membership, User
from dashboard.organizations.roles import Permission, may, roles_that_may

# How often a key's last use is written down, so that a busy key costs no write a call.
USE_NOTED = timedelta(minutes=1)
NO_ORGANIZATION = "There is no such organization, or you are not a member of it."


def get_membership(request: HttpRequest, org_id: str, permission: Permission) -> Membership:
    """The logged-in person's membership in the organization of the URL; kept on the request for the shell."""
    assert isinstance(request.user, User)  # views behind it require a log-in
    membership = queries.find_membership(request.user, org_id)
    if membership is None:
        raise NotFoundError(NO_ORGANIZATION)
    request.membership = membership  # type: ignore[attr-defined]
    require(membership, permission)
    return membership


def require(membership: Membership, permission: Permission) -> None:
    if not may(membership.role, permission):
        raise ForbiddenError(
            f"Your role in {membership.organization.name} may not {permission}. "
            f"{roles_that_may(permission)} may; an Administrator can change your role."
        )


class ApiRequest(HttpRequest):
    """A request whose key was accepted."""

    auth: ApiKey


def find_api_key(request: HttpRequest) -> ApiKey | None:
    """The live key that the request carries in `x-key`, or as `Authorization: X-Key …` as one client sends it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    secret = request.headers.get("x-key") or (token.strip() if scheme.lower() == "x-key" else "")
    key = queries.find_live_key(secret) if secret else None
    if key is not None:
        _note_use(key)
    return key


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
