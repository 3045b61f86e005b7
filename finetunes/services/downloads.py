"""The command that writes down who took a checkpoint."""

from django.core.cache import cache
from django.db import transaction

from dashboard.organizations import audit
from dashboard.organizations.events import Action
from dashboard.organizations.models import User
from finetunes.models import Version

CONTINUED_SECONDS = 24 * 60 * 60


def record_download(version: Version, user: User, *, is_continued: bool) -> bool:
    """Adds a line to the activity log, unless it has one of the download that this continues. Whether it did."""
    key = f"download:{version.pk}:{user.pk}"
    is_first = cache.add(key, True, CONTINUED_SECONDS)
    if is_continued and not is_first:
        return False
    cache.set(key, True, CONTINUED_SECONDS)
    _record(version)
    return True


@transaction.atomic
def _record(version: Version) -> None:
    finetune = version.finetune
    audit.record(finetune.organization, Action.FINETUNE_DOWNLOADED, finetune.name, details={"version": version.label})
