"""The command that deletes an organization: the row stays for its ledger, everything else goes."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from dashboard.lib.errors import DashboardError, NotFoundError
from dashboard.organizations import audit, avatars
from dashboard.organizations.events import Action
from dashboard.organizations.locks import DELETED, lock_live
from dashboard.organizations.models import ApiKey, Invitation, Organization
from dashboard.organizations.signals import Consequences, Loss, deleted, deletion_asked

REFUSED = "Others rely on what {} shares. Stop sharing what is listed here first; then it can be deleted."


class DeletionRefusedError(DashboardError):
    """Others hold something of it."""

    code = "deletion_refused"
    status = 409


def consequences_of(organization: Organization) -> Consequences:
    """What stands in the way of a deletion, and what would go."""
    asked: Sequence[tuple[Any, Any]] = deletion_asked.send(Organization, organization=organization)
    answers: list[Consequences] = [answer for _, answer in asked]
    own = (
        Loss(_count_keys(organization), "API key", "API keys", "refused from then on"),
        Loss(organization.memberships.count(), "member", "members", "without access from the next request on"),
    )
    return Consequences(
        obstacles=tuple(obstacle for answer in answers for obstacle in answer.obstacles),
        obstacle_count=sum(answer.obstacle_count for answer in answers),
        losses=(*(loss for answer in answers for loss in answer.losses), *own),
    )


def _count_keys(organization: Organization) -> int:
    return ApiKey.objects.live().filter(organization=organization).count()


@transaction.atomic
def delete_organization(organization: Organization) -> None:
    """Raises DeletionRefusedError while others hold something of it, NotFoundError where it was deleted before."""
    lock_live(organization)
    if consequences_of(organization).obstacle_count:
        raise DeletionRefusedError(REFUSED.format(organization.name))
    now = timezone.now()
    if Organization.objects.live().filter(pk=organization.pk).update(deleted_at=now) != 1:
        raise NotFoundError(DELETED)
    organization.memberships.all().delete()
    Invitation.objects.open().filter(organization=organization).update(cancelled_at=now)
    ApiKey.objects.filter(organization=organization, revoked_at=None).update(revoked_at=now)
    audit.record(organization, Action.SETTINGS_DELETED, organization.name)
    deleted.send(Organization, organization=organization)


def discard_avatars(most: int) -> int:
    """Removes avatars of deleted organizations; how many."""
    gone = Organization.objects.filter(deleted_at__isnull=False).exclude(avatar="")[:most]
    for organization in gone:
        avatars.discard(str(organization.avatar))
        Organization.objects.filter(pk=organization.pk).update(avatar="")
    return len(gone)
