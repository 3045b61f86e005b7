"""What the catalog answers when an organization is to be deleted, and does when it is."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from dashboard.organizations.models import Organization
from dashboard.organizations.signals import Consequences, Loss, Obstacle, deleted, deletion_asked
from finetunes import tasks
from finetunes.models import Finetune, Grant
from finetunes.queries.trash import list_trash

SHOWN = 50
EVERYBODY = "every organization: it is official"


@receiver(deletion_asked, dispatch_uid="finetunes.consequences")
def consequences(sender: Any, organization: Organization, **kwargs: Any) -> Consequences:
    """Grants that others hold, and official finetunes, stand in its way."""
    owned = Finetune.objects.owned_by(organization)
    official = owned.filter(is_official=True)
    held = Grant.objects.live(timezone.now()).filter(finetune__in=owned, organization__deleted_at=None)
    shown = held.select_related("finetune", "organization").order_by("finetune__name", "organization__name")
    obstacles = [Obstacle(finetune.name, EVERYBODY) for finetune in official[:SHOWN]]
    obstacles += [Obstacle(grant.finetune.name, str(grant.organization)) for grant in shown[:SHOWN]]
    return Consequences(
        tuple(obstacles[:SHOWN]),
        official.count() + held.count(),
        (
            Loss(owned.count(), "finetune", "finetunes", "with every version and checkpoint file"),
            Loss(list_trash(organization).count(), "finetune in the trash", "finetunes in the trash", "for good"),
        ),
    )


@receiver(deleted, dispatch_uid="finetunes.clear")
def clear(sender: Any, organization: Organization, **kwargs: Any) -> None:
    # Robust: with the broker away the organization is deleted all the same, and the sweeper clears up.
    transaction.on_commit(lambda: tasks.enqueue_clearing(), robust=True)
