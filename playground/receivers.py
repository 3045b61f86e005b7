"""What the Playground answers when an organization or a finetune is to be deleted, and does when the former is."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.dispatch import receiver
from django.utils import timezone

from dashboard.organizations.models import ApiKey, Organization
from dashboard.organizations.signals import Consequences, Loss, deleted, deletion_asked
from finetunes.models import Finetune
from finetunes.queries.dependents import SHOWN
from finetunes.signals import USED_DAYS, CallingKey, Calls, consequences_asked
from playground import tasks
from playground.models import Generation, RemovedUsage
from playground.signals import webhook_due


@receiver(deletion_asked, dispatch_uid="playground.consequences")
def consequences(sender: Any, organization: Organization, **kwargs: Any) -> Consequences:
    count = Generation.objects.of_caller(organization).count()
    return Consequences(losses=(Loss(count, "generation", "generations", "with image and prompt"),))


@receiver(deleted, dispatch_uid="playground.clear")
def clear(sender: Any, organization: Organization, **kwargs: Any) -> None:
    # Robust: with the broker away the organization is deleted all the same, and the sweeper clears up.
    transaction.on_commit(lambda: tasks.enqueue_clearing(), robust=True)


@receiver(webhook_due, dispatch_uid="playground.deliver")
def deliver(sender: Any, seconds: float, **kwargs: Any) -> None:
    tasks.enqueue_delivery(seconds)


@receiver(consequences_asked, dispatch_uid="playground.calls")
def calls(sender: Any, finetune: Finetune, **kwargs: Any) -> Calls:
    """Who calls the finetune, in three queries over its own generations alone, here or removed."""
    since = timezone.now() - timedelta(days=USED_DAYS)
    here = Generation.objects.filter(finetune=finetune, created_at__gte=since)
    removed = RemovedUsage.objects.filter(finetune=finetune, last_at__gte=since)
    theirs = ~Q(organization=finetune.organization_id)
    called = Q(pk__in=here.order_by().values("api_key")) | Q(pk__in=removed.values("api_key"))
    keys = ApiKey.objects.live()
    counted = keys.filter(called).aggregate(own=Count("pk"), foreign=Count("pk", filter=theirs))
    open_ones = Generation.objects.unfinished().filter(finetune=finetune)
    unfinished = open_ones.aggregate(all=Count("pk"), foreign=Count("pk", filter=theirs))
    own = keys.exclude(theirs)
    return Calls(
        keys=_latest_keys(here.filter(api_key__in=own), removed.filter(api_key__in=own)),
        key_count=counted["own"] - counted["foreign"],
        foreign_key_count=counted["foreign"],
        unfinished=unfinished["all"],
        foreign_unfinished=unfinished["foreign"],
    )


def _latest_keys(here: QuerySet[Generation], removed: QuerySet[RemovedUsage]) -> tuple[CallingKey, ...]:
    """A key may stand in both; its later call counts."""
    columns = ("api_key_id", "api_key__name", "api_key__prefix", "last")
    calls = here.order_by().values("api_key").annotate(last=Max("created_at")).values_list(*columns)
    removed_calls = removed.values("api_key").annotate(last=Max("last_at")).values_list(*columns)
    latest: dict[int, CallingKey] = {}
    for pk, name, prefix, last in calls.union(removed_calls, all=True).order_by("-last", "api_key_id")[: 2 * SHOWN]:
        latest.setdefault(pk, CallingKey(str(ApiKey(name=name, prefix=prefix)), last))
    return tuple(latest.values())[:SHOWN]
