"""Commands on organizations: found one."""

from django.db import transaction

from dashboard.organizations.models import Organization, User
from dashboard.organizations.roles import Role
from dashboard.organizations.services.members import add_member


@transaction.atomic
def create_organization(name: str, *, administrator: User | None = None) -> Organization:
    organization = Organization.objects.create(name=name)
    if administrator is not None:
        add_member(organization, administrator, Role.ADMINISTRATOR)
    return organization
