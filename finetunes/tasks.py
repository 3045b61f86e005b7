"""Celery tasks of the catalog: shells around the workflow."""

from celery import shared_task

from finetunes import workflow


@shared_task
def sweep() -> None:
    workflow.sweep()
