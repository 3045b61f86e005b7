"""What lies in the storage, a file at a time: however many there are, never all of their names are in memory."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from django.core.files.storage import default_storage

from dashboard.lib.bucket import BucketStorage

BATCH = 500
PAGE = 1000


def old_files(folder: str, since: datetime, before: datetime) -> Iterator[list[str]]:
    """The names in this folder, and in those within it, last written between the two; in batches, in no order."""
    walk = _in_bucket(default_storage, folder) if isinstance(default_storage, BucketStorage) else _on_disk(folder)
    names = (name for name, written_at in walk if since <= written_at < before)
    return iter(lambda: list(islice(names, BATCH)), [])


def _in_bucket(storage: BucketStorage, folder: str) -> Iterator[tuple[str, datetime]]:
    for each in storage.bucket.objects.filter(Prefix=f"{folder}/").page_size(PAGE):
        yield each.key, each.last_modified


def _on_disk(folder: str) -> Iterator[tuple[str, datetime]]:
    root = Path(default_storage.path(""))
    for entry in _scan(root / folder):
        with suppress(FileNotFoundError):  # it went meanwhile
            written_at = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
            yield Path(entry.path).relative_to(root).as_posix(), written_at


def _scan(folder: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _scan(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry
