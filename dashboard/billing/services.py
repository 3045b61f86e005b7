"""The only writer of the ledger: top up, hold, settle, release.

A generation's hold is taken at submission; Ready releases the hold and settles the price, any other end releases it.
Each call belongs into the transaction of the event that it books.
"""

from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F

from dashboard.billing.models import Account, Kind, LedgerEntry
from dashboard.lib.credits import as_text
from dashboard.lib.errors import InvalidInputError, PaymentRequiredError
from dashboard.organizations.models import Organization


class InsufficientCreditsError(PaymentRequiredError):
    """The account holds less than the price."""


def top_up(organization: Organization, millicredits: int, *, note: str) -> LedgerEntry:
    """Adds credits. Raises InvalidInputError for an amount that is not positive or a missing reason."""
    if millicredits <= 0:
        raise InvalidInputError("Enter an amount above zero.", field="amount")
    if not note.strip():
        raise InvalidInputError("Give a reason; it stands in the ledger for good.", field="note")
    with transaction.atomic():
        Account.objects.get_or_create(organization=organization)
        return _book(organization.pk, Kind.TOP_UP, millicredits, f"top_up:{uuid4()}", note=note)


@transaction.atomic
def hold(organization: Organization, millicredits: int, event: UUID) -> None:
    """Reserves the price of `event`. Raises InsufficientCreditsError, and then nothing is held."""
    # The condition is part of the UPDATE: of many at once, only as many pass as the balance pays for.
    account = Account.objects.filter(organization=organization, balance__gte=millicredits)
    if account.update(balance=F("balance") - millicredits) != 1:
        raise InsufficientCreditsError(
            f"Insufficient credits: this costs {as_text(millicredits)}. A Billing Manager can add credits."
        )
    _write(organization.pk, Kind.HOLD, -millicredits, f"hold:{event}")


@transaction.atomic
def release(organization_id: int, millicredits: int, event: UUID) -> None:
    """Gives a hold back. A second call for the same event fails on the unique reference."""
    _book(organization_id, Kind.RELEASE, millicredits, f"release:{event}")


@transaction.atomic
def settle(organization_id: int, millicredits: int, event: UUID) -> None:
    """Turns a hold into a charge of the same size."""
    release(organization_id, millicredits, event)
    _book(organization_id, Kind.SETTLE, -millicredits, f"settle:{event}")


def _book(organization_id: int, kind: Kind, amount: int, reference: str, note: str = "") -> LedgerEntry:
    Account.objects.filter(organization_id=organization_id).update(balance=F("balance") + amount)
    return _write(organization_id, kind, amount, reference, note)


def _write(organization_id: int, kind: Kind, amount: int, reference: str, note: str = "") -> LedgerEntry:
    return LedgerEntry.objects.create(
        organization_id=organization_id, kind=kind, amount=amount, reference=reference, note=note
    )
