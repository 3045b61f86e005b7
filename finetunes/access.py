"""The doors to a finetune: by `finetune_id` as a caller sends it, by name from its owner's pages; and to an upload."""

import re
from uuid import UUID

from django.utils import timezone

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.models import Organization
from finetunes.models import NAME_MAX, Finetune, Grant, Upload, Version
from finetunes.uploads.errors import UploadGoneError

FINETUNE_ID = re.compile(rf"(?:(?P<org_id>[a-z0-9_-]{{1,32}})/)?(?P<name>[a-z0-9_-]{{1,{NAME_MAX}}})")
NOT_FOUND = "Finetune not found. Send the name of your own finetune, or {owner_org_id}/{name} of one shared with you."


def resolve_finetune(caller: Organization, finetune_id: str) -> Finetune:
    """The finetune that `finetune_id` names for this caller: own, granted or official; with its checkpoint.

    Raises NotFoundError, alike for what does not exist and for what is not shared with the caller.
    """
    match = FINETUNE_ID.fullmatch(finetune_id)
    if match is None:
        raise NotFoundError(NOT_FOUND, field="finetune_id")
    visible = Finetune.objects.visible_to(caller).select_related("organization", "current_version__checkpoint")
    owner = match["org_id"] or caller.org_id
    finetune = visible.filter(organization__org_id=owner, name=match["name"]).first()
    if finetune is None:
        raise NotFoundError(NOT_FOUND, field="finetune_id")
    return finetune


def get_finetune(owner: Organization, name: str) -> Finetune:
    """A finetune of this very organization, with its checkpoint. Raises NotFoundError, also for another's."""
    finetunes = Finetune.objects.owned_by(owner).select_related(
        "organization", "created_by", "current_version__checkpoint"
    )
    finetune = finetunes.filter(name=name).first()
    if finetune is None:
        raise NotFoundError(f"{owner.name} has no such finetune.")
    return finetune


def get_version(finetune: Finetune, number: int) -> Version:
    """Raises NotFoundError."""
    version = Version.objects.of(finetune).select_related("checkpoint").filter(number=number).first()
    if version is None:
        raise NotFoundError(f"{finetune.name} has no version {number}.")
    version.finetune = finetune
    return version


def get_grant(finetune: Finetune, recipient_org_id: str) -> Grant:
    """Raises NotFoundError, alike for an organization that has no grant and for one that does not exist."""
    grants = Grant.objects.select_related("organization", "finetune__organization")
    grant = grants.filter(finetune=finetune, organization__org_id=recipient_org_id).first()
    if grant is None:
        raise NotFoundError(f"{finetune.name} is not shared with an organization of this ID.")
    return grant


def get_upload(owner: Organization, upload_id: UUID | str) -> Upload:
    """An open upload of this organization, with time left. Raises UploadGoneError, alike for every other id."""
    uploads = Upload.objects.of(owner).live(timezone.now()).select_related("organization")
    known = _uuid(upload_id)
    upload = uploads.filter(pk=known).first() if known else None
    if upload is None:
        raise UploadGoneError
    return upload


def get_published(owner: Organization, upload_id: UUID) -> Upload:
    """A program's upload that was published, with its version. Raises UploadGoneError, alike for every other id."""
    uploads = Upload.objects.of(owner).published(timezone.now()).select_related("version__finetune__organization")
    upload = uploads.filter(pk=upload_id).first()
    if upload is None:
        raise UploadGoneError
    return upload


def _uuid(text: UUID | str) -> UUID | None:
    try:
        return text if isinstance(text, UUID) else UUID(text)
    except ValueError:
        return None
