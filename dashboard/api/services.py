"""The command behind the API reference: a key to try calls with."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from dashboard.organizations.models import ApiKey, Membership
from dashboard.organizations.roles import Scope
from dashboard.organizations.services.keys import KeyAndSecret, mint_api_key, revoke_api_key

NAME = "API docs"
LIFETIME = timedelta(hours=1)


@transaction.atomic
def mint_trial_key(membership: Membership, scope: Scope) -> KeyAndSecret:
    """It lives for an hour and takes the place of the one that this person made before. Raises InvalidInputError."""
    expires_at = timezone.now() + LIFETIME
    keys = ApiKey.objects.live().filter(organization=membership.organization, created_by=membership.user, name=NAME)
    # One at most, and a second of two made at once; a key of that name that lives longer is a program's.
    for key in keys.filter(expires_at__lte=expires_at):
        revoke_api_key(key)
    return mint_api_key(membership.organization, NAME, scope=scope, expires_at=expires_at, created_by=membership.user)
