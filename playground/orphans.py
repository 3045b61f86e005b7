"""Reference images that no row names: left by a process that was killed, or by a storage that was away."""

import re
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.core.files.storage import default_storage
from django.utils import timezone

from dashboard.lib.stored_files import old_files
from dashboard.organizations.queries import first_made_at
from playground.models import Generation, ReferenceUpload

FOLDER = "references"
# Files come before their row, and go after it: until then they may be somebody's.
KEPT = timedelta(days=1)
# The row that a file belongs to stands in its name; what is named otherwise is none of ours.
NAME = re.compile(rf"{FOLDER}/(?:upload-)?([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})[-._].+")


def sweep() -> int:
    """Removes them; how many there were. Two queries for a batch of files. May run twice.

    Who starts on a new database with the files of another loses none of these.
    """
    if (since := first_made_at()) is None:
        return 0
    return sum(_remove(names) for names in old_files(FOLDER, since, timezone.now() - KEPT))


def _remove(names: Sequence[str]) -> int:
    rows = {name: UUID(found[1]) for name in names if (found := NAME.fullmatch(name))}
    orphans = rows.keys() - _named(set(rows.values()))
    for name in orphans:
        default_storage.delete(name)
    return len(orphans)


def _named(ids: set[UUID]) -> set[str]:
    kept = Generation.objects.filter(pk__in=ids).values_list("references", flat=True)
    uploads = ReferenceUpload.objects.filter(pk__in=ids).values_list("file", flat=True)
    return {reference.get("file", "") for references in kept for reference in references} | set(uploads)
