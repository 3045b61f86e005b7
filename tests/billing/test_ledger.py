"""The ledger: what the database refuses, what services book, and that the books balance."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from dashboard.billing import services
from dashboard.billing.models import Account, Kind, LedgerEntry
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.billing.services import InsufficientCreditsError
from dashboard.lib.append_only import AppendOnlyError
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Organization
from tests.factories import make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return make_organization(credits=10)


def entries(organization: Organization) -> list[tuple[str, int]]:
    return list(organization.ledger_entries.order_by("id").values_list("kind", "amount"))


WRONG_SIGNS = [
    (Kind.TOP_UP, -1), (Kind.TOP_UP, 0), (Kind.RELEASE, -1), (Kind.RELEASE, 0),
    (Kind.HOLD, 1), (Kind.HOLD, 0), (Kind.SETTLE, 1), (Kind.SETTLE, 0), ("gift", 1),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "amount"), WRONG_SIGNS)
def test_database_refuses_a_sign_that_does_not_fit(organization: Organization, kind: str, amount: int) -> None:
    with pytest.raises(IntegrityError, match="ledger_sign_fits_kind"), transaction.atomic():
        LedgerEntry.objects.create(organization=organization, kind=kind, amount=amount, reference="x")


def test_database_refuses_a_reference_twice(organization: Organization) -> None:
    reference = organization.ledger_entries.get().reference
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.create(organization=organization, kind=Kind.TOP_UP, amount=1, reference=reference)


def test_database_refuses_an_overdrawn_account(organization: Organization) -> None:
    with pytest.raises(IntegrityError, match="account_never_overdrawn"), transaction.atomic():
        Account.objects.filter(organization=organization).update(balance=-1)


def test_entry_is_never_changed_nor_deleted(organization: Organization) -> None:
    entry = organization.ledger_entries.get()
    entry.amount = 1
    with pytest.raises(AppendOnlyError):
        entry.save()
    with pytest.raises(AppendOnlyError):
        entry.delete()
    with pytest.raises(AppendOnlyError):
        LedgerEntry.objects.update(amount=1)
    with pytest.raises(AppendOnlyError), transaction.atomic():
        LedgerEntry.objects.bulk_update([entry], ["amount"])
    with pytest.raises(AppendOnlyError):
        organization.ledger_entries.all().delete()
    assert entries(organization) == [(Kind.TOP_UP, 10_000)]


def test_organization_without_entries_has_nothing() -> None:
    assert balance_of(make_organization(credits=0)) == 0


def test_top_up_adds_with_its_reason(organization: Organization) -> None:
    entry = services.top_up(organization, 2_500, note="Invoice 7")
    assert (entry.kind, entry.amount, entry.note) == (Kind.TOP_UP, 2_500, "Invoice 7")
    assert balance_of(organization) == 12_500


@pytest.mark.parametrize(
    ("amount", "note", "field"), [(0, "x", "amount"), (-1, "x", "amount"), (1, "", "note"), (1, "  ", "note")]
)
def test_top_up_without_amount_or_reason_is_refused(
    organization: Organization, amount: int, note: str, field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        services.top_up(organization, amount, note=note)
    assert caught.value.field == field
    assert balance_of(organization) == 10_000


def test_hold_then_settle_costs_the_price_once(organization: Organization) -> None:
    event = uuid4()
    services.hold(organization, 1_400, event)
    assert balance_of(organization) == 8_600
    services.settle(event)
    assert balance_of(organization) == 8_600
    assert entries(organization)[1:] == [
        (Kind.HOLD, -1_400),
        (Kind.RELEASE, 1_400),
        (Kind.SETTLE, -1_400),
    ]


def test_hold_then_release_costs_nothing(organization: Organization) -> None:
    event = uuid4()
    services.hold(organization, 1_400, event)
    services.release(event)
    assert balance_of(organization) == 10_000


def test_event_is_held_settled_and_released_once(organization: Organization) -> None:
    event = uuid4()
    services.hold(organization, 1_400, event)
    with pytest.raises(IntegrityError), transaction.atomic():
        services.hold(organization, 1_400, event)
    services.settle(event)
    with pytest.raises(IntegrityError), transaction.atomic():
        services.settle(event)
    with pytest.raises(IntegrityError), transaction.atomic():
        services.release(event)
    assert balance_of(organization) == 8_600
    assert not unbalanced_accounts()


def test_what_was_never_held_is_neither_released_nor_settled(organization: Organization) -> None:
    for close in (services.release, services.settle):
        with pytest.raises(LedgerEntry.DoesNotExist):
            close(uuid4())
    assert balance_of(organization) == 10_000


def test_hold_beyond_the_balance_is_refused_and_nothing_is_held(organization: Organization) -> None:
    with pytest.raises(InsufficientCreditsError, match=r"^Insufficient credits: this costs 10\.001") as caught:
        services.hold(organization, 10_001, uuid4())
    assert caught.value.status == 402
    assert entries(organization) == [(Kind.TOP_UP, 10_000)]
    services.hold(organization, 10_000, uuid4())
    assert balance_of(organization) == 0


def test_organization_without_an_account_can_hold_nothing() -> None:
    with pytest.raises(InsufficientCreditsError):
        services.hold(make_organization(credits=0), 1, uuid4())


@pytest.mark.parametrize("amount", [0, -1_000])
def test_hold_of_nothing_or_less_is_refused_by_the_database(organization: Organization, amount: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        services.hold(organization, amount, uuid4())
    assert balance_of(organization) == 10_000


def test_one_organizations_money_is_not_anothers(organization: Organization) -> None:
    other = make_organization(credits=5)
    services.hold(organization, 1_000, uuid4())
    assert (balance_of(organization), balance_of(other)) == (9_000, 5_000)


def test_books_balance_until_someone_writes_around_the_ledger(organization: Organization) -> None:
    event = uuid4()
    services.hold(organization, 1_400, event)
    services.settle(event)
    services.hold(organization, 700, uuid4())
    assert not unbalanced_accounts()
    Account.objects.filter(organization=organization).update(balance=F("balance") + 1)
    assert [account.organization for account in unbalanced_accounts()] == [organization]
