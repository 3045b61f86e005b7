"""Celery tasks: shells around the workflow, which take ids and enqueue what follows."""

from math import ceil
from uuid import UUID

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from playground import clearing, orphans, retention, workflow
from playground.references import uploads
from playground.steps import Kind, Step
from playground.webhooks.couriers import couriers

# Polls fall on ticks, one task a tick, however many processes ask for it.
TICK_SECONDS = 0.25
TICK_KEPT_SECONDS = 30


@shared_task
def submit(generation_id: str) -> None:
    enqueue(workflow.submit(UUID(generation_id)))


@shared_task
def poll() -> None:
    enqueue(workflow.poll())


@shared_task
def finish(generation_id: str) -> None:
    enqueue(workflow.finish(UUID(generation_id)))


@shared_task
def sweep() -> None:
    enqueue(workflow.sweep())


@shared_task
def clear_deleted() -> None:
    """What deleted organizations left, a batch at a time."""
    if clearing.clear_deleted():
        clear_deleted.delay()


@shared_task
def sweep_expired() -> None:
    """What organizations no longer keep, a batch of each at a time."""
    if retention.sweep():
        sweep_expired.delay()


@shared_task
def sweep_references() -> None:
    """Reference images that were laid in a day ago, a batch at a time."""
    if uploads.sweep():
        sweep_references.delay()


@shared_task
def sweep_reference_files() -> None:
    """Those that no row names, once a day."""
    orphans.sweep()


@shared_task
def deliver() -> None:
    """The webhooks that are due; also the sweeper of those that nobody attends to."""
    couriers.wake()


def enqueue_delivery(seconds: float) -> None:
    deliver.apply_async(countdown=seconds)


def enqueue_clearing() -> None:
    clear_deleted.delay()


BY_KIND = {Kind.SUBMIT: submit, Kind.FINISH: finish}


def enqueue(steps: list[Step]) -> None:
    """Sends the steps to the broker. Losing one delays it until the sweeper comes; the database is the truth."""
    now = timezone.now()
    for step in steps:
        seconds = max(0.0, (step.at - now).total_seconds())
        if step.kind is Kind.POLL:
            _enqueue_poll(step, seconds)
        else:
            BY_KIND[step.kind].apply_async((str(step.generation_id),), countdown=seconds)


def _enqueue_poll(step: Step, seconds: float) -> None:
    tick = ceil(max(step.at, timezone.now()).timestamp() / TICK_SECONDS)
    if cache.add(f"poll:{tick}", True, TICK_KEPT_SECONDS + seconds):
        poll.apply_async(countdown=max(0.0, tick * TICK_SECONDS - timezone.now().timestamp()))
