"""Commands on memberships: add a member, change a role, end a membership. An Administrator always remains."""

from django.db import transaction

from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations import actors, audit
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Membership, Organization, User
from dashboard.organizations.roles import Role

GONE = "This person is no member any more."
LAST_ADMINISTRATOR = "{} is the only Administrator here. Make someone else an Administrator first."


@transaction.atomic
def add_member(organization: Organization, user: User, role: Role) -> Membership:
    member = Membership.objects.create(organization=organization, user=user, role=role)
    audit.record(organization, Action.MEMBER_JOINED, actor=actors.of_person(user), details={"role": role.value})
    return member


@transaction.atomic
def change_role(member: Membership, role: Role) -> bool:
    """Whether it was another one. Raises InvalidInputError where no Administrator would remain."""
    current = _hold(member)
    if current.role == role:
        return False
    _check_not_last(current)
    Membership.objects.filter(pk=current.pk).update(role=role)
    details: dict[str, str | int] = {"role": role.value, "before": current.role}
    audit.record(current.organization, Action.MEMBER_ROLE_CHANGED, current.user.email, details=details)
    return True


def remove_member(member: Membership) -> None:
    """From the person's next request on they are an outsider. Raises InvalidInputError as `change_role` does."""
    _end(member, Action.MEMBER_REMOVED)


def leave(member: Membership) -> None:
    """Raises InvalidInputError where no Administrator would remain."""
    _end(member, Action.MEMBER_LEFT)


@transaction.atomic
def _end(member: Membership, action: Action) -> None:
    current = _hold(member)
    _check_not_last(current)
    Membership.objects.filter(pk=current.pk).delete()
    subject = current.user.email if action is Action.MEMBER_REMOVED else ""
    audit.record(current.organization, action, subject, details={"role": current.role})


def _hold(member: Membership) -> Membership:
    """As it is now. With the organization held, nobody else changes who its Administrators are."""
    lock_live(member.organization)
    current = Membership.objects.select_related("organization", "user").filter(pk=member.pk).first()
    if current is None:
        raise NotFoundError(GONE)
    return current


def _check_not_last(member: Membership) -> None:
    if member.role != Role.ADMINISTRATOR:
        return
    administrators = Membership.objects.filter(organization=member.organization, role=Role.ADMINISTRATOR)
    if not administrators.exclude(pk=member.pk).filter(user__is_active=True).exists():
        raise InvalidInputError(LAST_ADMINISTRATOR.format(member.user.email), field="role")
