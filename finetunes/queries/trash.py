"""What lies in the trash, and for how long."""

from datetime import datetime, timedelta

from dashboard.organizations.models import Organization
from finetunes.models import Finetune, FinetuneQuerySet

TRASH_DAYS = 7
PAGE_SIZE = 50


def list_trash(owner: Organization) -> FinetuneQuerySet:
    """What lies in the trash of this organization, the last one first; a queryset, for the paginator."""
    found = Finetune.objects.kept_by(owner).in_trash().order_by("-deleted_at", "pk")
    return found.select_related("organization", "deleted_by", "current_version__checkpoint")


def list_expired(now: datetime) -> FinetuneQuerySet:
    """What has its days behind it, of whichever organization."""
    expired = Finetune.objects.in_trash().filter(deleted_at__lte=ended_before(now))
    return expired.select_related("organization").order_by("deleted_at", "pk")


def ended_before(now: datetime) -> datetime:
    return now - timedelta(days=TRASH_DAYS)


def removed_at(finetune: Finetune) -> datetime:
    """When the sweeper removes it, at the earliest."""
    assert finetune.deleted_at is not None  # it lies in the trash
    return finetune.deleted_at + timedelta(days=TRASH_DAYS)


def days_left(finetune: Finetune, now: datetime) -> int:
    """Begun ones count; 0 where the sweeper may come any minute."""
    return max(0, -((now - removed_at(finetune)) // timedelta(days=1)))
