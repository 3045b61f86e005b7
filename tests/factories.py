"""Factory functions: each makes one row with sensible values, and takes what a test cares about."""

from itertools import count

from django.core.files.base import ContentFile

from dashboard.billing import services as billing
from dashboard.lib.credits import from_credits
from dashboard.organizations.models import Membership, Organization, User
from dashboard.organizations.roles import Role
from finetunes.models import Finetune, Grant

PASSWORD = "correct horse battery"
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
    """A row with a token file; tests of checkpoints upload real ones."""
    finetune = Finetune(
        organization=organization,
        name=name or f"finetune-{next(_numbers)}",
        base_model=base_model,
        precision=precision,
        trigger_phrase=trigger_phrase,
        is_official=is_official,
        checkpoint_bytes=3,
        checkpoint_sha256="0" * 64,
    )
    finetune.checkpoint.save("checkpoint.safetensors", ContentFile(b"abc"))
    if granted_to is not None:
        Grant.objects.create(finetune=finetune, organization=granted_to)
    return finetune
