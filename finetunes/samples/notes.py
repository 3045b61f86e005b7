"""Why samples were not made, told for a while on the tab where they were asked for."""

from django.core.cache import cache

from finetunes.models import Finetune

KEPT_SECONDS = 15 * 60


def note_failure(finetune_pk: int, reason: str) -> None:
    cache.set(_key(finetune_pk), reason, KEPT_SECONDS)


def forget_failure(finetune_pk: int) -> None:
    cache.delete(_key(finetune_pk))


def find_failure(finetune: Finetune) -> str:
    """Empty where all went well."""
    return str(cache.get(_key(finetune.pk)) or "")


def _key(finetune_pk: int) -> str:
    return f"samples-not-made:{finetune_pk}"
