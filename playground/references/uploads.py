"""Reference images that people lay into the Playground's form: checked, kept for a day, and swept."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from dashboard.lib.errors import DashboardError, InvalidInputError
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Membership, Organization
from playground.models import ReferenceUpload
from playground.references.fetching import MAX_BYTES, TOO_LARGE
from playground.references.stored import measure

log = logging.getLogger(__name__)

MOST = 200
MOST_AT_ONCE = 8
KEPT = timedelta(hours=24)
BATCH = 100
MAX_NAME = ReferenceUpload._meta.get_field("name").max_length or 0
FULL = (
    f"This organization has {MOST} reference images laid in, which is the most; each goes 24 hours after it was laid "
    "in. Use a result as input instead, or come back later"
)
TOO_MANY = f"{MOST_AT_ONCE} files at once are the most; lay this one in by itself"


@dataclass
class Laid:
    """What became of the files that somebody laid in: those that are kept, and a sentence for each other."""

    uploads: list[ReferenceUpload] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def lay_in(member: Membership, files: Sequence["File[Any]"]) -> Laid:
    """Keeps what is an image that an endpoint takes; one file that is none holds up no other."""
    laid = Laid()
    for place, file in enumerate(files):
        try:
            if place >= MOST_AT_ONCE:
                raise InvalidInputError(TOO_MANY)
            laid.uploads.append(_keep(member, file))
        except DashboardError as error:
            laid.refusals.append(f"{_name_of(file)}: {error.message}.")
    return laid


def sweep() -> bool:
    """Removes what is older than a day; whether there may be more. May run twice."""
    return _remove(ReferenceUpload.objects.filter(created_at__lt=timezone.now() - KEPT)) == BATCH


def clear(organizations: QuerySet[Organization]) -> bool:
    """Removes what these left; whether there may be more."""
    return _remove(ReferenceUpload.objects.filter(organization__in=organizations)) == BATCH


def _keep(member: Membership, file: "File[Any]") -> ReferenceUpload:
    """The row comes before its file, so that whoever dies in between leaves nothing that no sweep finds."""
    if file.size > MAX_BYTES:
        raise InvalidInputError(TOO_LARGE)
    extension, width, height = measure(file)
    pk = uuid4()
    upload = ReferenceUpload(id=pk, user=member.user, name=_name_of(file), width=width, height=height)
    upload.file.name = f"references/upload-{pk}.{extension}"
    _admit(member.organization, upload)
    file.seek(0)
    try:
        default_storage.save(upload.file.name, file)
    except Exception:
        ReferenceUpload.objects.filter(pk=pk).delete()
        raise
    return upload


@transaction.atomic
def _admit(organization: Organization, upload: ReferenceUpload) -> None:
    """Raises InvalidInputError where there are too many, NotFoundError where the organization was just deleted."""
    lock_live(organization)
    if ReferenceUpload.objects.of_caller(organization).count() >= MOST:
        raise InvalidInputError(FULL)
    upload.organization = organization
    upload.save(force_insert=True)


def _name_of(file: "File[Any]") -> str:
    return (file.name or "image")[-MAX_NAME:]


def _remove(uploads: QuerySet[ReferenceUpload]) -> int:
    """A few, files before rows: whoever dies in between leaves rows, which are found again."""
    batch = list(uploads.order_by("created_at", "pk").values_list("pk", "file")[:BATCH])
    gone = list(_remove_files(batch))
    ReferenceUpload.objects.filter(pk__in=gone).delete()
    return len(gone)


def _remove_files(batch: Iterable[tuple[Any, str]]) -> Iterable[Any]:
    """Those whose file is away; one that the storage does not let go holds up no other."""
    for pk, name in batch:
        try:
            default_storage.delete(name)
        except Exception:
            log.exception("the reference image %s could not be removed", name)
        else:
            yield pk
