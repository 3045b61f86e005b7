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
from dashboard.organizations import audit
from dashboard.organizations.events import Action
from dashboard.organizations.models import Organization


class InsufficientCreditsError(PaymentRequiredError):
    """The account holds less than the price. BFL's text is not known; its clients' is what ours begins with."""


def top_up(organization: Organization, millicredits: int, *, note: str) -> LedgerEntry:
    """Adds credits. Raises InvalidInputError for an amount that is not positive or a missing reason."""
    if millicredits <= 0:
        raise InvalidInputError("Enter an amount above zero.", field="amount")
    if not note.strip():
        raise InvalidInputError("Give a reason; it stands in the ledger for good.", field="note")
    with transaction.atomic():
        Account.objects.get_or_create(organization=organization)
        entry = _book(organization.pk, Kind.TOP_UP, millicredits, f"top_up:{uuid4()}", note=note)
        details: dict[str, str | int] = {"amount": as_text(millicredits), "reason": note}
        audit.record(organization, Action.CREDITS_TOPPED_UP, details=details)
        return entry


@transaction.atomic
def hold(organization: Organization, millicredits: int, event: UUID) -> None:
    """Reserves the price of `event`. Raises InsufficientCreditsError, and then nothing is held."""
    # The condition is part of the UPDATE: of many at once, only as many pass as the balance pays for.
    account = Account.objects.filter(organization=organization, balance__gte=millicredits)
    if account.update(balance=F("balance") - millicredits) != 1:
        raise InsufficientCreditsError(
            f"Insufficient credits: this costs {as_text(millicredits)}. Ask the operator of this server to add credits."
        )
    _write(organization.pk, Kind.HOLD, -millicredits, f"hold:{event}")


@transaction.atomic
def release(event: UUID) -> LedgerEntry:
    """Gives the hold of `event` back, and returns it. Raises where nothing was held, or it was closed before."""
    held = LedgerEntry.objects.get(reference=f"hold:{event}")
    _book(held.organization_id, Kind.RELEASE, -held.amount, f"release:{event}")
    return held


@transaction.atomic
def settle(event: UUID) -> None:
    """Turns the hold of `event` into a charge of the same size."""
    held = release(event)
    _book(held.organization_id, Kind.SETTLE, held.amount, f"settle:{event}")


def _book(organization_id: int, kind: Kind, amount: int, reference: str, note: str = "") -> LedgerEntry:
    Account.objects.filter(organization_id=organization_id).update(balance=F("balance") + amount)
    return _write(organization_id, kind, amount, reference, note)


def _write(organization_id: int, kind: Kind, amount: int, reference: str, note: str = "") -> LedgerEntry:
    return LedgerEntry.objects.create(
        organization_id=organization_id, kind=kind, amount=amount, reference=reference, note=note
    )
