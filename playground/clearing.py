"""What a deleted organization leaves here: generations, grids, presets and reference images, removed in pieces."""

from dashboard.organizations.models import Organization
from playground import removal
from playground.models import OPEN_STATES, Generation, Grid, Preset, RemovedUsage
from playground.references import uploads

BATCH = 200


def clear_deleted() -> bool:
    """Whether there may be more. What still runs ends and settles first; the sweeper comes again.

    Files go before the row that says where they lie: whatever dies in between is taken up again.
    """
    deleted = Organization.objects.filter(deleted_at__isnull=False)
    ended = Generation.objects.filter(organization__in=deleted).exclude(state__in=OPEN_STATES)
    batch = list(ended.order_by("pk")[:BATCH])
    for generation in batch:
        removal.remove_files(generation)
    Generation.objects.filter(pk__in=[generation.pk for generation in batch]).delete()
    Grid.objects.filter(organization__in=deleted, cells=None).delete()
    RemovedUsage.objects.filter(organization__in=deleted).delete()
    Preset.objects.filter(organization__in=deleted).delete()
    return uploads.clear(deleted) or len(batch) == BATCH
