"""Factory functions: each makes one row with sensible values, and takes what a test cares about."""

import hashlib
from itertools import count
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from dashboard.bfl.endpoints import BaseModel
from dashboard.billing import services as billing
from dashboard.lib.credits import from_credits
from dashboard.organizations.models import Membership, Organization, User
from dashboard.organizations.roles import Role
from finetunes.models import Checkpoint, Finetune, Grant, Upload, Version
from finetunes.services import catalog, uploads
from tests.checkpoints import lora_shapes, make_file

PASSWORD = "correct horse battery"
DIGEST_BYTES = 32
_numbers = count(1)


def make_user(email: str = "", **fields: object) -> User:
    return User.objects.create_user(email or f"person{next(_numbers)}@example.com", PASSWORD, **fields)


def make_organization(name: str = "", *, credits: int = 100) -> Organization:
    organization = Organization.objects.create(name=name or f"Organization {next(_numbers)}")
    if credits:
        billing.top_up(organization, from_credits(credits), note="test")
    return organization


def make_member(organization: Organization, role: Role = Role.ADMINISTRATOR, email: str = "") -> Membership:
    return Membership.objects.create(organization=organization, user=make_user(email), role=role)


def make_finetune(
    organization: Organization,
    name: str = "",
    *,
    base_model: str = "flux-2-klein-4b",
    precision: str = "fp8",
    trigger_phrase: str = "TOK",
    is_official: bool = False,
    granted_to: Organization | None = None,
) -> Finetune:
    """A finetune whose one version is a token file; tests of checkpoints upload real ones. Of FLUX.1 it has none."""
    finetune = Finetune.objects.create(
        organization=organization,
        name=name or f"finetune-{next(_numbers)}",
        base_model=base_model,
        precision=precision,
        trigger_phrase=trigger_phrase,
        is_official=is_official,
    )
    if BaseModel(base_model).takes_checkpoint:
        make_version(finetune)
    if granted_to is not None:
        Grant.objects.create(finetune=finetune, organization=granted_to)
    return finetune


def make_checkpoint(organization: Organization, content: bytes = b"") -> Checkpoint:
    content = content or f"checkpoint {next(_numbers)}".encode()
    digest = hashlib.sha256(content).hexdigest()
    checkpoint = Checkpoint(organization=organization, sha256=digest, weights_sha256=digest, bytes=len(content))
    checkpoint.file.save(f"checkpoints/{organization.org_id}/{digest}.safetensors", ContentFile(content))
    return checkpoint


def make_version(finetune: Finetune, content: bytes = b"") -> Version:
    """The next version, made current."""
    version = Version.objects.create(
        finetune=finetune,
        number=finetune.versions.count() + 1,
        checkpoint=make_checkpoint(finetune.organization, content),
    )
    finetune.current_version = version
    finetune.save(update_fields=["current_version"])
    return version


def lora_bytes(seed: str = "", *, family: str = "flux2-klein-4b", metadata: dict[str, str] | None = None) -> bytes:
    """A small LoRA; its weights follow from the seed alone, and metadata changes everything but them."""
    content = make_file(lora_shapes(family, targets="first blocks", rank=1), metadata)
    return content[:-DIGEST_BYTES] + hashlib.sha256(seed.encode()).digest()


def make_upload(organization: Organization, content: bytes, file_name: str = "lora.safetensors") -> Upload:
    """A whole one, received as the form does."""
    return uploads.receive(organization, SimpleUploadedFile(file_name, content))


def upload_finetune(organization: Organization, name: str, content: bytes, **given: Any) -> Finetune:
    """A finetune with a real checkpoint, as the form makes it."""
    fields = {"base_model": "flux-2-klein-4b", "precision": "fp8", "trigger_phrase": "TOK", **given}
    return catalog.add_finetune(organization, make_upload(organization, content), name=name, **fields)
