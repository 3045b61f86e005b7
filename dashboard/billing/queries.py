"""Reads: what an organization may spend and what it spent, its entries, and whether its books balance."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from dashboard.billing.models import Account, Kind, LedgerEntry
from dashboard.lib.credits import as_number
from dashboard.lib.csv_download import Cell
from dashboard.lib.keyset import walk
from dashboard.lib.periods import start_of
from dashboard.organizations.models import Organization

# A generation that became ready wrote a hold, its release and the charge; the first two cancel out.
MOVED = (Kind.TOP_UP, Kind.SETTLE)
COLUMNS = ("time", "kind", "credits", "reference", "note")


@dataclass(frozen=True)
class Spending:
    """Millicredits, none negative."""

    held: int
    this_month: int
    last_month: int


def spending_of(organization: Organization, today: date) -> Spending:
    """In one statement over the organization's entries."""
    this_month, last_month = start_of(today.replace(day=1)), start_of(month_before(today))
    spent, holding = Q(kind=Kind.SETTLE), Q(kind__in=[Kind.HOLD, Kind.RELEASE])
    sums = LedgerEntry.objects.filter(organization=organization).aggregate(
        held=Coalesce(Sum("amount", filter=holding), 0),
        this_month=Coalesce(Sum("amount", filter=spent & Q(created_at__gte=this_month)), 0),
        last_month=Coalesce(Sum("amount", filter=spent & Q(created_at__gte=last_month, created_at__lt=this_month)), 0),
    )
    return Spending(**{name: -amount for name, amount in sums.items()})


def find_entries(organization: Organization, *, month: date | None, everything: bool) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.filter(organization=organization)
    if not everything:
        entries = entries.filter(kind__in=MOVED)
    if month:
        entries = entries.filter(created_at__gte=start_of(month), created_at__lt=start_of(month_after(month)))
    return entries


def csv_rows(entries: QuerySet[LedgerEntry]) -> Iterator[tuple[Cell, ...]]:
    for entry in walk(entries):
        yield (entry.created_at.isoformat(), entry.kind, as_number(entry.amount), entry.event, entry.note)


def month_before(day: date) -> date:
    first = day.replace(day=1)
    return first.replace(year=first.year - 1, month=12) if first.month == 1 else first.replace(month=first.month - 1)


def month_after(day: date) -> date:
    first = day.replace(day=1)
    return first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)


def balance_of(organization: Organization) -> int:
    """Millicredits free to spend: what came in, less what was spent, less what is held."""
    found = Account.objects.filter(organization=organization).values_list("balance", flat=True).first()
    return found or 0


def unbalanced_accounts() -> list[Account]:
    """Accounts whose balance is not the sum of their entries; always none, or someone wrote around the ledger."""
    entries = Coalesce(Sum("organization__ledger_entries__amount"), 0)
    return list(Account.objects.annotate(entries=entries).exclude(balance=F("entries")))
