"""How long an organization keeps its generations: the setting, and the sweep that follows it."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from dashboard.organizations import audit
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Organization
from playground.models import OPEN_STATES, Generation, GenerationQuerySet, Retention
from playground.removal import BATCH, remove_batch

log = logging.getLogger(__name__)

MOST_DAYS = 3650
FOR_EVER = "for ever"


def days_of(organization: Organization) -> int | None:
    """None: for ever."""
    return Retention.objects.filter(organization=organization).values_list("days", flat=True).first()


def count_expired(organization: Organization, days: int | None) -> int:
    """How many would go at the next sweep if they were kept so long."""
    return _expired(organization, days, timezone.now()).count() if days else 0


@transaction.atomic
def keep_for(organization: Organization, days: int | None) -> bool:
    """Whether that is a change, which the log tells."""
    lock_live(organization)
    before = days_of(organization)
    if before == days:
        return False
    Retention.objects.update_or_create(organization=organization, defaults={"days": days})
    details: dict[str, str | int] = {"from": _worded(before), "to": _worded(days)}
    audit.record(organization, Action.SETTINGS_RETENTION_CHANGED, details=details)
    return True


def sweep() -> bool:
    """Removes a batch of each organization's; whether there may be more. May run twice."""
    now = timezone.now()
    limits = Retention.objects.filter(days__isnull=False).select_related("organization").order_by("pk")
    may_be_more = [_sweep(limit, now) for limit in limits]  # all of them: one that has more holds up no other
    return any(may_be_more)


def _sweep(limit: Retention, now: datetime) -> bool:
    try:
        gone = remove_batch(_expired(limit.organization, limit.days, now))
    except Exception:  # a storage that refuses one organization's files holds up no other's
        log.exception("the expired generations of %s could not be removed", limit.organization)
        return False
    return len(gone) == BATCH


def _expired(organization: Organization, days: int | None, now: datetime) -> GenerationQuerySet:
    kept_since = now - timedelta(days=days or MOST_DAYS)
    generations = Generation.objects.of_caller(organization).filter(created_at__lt=kept_since, is_starred=False)
    return generations.exclude(state__in=OPEN_STATES)


def _worded(days: int | None) -> str:
    return FOR_EVER if days is None else "1 day" if days == 1 else f"{days} days"
