"""The files of samples: copies of a generation's, which outlive it."""

from collections.abc import Iterable
from pathlib import PurePath
from uuid import uuid4

from django.core.files.storage import default_storage

from finetunes.models import Finetune, Sample

FOLDER = "samples"


def copy(finetune: Finetune, image: str, thumbnail: str) -> tuple[str, str]:
    """Copies both; their new names. Raises what the storage raises, and leaves neither then."""
    name = f"{FOLDER}/{finetune.organization_id}/{uuid4()}"
    copied: list[str] = []
    try:
        for source, kind in ((image, ""), (thumbnail, ".thumbnail")):
            with default_storage.open(source) as file:
                copied.append(default_storage.save(f"{name}{kind}{PurePath(source).suffix}", file))
    except BaseException:
        remove(copied)
        raise
    return copied[0], copied[1]


def names_of(finetune: Finetune) -> list[str]:
    """Those of every sample; for whoever holds the finetune's row, so that none joins."""
    pairs = Sample.objects.filter(finetune=finetune).values_list("image", "thumbnail")
    return [name for pair in pairs for name in pair if name]


def remove(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)
