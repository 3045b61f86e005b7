"""What goes for good, in pieces: the trash after its days, and what a deleted organization leaves in the catalog."""

from django.db.models import QuerySet
from django.utils import timezone

from dashboard.organizations.models import Organization
from dashboard.organizations.services.deletion import discard_avatars
from finetunes.models import Finetune, Grant, Upload
from finetunes.queries.trash import list_expired
from finetunes.services.catalog import delete_finetune
from finetunes.services.grants import revoke
from finetunes.services.trash import remove_expired
from finetunes.workflow import end_upload

BATCH = 100


def empty_trash() -> bool:
    """Whether there may be more. Each is looked at once more under its lock: it may have been restored meanwhile."""
    now = timezone.now()
    return sum(remove_expired(finetune, now) for finetune in list_expired(now)[:BATCH]) == BATCH


def clear_deleted() -> bool:
    """Whether there may be more. Any step may run twice or be the last one taken: the sweeper comes again."""
    deleted = Organization.objects.filter(deleted_at__isnull=False)
    # The app of organizations has no worker of its own.
    cleared = [_clear_grants(deleted), _clear_finetunes(deleted), _clear_uploads(deleted), discard_avatars(BATCH)]
    return BATCH in cleared


def _clear_grants(deleted: QuerySet[Organization]) -> int:
    """Those that it was given; its own go with its finetunes."""
    given = Grant.objects.filter(organization__in=deleted).select_related("finetune__organization", "organization")
    return sum(revoke(grant) for grant in given[:BATCH])


def _clear_finetunes(deleted: QuerySet[Organization]) -> int:
    finetunes = Finetune.objects.filter(organization__in=deleted).select_related("organization")[:BATCH]
    for finetune in finetunes:
        delete_finetune(finetune)
    return len(finetunes)


def _clear_uploads(deleted: QuerySet[Organization]) -> int:
    uploads = Upload.objects.filter(organization__in=deleted).values_list("pk", flat=True)[:BATCH]
    return sum(end_upload(Upload.objects.filter(pk=upload_id)) for upload_id in uploads)
