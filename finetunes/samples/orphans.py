"""Files of samples that no row names: left by a process that was killed, or by a storage that was away."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from dashboard.lib.stored_files import old_files
from dashboard.organizations.queries import first_made_at
from finetunes.models import Sample
from finetunes.samples import files

# Files come before their row, and go after it: until then they may be somebody's.
KEPT = timedelta(days=1)


def sweep() -> int:
    """Removes them; how many there were. One query for a batch of files. May run twice.

    Who starts on a new database with the files of another loses none of these.
    """
    if (since := first_made_at()) is None:
        return 0
    return sum(_remove(names) for names in old_files(files.FOLDER, since, timezone.now() - KEPT))


def _remove(names: Sequence[str]) -> int:
    pairs = Sample.objects.filter(Q(image__in=names) | Q(thumbnail__in=names)).values_list("image", "thumbnail")
    orphans = set(names) - {name for pair in pairs for name in pair}
    files.remove(orphans)
    return len(orphans)
