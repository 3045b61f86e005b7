"""Celery tasks of the API: shells."""

from celery import shared_task

from dashboard.api import idempotency


@shared_task
def sweep_requests() -> None:
    """Idempotent requests that were remembered long enough, a batch at a time."""
    if idempotency.sweep():
        sweep_requests.delay()
