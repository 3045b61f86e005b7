"""Commands on API keys: mint one, rotate one to another, revoke one."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Coalesce, Least
from django.utils import timezone

from dashboard.lib.errors import InvalidInputError
from dashboard.lib.ids import digest_secret, new_api_key
from dashboard.organizations import actors
from dashboard.organizations.audit import record
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import ApiKey, Organization, User
from dashboard.organizations.roles import Scope

SHOWN_CHARS = 8
MAX_LIVE_KEYS = 50
# Each may be accompanied by the one that it replaces.
MAX_WITH_REPLACED = 2 * MAX_LIVE_KEYS
MAX_LIFETIME = timedelta(days=5 * 366)

FULL = f"This organization has {MAX_LIVE_KEYS} live keys, which is the most. Revoke one that is no longer used."
FULL_OF_REPLACED = "Too many replaced keys are still working. Revoke one of them, or wait until they end."
EXPIRY_PASSED = "Choose a day that is not over yet."
EXPIRY_TOO_FAR = "Choose a day within the next five years."
NOT_LIVE = "This key has ended or was rotated before. Close this and look at the list."

KeyAndSecret = tuple[ApiKey, str]


@transaction.atomic
def mint_api_key(
    organization: Organization,
    name: str,
    *,
    scope: Scope = Scope.EVERYTHING,
    expires_at: datetime | None = None,
    created_by: User | None = None,
) -> KeyAndSecret:
    """The key and its secret, which is known here and never again.

    Raises InvalidInputError for an expiry that cannot be, and for more live keys than an organization may have.
    """
    check_expiry(expires_at)
    lock_live(organization)  # keys of one are made one after the other, so that none is counted too late
    check_room(organization)
    key, secret = _create(organization, name, scope, expires_at, created_by)
    actor = actors.of_person(created_by)
    record(organization, Action.KEY_CREATED, str(key), actor=actor, details={"scope": scope.label})
    return key, secret


@transaction.atomic
def rotate_api_key(key: ApiKey, *, overlap: timedelta, created_by: User | None = None) -> KeyAndSecret:
    """A new key like `key`, which goes on for `overlap` and then ends. A key is rotated once.

    The new one lives as long as the old one was meant to. A rotation is let through at the limit of live keys, because
    it leaves as many as before once the overlap is over; only the replaced ones that still work are bounded, too.
    Raises InvalidInputError for a key that is not live or was rotated before, or too many in their overlap.
    """
    lock_live(key.organization)
    now = timezone.now()
    current = ApiKey.objects.live().filter(pk=key.pk, replaced_by=None)
    if not current.exists():
        raise InvalidInputError(NOT_LIVE)
    if ApiKey.objects.live().filter(organization=key.organization).count() >= MAX_WITH_REPLACED:
        raise InvalidInputError(FULL_OF_REPLACED)
    expires_at = now + (key.expires_at - key.created_at) if key.expires_at else None
    new, secret = _create(key.organization, key.name, Scope(key.scope), expires_at, created_by)
    ends_at = now + overlap
    ended = current.update(replaced_by=new, expires_at=Least(Coalesce("expires_at", ends_at), ends_at))
    if ended != 1:  # revoked between the two statements; what was created goes with this transaction
        raise InvalidInputError(NOT_LIVE)
    actor = actors.of_person(created_by)
    record(key.organization, Action.KEY_ROTATED, str(key), actor=actor, details={"new_key": str(new)})
    return new, secret


@transaction.atomic
def revoke_api_key(key: ApiKey) -> bool:
    """Whether this call ended it; a key ends once."""
    if ApiKey.objects.live().filter(pk=key.pk).update(revoked_at=timezone.now()) != 1:
        return False
    record(key.organization, Action.KEY_REVOKED, str(key))
    return True


def check_room(organization: Organization) -> None:
    """Raises InvalidInputError where no further key may live."""
    if ApiKey.objects.live().filter(organization=organization).count() >= MAX_LIVE_KEYS:
        raise InvalidInputError(FULL)


def check_expiry(expires_at: datetime | None) -> None:
    """Raises InvalidInputError for a time that is over, or that nobody can plan for."""
    if expires_at is None:
        return
    left = expires_at - timezone.now()
    if left <= timedelta():
        raise InvalidInputError(EXPIRY_PASSED, field="expires_at")
    if left > MAX_LIFETIME:
        raise InvalidInputError(EXPIRY_TOO_FAR, field="expires_at")


def _create(
    organization: Organization, name: str, scope: Scope, expires_at: datetime | None, created_by: User | None
) -> KeyAndSecret:
    secret = new_api_key()
    key = ApiKey.objects.create(
        organization=organization,
        name=name,
        prefix=secret[:SHOWN_CHARS],
        digest=digest_secret(secret),
        scope=scope,
        expires_at=expires_at,
        created_by=created_by,
    )
    return key, secret
