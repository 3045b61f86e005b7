"""Celery tasks of the catalog: shells around the workflow."""

from celery import shared_task

from finetunes import clearing, workflow
from finetunes.samples import orphans


@shared_task
def sweep() -> None:
    workflow.sweep()


@shared_task
def empty_trash() -> None:
    """What was deleted a week ago, a batch at a time."""
    if clearing.empty_trash():
        empty_trash.delay()


@shared_task
def clear_deleted() -> None:
    """What deleted organizations left, a batch at a time."""
    if clearing.clear_deleted():
        clear_deleted.delay()


@shared_task
def sweep_sample_files() -> None:
    """Those that no row names, once a day."""
    orphans.sweep()


def enqueue_clearing() -> None:
    clear_deleted.delay()
