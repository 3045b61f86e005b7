"""Deleting by a program, which confirms nothing: what happened and who lost what is said in a sentence."""

from dashboard.lib.errors import NotFoundError
from finetunes.access import NOT_FOUND
from finetunes.models import Finetune
from finetunes.queries.dependents import Dependents, dependents_of
from finetunes.queries.trash import TRASH_DAYS
from finetunes.services import trash


def remove(finetune: Finetune) -> str:
    """Into the trash. Raises NotFoundError where another deletion came first."""
    dependents = dependents_of(finetune)
    if not trash.discard(finetune, by=None):
        raise NotFoundError(NOT_FOUND, field="finetune_id")
    kept = f"{finetune.name} is in the trash; an Administrator may restore it for {TRASH_DAYS} days."
    return " ".join([kept, *_losses(dependents)])


def _losses(dependents: Dependents) -> list[str]:
    if dependents.is_official:
        return ["It was official: every organization lost it."]
    names = [recipient.name for recipient in dependents.recipients]
    if dependents.more_recipients:
        names.append(f"{dependents.more_recipients:,} more")
    if not names:
        return []
    *most, last = names
    return [f"{', '.join(most)} and {last} lost it." if most else f"{last} lost it."]
