"""Reads: a person's organizations, and the organization behind an API key."""

from dashboard.lib.ids import digest_secret
from dashboard.organizations.models import ApiKey, Membership, Organization, User


def memberships_of(user: User) -> list[Membership]:
    """The person's memberships by organization name, each with its organization."""
    return list(user.memberships.select_related("organization").order_by("organization__name", "organization_id"))


def find_membership(user: User, org_id: str) -> Membership | None:
    found = user.memberships.select_related("organization", "user")
    return found.filter(organization__org_id=org_id, organization__deleted_at=None).first()


def find_organization(org_id: str) -> Organization | None:
    return Organization.objects.live().filter(org_id=org_id).first()


def is_live(key: ApiKey) -> bool:
    """Whether a key that was accepted some time ago still would be."""
    return ApiKey.objects.live().filter(pk=key.pk).exists()


def find_live_key(secret: str) -> ApiKey | None:
    """One read by the digest; a wrong guess and a revoked key are alike nothing."""
    keys = ApiKey.objects.live().select_related("organization")
    return keys.filter(digest=digest_secret(secret)).first()
