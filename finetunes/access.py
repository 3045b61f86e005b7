"""The doors to a finetune: by `finetune_id` as a caller sends it, by name from its owner's pages; and to an upload."""

import re
from uuid import UUID

from django.utils import timezone

from dashboard.lib.errors import NotFoundError
from dashboard.lib.keyset import LARGEST
from dashboard.organizations.models import Organization, User
from finetunes.models import NAME_MAX, Finetune, FormerName, Grant, Sample, Upload, Version
from finetunes.queries.listing import Row, read_row
from finetunes.uploads.errors import UploadGoneError

FINETUNE_ID = re.compile(rf"(?:(?P<org_id>[a-z0-9_-]{{1,32}})/)?(?P<name>[a-z0-9_-]{{1,{NAME_MAX}}})")
NOT_FOUND = "Finetune not found. Send the name of your own finetune, or {owner_org_id}/{name} of one shared with you."
RENAMED = "This finetune was renamed: send {} as finetune_id."


def resolve_finetune(caller: Organization, finetune_id: str) -> Finetune:
    """The finetune that `finetune_id` names for this caller: own, granted or official; with its checkpoint.

    Raises NotFoundError, alike for what does not exist and for what is not shared with the caller; what BFL answers is
    not known. Who may call what had this name before is told its name of today.
    """
    finetune = _find_visible(caller, finetune_id)
    if finetune is None:
        renamed = _find_renamed(caller, finetune_id)
        raise NotFoundError(RENAMED.format(renamed.id_for(caller)) if renamed else NOT_FOUND, field="finetune_id")
    return finetune


def get_visible(viewer: Organization, finetune_id: str) -> Finetune:
    """The same for the pages of a viewer. Raises NotFoundError."""
    finetune = _find_visible(viewer, finetune_id)
    if finetune is None:
        renamed = _find_renamed(viewer, finetune_id)
        told = f"It was renamed: look for {renamed.id_for(viewer)}." if renamed else ""
        raise NotFoundError(told or f"{viewer.name} has no such finetune, and none of this name is shared with it.")
    return finetune


def get_visible_row(viewer: Organization, pk: int, user: User) -> Row:
    """A row of the list, by the number that also a rename leaves to it. Raises NotFoundError."""
    row = read_row(viewer, pk, user) if pk <= LARGEST else None
    if row is None:
        raise NotFoundError(f"{viewer.name} has this finetune no more: it was deleted, or is no longer shared with it.")
    return row


def _find_visible(viewer: Organization, finetune_id: str) -> Finetune | None:
    match = FINETUNE_ID.fullmatch(finetune_id)
    if match is None:
        return None
    visible = Finetune.objects.visible_to(viewer).select_related(
        "organization", "created_by", "current_version__checkpoint", "cover"
    )
    owner = match["org_id"] or viewer.org_id
    return visible.filter(organization__org_id=owner, name=match["name"]).first()


def _find_renamed(viewer: Organization, finetune_id: str) -> Finetune | None:
    """What the viewer sees, and had this name before: asked where nothing has it now."""
    match = FINETUNE_ID.fullmatch(finetune_id)
    if match is None:
        return None
    owner = match["org_id"] or viewer.org_id
    visible = Finetune.objects.visible_to(viewer).select_related("organization")
    return visible.filter(organization__org_id=owner, former_names__name=match["name"]).first()


def get_finetune(owner: Organization, name: str) -> Finetune:
    """A finetune of this very organization, with its checkpoint. Raises NotFoundError, also for another's."""
    finetunes = Finetune.objects.owned_by(owner).select_related(
        "organization", "created_by", "current_version__checkpoint"
    )
    finetune = finetunes.filter(name=name).first()
    if finetune is None:
        raise NotFoundError(f"{owner.name} has no such finetune.")
    return finetune


def get_once_named(owner: Organization, name: str) -> Finetune:
    """The same, also by a name that it had before, for what began while it had that one. Raises NotFoundError."""
    former = FormerName.objects.filter(organization=owner, name=name).select_related("finetune").first()
    return get_finetune(owner, former.finetune.name if former else name)


def get_discarded(owner: Organization, name: str) -> Finetune:
    """What lies in the trash of this very organization. Raises NotFoundError, also for what is no more in it."""
    trash = Finetune.objects.kept_by(owner).in_trash().select_related("organization", "current_version__checkpoint")
    finetune = trash.filter(name=name).first()
    if finetune is None:
        raise NotFoundError(f"The trash of {owner.name} holds no {name}: it was restored, or deleted for good.")
    return finetune


def get_version(finetune: Finetune, number: int) -> Version:
    """Raises NotFoundError."""
    version = Version.objects.of(finetune).select_related("checkpoint").filter(number=number).first()
    if version is None:
        raise NotFoundError(f"{finetune.name} has no version {number}.")
    version.finetune = finetune
    return version


def get_sample(finetune: Finetune, sample_id: int) -> Sample:
    """Raises NotFoundError, also for one of another finetune."""
    sample = Sample.objects.filter(finetune=finetune, pk=sample_id).first()
    if sample is None:
        raise NotFoundError(f"{finetune.name} has no such sample.")
    sample.finetune = finetune
    return sample


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
