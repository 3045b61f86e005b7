"""The door to an organization's pages: 404 for an outsider, 403 for a role that may not."""

import pytest
from django.test import RequestFactory

from dashboard.lib.errors import ForbiddenError, NotFoundError
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import PERMISSIONS, Permission, Role
from tests.conftest import Cast
from tests.factories import make_member


def knock(user: User, org_id: str, permission: Permission) -> Membership:
    request = RequestFactory().get("/")
    request.user = user
    return get_membership(request, org_id, permission)


def test_member_gets_the_membership_of_the_organization_in_the_url(cast: Cast) -> None:
    second = make_member(cast.outsider.organization, Role.VIEWER, "both@example.com")
    first = Membership.objects.create(user=second.user, organization=cast.organization, role=Role.DEVELOPER)
    for membership in (first, second):
        found = knock(second.user, membership.organization.org_id, Permission.SEE_CATALOG)
        assert found == membership


@pytest.mark.parametrize("permission", Permission)
def test_outsider_gets_404_as_for_no_organization(cast: Cast, permission: Permission) -> None:
    messages = set()
    for org_id in (cast.organization.org_id, "no-such-org"):
        with pytest.raises(NotFoundError) as caught:
            knock(cast.outsider.user, org_id, permission)
        assert caught.value.status == 404
        messages.add(caught.value.message)
    assert len(messages) == 1


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_role_passes_or_gets_403(cast: Cast, role: Role, permission: Permission) -> None:
    member = make_member(cast.organization, role)
    if permission in PERMISSIONS[role]:
        assert knock(member.user, cast.organization.org_id, permission) == member
        return
    with pytest.raises(ForbiddenError, match=f"may not {permission}") as caught:
        knock(member.user, cast.organization.org_id, permission)
    assert caught.value.status == 403
