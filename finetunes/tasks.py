"""Celery tasks of the catalog: shells around the workflow."""

from celery import shared_task

from finetunes import clearing, workflow


@shared_task
def sweep() -> None:
    workflow.sweep()


@shared_task
def clear_deleted() -> None:
    """What deleted organizations left, a batch at a time."""
    if clearing.clear_deleted():
        clear_deleted.delay()


def enqueue_clearing() -> None:
    clear_deleted.delay()
