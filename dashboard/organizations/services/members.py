"""Commands on memberships: add a member."""

from dashboard.organizations.models import Membership, Organization, User
from dashboard.organizations.roles import Role


def add_member(organization: Organization, user: User, role: Role) -> Membership:
    return Membership.objects.create(organization=organization, user=user, role=role)
