"""Reads: a person's organizations, and the organization behind an API key."""

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Exists, Min, OuterRef, QuerySet

from dashboard.lib.ids import digest_secret
from dashboard.organizations.models import (
    ApiKey,
    ApiKeyQuerySet,
    Invitation,
    InvitationQuerySet,
    Membership,
    Organization,
    User,
)

PAGE_SIZE = 50


def memberships_of(user: User) -> list[Membership]:
    """The person's memberships by organization name, each with its organization."""
    found = user.memberships.select_related("organization").filter(organization__deleted_at=None)
    return list(found.order_by("organization__name", "organization_id"))


def find_membership(user: User, org_id: str) -> Membership | None:
    found = user.memberships.select_related("organization", "user")
    return found.filter(organization__org_id=org_id, organization__deleted_at=None).first()


def find_organization(org_id: str) -> Organization | None:
    return Organization.objects.live().filter(org_id=org_id).first()


def first_made_at() -> datetime | None:
    """When the first organization was made; no file from before belongs to this database."""
    found: datetime | None = Organization.objects.aggregate(first=Min("created_at"))["first"]
    return found


def is_live(key: ApiKey) -> bool:
    """Whether a key that was accepted some time ago still would be."""
    return ApiKey.objects.live().filter(pk=key.pk).exists()


def find_live_key(secret: str) -> ApiKey | None:
    """One read by the digest; a wrong guess and a revoked key are alike nothing."""
    keys = ApiKey.objects.live().select_related("organization")
    return keys.filter(digest=digest_secret(secret)).first()


def list_keys(organization: Organization, *, live: bool) -> ApiKeyQuerySet:
    """The keys that open the API, or those that no longer do, newest first, each with who created it and what replaces
    it. `by_member` says whether that person is still a member."""
    keys = ApiKey.objects.filter(organization=organization)
    keys = keys.live() if live else keys.exclude(pk__in=keys.live())
    member = Membership.objects.filter(organization=organization, user=OuterRef("created_by"))
    return keys.select_related("created_by", "replaced_by").annotate(by_member=Exists(member)).order_by("-pk")


# --- Members and invitations -------------------------------------------------------------------------------


def list_members(organization: Organization) -> QuerySet[Membership]:
    """By address, each with the person and `has_two_factor`; a queryset, for the paginator."""
    factors = Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES)
    members = Membership.objects.filter(organization=organization).select_related("user", "organization")
    return members.annotate(has_two_factor=Exists(factors.filter(user=OuterRef("user")))).order_by("user__email")


def list_invitations(organization: Organization) -> InvitationQuerySet:
    """The open ones, newest first; how many there may be, the service limits."""
    return Invitation.objects.open().filter(organization=organization).select_related("invited_by", "organization")


def is_member(organization: Organization, email: str) -> bool:
    return Membership.objects.filter(organization=organization, user__email__iexact=email).exists()


def find_invitation(token: str) -> Invitation | None:
    """One read by the digest; a wrong guess, an expired and a cancelled one are alike nothing."""
    found = Invitation.objects.acceptable().filter(digest=digest_secret(token), organization__deleted_at=None)
    return found.select_related("organization", "invited_by").first()


def is_invited(email: str) -> bool:
    """Whether an invitation to this address waits for an answer."""
    waiting = Invitation.objects.acceptable().filter(organization__deleted_at=None)
    return waiting.filter(email__iexact=email).exists()


def has_account(email: str) -> bool:
    """Whether somebody logs in with this address."""
    verified = EmailAddress.objects.filter(email__iexact=email, verified=True)
    return User.objects.filter(email__iexact=email).exists() or verified.exists()


def owns_address(user: User, email: str) -> bool:
    """Whether it was shown to be this person's."""
    if user.email.lower() == email.lower():
        return True
    return bool(EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists())


def needs_organization(user: User) -> bool:
    """Whether this person belongs nowhere, never founded an organization, and is not invited into one."""
    if user.memberships.exists() or Organization.objects.filter(founder=user).exists():
        return False
    return not is_invited(user.email)


def find_session(user: User, session_id: int) -> UserSession | None:
    return UserSession.objects.filter(user=user, pk=session_id).first()
