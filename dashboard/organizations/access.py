"""The door from a URL to an organization: an outsider gets 404, a member whose role may not gets 403."""

from django.http import HttpRequest

from dashboard.lib.errors import ForbiddenError, NotFoundError
from dashboard.organizations import queries
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import Permission, may, roles_that_may

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
