"""The star of a generation: for the whole organization, and retention keeps what has one."""

from dashboard.lib.errors import NotFoundError
from playground.models import Generation


def set_star(generation: Generation, *, is_starred: bool) -> None:
    """Raises NotFoundError for what was removed meanwhile."""
    if not Generation.objects.filter(pk=generation.pk).update(is_starred=is_starred):
        raise NotFoundError("This generation was just deleted.")
    generation.is_starred = is_starred
