"""Publishes an upload and dies at a step, as under `kill -9`; for a process of its own, forked from the tests'."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from django.core.files.storage import FileSystemStorage
from django.db import transaction

from finetunes.checkpoints import store
from finetunes.models import Upload
from finetunes.services import catalog
from finetunes.uploads import staging

CODE = 137


def die(*args: object, **kwargs: object) -> NoReturn:
    os._exit(CODE)


def store_half(storage: FileSystemStorage, name: str, content: Any) -> NoReturn:
    path = Path(storage.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.read(1000))
    die()


def keep_and_die(staged: Path, name: str) -> NoReturn:
    KEEP(staged, name)
    die()


def exit_or_die(self: transaction.Atomic, kind: Any, *rest: Any) -> None:
    """Dies where the last transaction is about to commit."""
    if kind is None and not Upload.objects.open().exists():
        die()
    EXIT(self, kind, *rest)


KEEP = store.keep
EXIT = transaction.Atomic.__exit__
STEPS: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "with the name written down": (store, "keep", die),
    "half way into the storage": (FileSystemStorage, "_save", store_half),
    "with the file stored": (store, "keep", keep_and_die),
    "before the commit": (transaction.Atomic, "__exit__", exit_or_die),
    "after the commit": (staging, "discard", die),
}


def publish(step: str, upload_id: UUID, name: str) -> None:
    setattr(*STEPS[step])
    upload = Upload.objects.select_related("organization").get(pk=upload_id)
    catalog.add_finetune(
        upload.organization, upload, name=name, base_model="flux-2-klein-4b", precision="fp8", trigger_phrase=""
    )
