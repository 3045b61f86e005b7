"""Commands on API keys: mint one, revoke one."""

from datetime import datetime

from django.utils import timezone

from dashboard.lib.ids import digest_secret, new_api_key
from dashboard.organizations.models import ApiKey, Organization, User
from dashboard.organizations.roles import Scope

SHOWN_CHARS = 8


def mint_api_key(
    organization: Organization,
    name: str,
    *,
    scope: Scope = Scope.EVERYTHING,
    expires_at: datetime | None = None,
    created_by: User | None = None,
) -> tuple[ApiKey, str]:
    """The key and its secret, which is known here and never again."""
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


def revoke_api_key(key: ApiKey) -> bool:
    """Whether this call ended it; a key ends once."""
    return ApiKey.objects.live().filter(pk=key.pk).update(revoked_at=timezone.now()) == 1
