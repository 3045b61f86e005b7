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
    keys = ApiKey.objects.live().filter(organization=membership.organization, created_by=membership.user, name=NAME)
    for key in keys:  # one at most, and a second of two made at once
        revoke_api_key(key)
    expires_at = timezone.now() + LIFETIME
    return mint_api_key(membership.organization, NAME, scope=scope, expires_at=expires_at, created_by=membership.user)
