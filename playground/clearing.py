"""What a deleted organization leaves here: its generations and their images, removed in pieces."""

from django.core.files.storage import default_storage

from dashboard.organizations.models import Organization
from playground import references
from playground.models import OPEN_STATES, Generation

BATCH = 200


def clear_deleted() -> bool:
    """Whether there may be more. What still runs ends and settles first; the sweeper comes again.

    Files go before the row that says where they lie: whatever dies in between is taken up again.
    """
    deleted = Organization.objects.filter(deleted_at__isnull=False)
    ended = Generation.objects.filter(organization__in=deleted).exclude(state__in=OPEN_STATES)
    batch = list(ended.order_by("pk")[:BATCH])
    for generation in batch:
        _remove_files(generation)
    Generation.objects.filter(pk__in=[generation.pk for generation in batch]).delete()
    return len(batch) == BATCH


def _remove_files(generation: Generation) -> None:
    references.remove(generation.references)
    for name in (str(generation.image), str(generation.thumbnail)):
        if name:
            default_storage.delete(name)
