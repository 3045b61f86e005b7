"""The balance in the page shell."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from dashboard.billing import queries
from dashboard.lib.credits import as_text
from dashboard.organizations.models import Membership


def balance(request: HttpRequest) -> dict[str, Any]:
    """`balance_text`, read when used: what the organization of the page may spend."""
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return {}
    organization = membership.organization
    return {"balance_text": SimpleLazyObject(lambda: as_text(queries.balance_of(organization)))}
