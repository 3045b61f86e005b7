"""Reads: what an organization may spend, and whether its books balance."""

from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from dashboard.billing.models import Account
from dashboard.organizations.models import Organization


def balance_of(organization: Organization) -> int:
    """Millicredits free to spend: what came in, less what was spent, less what is held."""
    found = Account.objects.filter(organization=organization).values_list("balance", flat=True).first()
    return found or 0


def unbalanced_accounts() -> list[Account]:
    """Accounts whose balance is not the sum of their entries; always none, or someone wrote around the ledger."""
    entries = Coalesce(Sum("organization__ledger_entries__amount"), 0)
    return list(Account.objects.annotate(entries=entries).exclude(balance=F("entries")))
