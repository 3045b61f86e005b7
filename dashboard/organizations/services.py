"""Commands on organizations: found one, add a member, mint and revoke an API key."""

from django.db import transaction
from django.utils import timezone

from dashboard.lib.ids import digest_secret, new_api_key
from dashboard.organizations.models import ApiKey, Membership, Organization, User
from dashboard.organizations.roles import Role

SHOWN_CHARS = 8


@transaction.atomic
def create_organization(name: str, *, administrator: User | None = None) -> Organization:
    organization = Organization.objects.create(name=name)
    if administrator is not None:
        add_member(organization, administrator, Role.ADMINISTRATOR)
    return organization


def add_member(organization: Organization, user: User, role: Role) -> Membership:
    return Membership.objects.create(organization=organization, user=user, role=role)


def mint_api_key(organization: Organization, name: str, *, created_by: User | None = None) -> tuple[ApiKey, str]:
    """The key and its secret, which is known here and never again."""
    secret = new_api_key()
    key = ApiKey.objects.create(
        organization=organization,
        name=name,
        prefix=secret[:SHOWN_CHARS],
        digest=digest_secret(secret),
        created_by=created_by,
    )
    return key, secret


def revoke_api_key(key: ApiKey) -> bool:
    """Whether this call ended it; a key ends once."""
    return ApiKey.objects.live().filter(pk=key.pk).update(revoked_at=timezone.now()) == 1
