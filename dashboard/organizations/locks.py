"""Rows that are held so that a look and the change after it are one."""

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.models import Organization, User

DELETED = "This organization was deleted."


def lock_live(*organizations: Organization) -> None:
    """Holds them until the transaction ends. Raises NotFoundError where one was deleted.

    Whatever counts an organization's members or must not outlive it starts with this. Always in one order, so that
    two who hold the same ones never wait for each other. Rows that only refer to it are not held up.
    """
    wanted = {organization.pk for organization in organizations}
    rows = Organization.objects.live().select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
    if len(rows) != len(wanted):
        raise NotFoundError(DELETED)


def lock_person(user: User) -> None:
    list(User.objects.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk"))
