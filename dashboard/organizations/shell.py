"""The context of the page shell: whose organization this is, what the role may do, where else the person belongs."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from dashboard.organizations import queries
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import PERMISSIONS, Role


def shell(request: HttpRequest) -> dict[str, Any]:
    """`membership`, `organization`, `may` (permission names that the role has) and `memberships`, read when used."""
    if not isinstance(request.user, User):
        return {}
    user = request.user
    memberships = SimpleLazyObject(lambda: queries.memberships_of(user))
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return {"memberships": memberships}
    permissions = PERMISSIONS[Role(membership.role)]
    return {
        "memberships": memberships,
        "membership": membership,
        "organization": membership.organization,
        "may": {permission.name.lower(): True for permission in permissions},
    }
