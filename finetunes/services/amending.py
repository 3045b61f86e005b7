"""The command that changes a finetune in one go: its fields, its name and its owner's tags, all of it or nothing."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.locks import lock_live
from finetunes.models import Finetune
from finetunes.services.editing import edit_finetune
from finetunes.services.labels import set_tags
from finetunes.services.names import rename_finetune

NAME, TAGS = "name", "tags"


@transaction.atomic
def amend(finetune: Finetune, changes: Mapping[str, Any]) -> None:
    """`changes` by field. Raises InvalidInputError, whose field is the one that it is about, and NotFoundError."""
    # First, as whoever renames or deletes does it: two who hold both never wait for each other.
    lock_live(finetune.organization)
    fields = {field: value for field, value in changes.items() if field not in (NAME, TAGS)}
    if fields:
        edit_finetune(finetune, fields)
    if TAGS in changes:
        set_tags(finetune.organization, finetune, changes[TAGS])
    if changes.get(NAME, finetune.name) != finetune.name:
        _rename(finetune, changes[NAME])


def _rename(finetune: Finetune, name: str) -> None:
    old = finetune.name
    if not rename_finetune(finetune, name):
        raise NotFoundError(f"{old} was renamed or deleted meanwhile.")
