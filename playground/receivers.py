"""What the Playground answers when an organization is to be deleted, and does when it is."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver

from dashboard.organizations.models import Organization
from dashboard.organizations.signals import Consequences, Loss, deleted, deletion_asked
from playground import tasks
from playground.models import Generation


@receiver(deletion_asked, dispatch_uid="playground.consequences")
def consequences(sender: Any, organization: Organization, **kwargs: Any) -> Consequences:
    count = Generation.objects.of_caller(organization).count()
    return Consequences(losses=(Loss(count, "generation", "generations", "with image and prompt"),))


@receiver(deleted, dispatch_uid="playground.clear")
def clear(sender: Any, organization: Organization, **kwargs: Any) -> None:
    # Robust: with the broker away the organization is deleted all the same, and the sweeper clears up.
    transaction.on_commit(lambda: tasks.enqueue_clearing(), robust=True)
