"""The doors to an organization: from a URL (an outsider gets 404, a role that may not gets 403) and from an API key."""

from collections.abc import Callable
from datetime import timedelta

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from dashboard.lib import rates
from dashboard.lib.errors import ForbiddenError, NotFoundError, TooManyError
from dashboard.organizations import queries
from dashboard.organizations.models import ApiKey, Invitation, Membership, Organization, User
from dashboard.organizations.roles import Permission, Role, Scope, key_may, may, roles_that_may

# How often a key's last use is written down, so that a busy key costs no write a call.
USE_NOTED = timedelta(minutes=1)
# The first as OpenAI's clients and proxies send it, the second as one client of BFL does.
AUTHORIZATION_SCHEMES = ("bearer", "x-key")
# Recovery codes come with either, and are none by themselves.
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
NOT_VALID = (
    "This invitation is not valid. It may have expired, been cancelled, been sent again with a newer link, or been "
    "used already. Ask an Administrator of the organization to send it again."
)
TOO_FAST = "This key was sent more than {} times within a second. Send less often, then repeat this request."
NO_ORGANIZATION = "There is no such organization, or you are not a member of it."


class TwoFactorRequiredError(ForbiddenError):
    """The server asks a second factor of this person; the page that tells so leads to setting one up."""

    code = "two_factor_required"


def get_membership(request: HttpRequest, org_id: str, permission: Permission) -> Membership:
    """The logged-in person's membership in the organization of the URL; kept on the request for the shell."""
    assert isinstance(request.user, User)  # views behind it require a log-in
    membership = queries.find_membership(request.user, org_id)
    if membership is None:
        raise NotFoundError(NO_ORGANIZATION)
    request.membership = membership  # type: ignore[attr-defined]
    require(membership, permission)
    if membership.role == Role.ADMINISTRATOR:
        require_two_factor(request.user, "Administrators")
    return membership


def require_two_factor(user: User, who: str) -> None:
    if lacks_two_factor(user):
        raise TwoFactorRequiredError(
            f"On this server {who} need two-factor authentication. Set it up for your account, then come back."
        )


def lacks_two_factor(user: User) -> bool:
    """Whether REQUIRE_TWO_FACTOR asks for what this person does not have."""
    return bool(settings.REQUIRE_TWO_FACTOR) and not is_mfa_enabled(user, SECOND_FACTORS)


def require(membership: Membership, permission: Permission) -> None:
    if not may(membership.role, permission):
        raise ForbiddenError(
            f"Your role in {membership.organization.name} may not {permission}. "
            f"{roles_that_may(permission)} may; an Administrator can change your role."
        )


def get_key(organization: Organization, key_id: int) -> ApiKey:
    """A key of this organization, live or ended. Raises NotFoundError, alike for nothing and for another's."""
    keys = ApiKey.objects.select_related("organization", "created_by", "replaced_by")
    key = keys.filter(organization=organization, pk=key_id).first()
    if key is None:
        raise NotFoundError(f"{organization.name} has no such API key.")
    return key


def get_member(organization: Organization, member_id: int) -> Membership:
    """A member of this organization. Raises NotFoundError, alike for nobody and for another's."""
    member = queries.list_members(organization).filter(pk=member_id).first()
    if member is None:
        raise NotFoundError(f"{organization.name} has no such member.")
    return member


def get_invitation(organization: Organization, invitation_id: int) -> Invitation:
    """An open invitation of this organization. Raises NotFoundError, alike for every other id."""
    invitation = queries.list_invitations(organization).filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFoundError(f"{organization.name} has no such open invitation.")
    return invitation


def open_invitation(token: str) -> Invitation:
    """The invitation that the link from an e-mail opens. Raises NotFoundError, alike for all that open nothing."""
    invitation = queries.find_invitation(token)
    if invitation is None:
        raise NotFoundError(NOT_VALID)
    return invitation


class ApiRequest(HttpRequest):
    """A request whose key was accepted."""

    auth: ApiKey


def keys_that_may(needed: Scope) -> Callable[[HttpRequest], ApiKey | None]:
    """For the `auth` of an API call: takes live keys whose scope allows the call, and tells others what they lack.

    Raises ForbiddenError, and TooManyError for a key that comes too often.
    """

    def authenticate(request: HttpRequest) -> ApiKey | None:
        key = find_api_key(request)
        if key is not None:
            _count_request(key)
        if key is not None and not key_may(key.scope, needed):
            raise ForbiddenError(
                f"This key's scope is {Scope(key.scope).label}; this call needs {needed.label}. "
                "Send a key of that scope, or create one on the API Keys page."
            )
        return key

    return authenticate


def _count_request(key: ApiKey) -> None:
    """Each request that brings the key counts, pieces of uploads too; get_result, which takes none, does not."""
    most = settings.REQUESTS_PER_SECOND
    if rates.count(f"key:{key.pk}", seconds=1) > most:
        raise TooManyError(TOO_FAST.format(most))


def find_api_key(request: HttpRequest) -> ApiKey | None:
    """The live key that the request carries in `x-key`, or in `Authorization` as `Bearer …` or as `X-Key …`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    secret = request.headers.get("x-key") or (token.strip() if scheme.lower() in AUTHORIZATION_SCHEMES else "")
    key = queries.find_live_key(secret) if secret else None
    if key is not None:
        _note_use(key)
    return key


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
