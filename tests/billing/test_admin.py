"""The operators' pages of the books: the ledger is for reading, a top-up asks amount and reason."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from dashboard.billing.models import Account, Kind, LedgerEntry
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.organizations.models import Organization, User
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD, make_organization, make_user

ORGANIZATIONS = "admin:organizations_organization_changelist"


@pytest.fixture
def operator(db: None) -> Client:
    return log_in(User.objects.create_superuser("operator@example.com", PASSWORD))


def top_up(client: Client, *organizations: Organization, **answers: str) -> Any:
    data: dict[str, Any] = {"action": "top_up", "_selected_action": [o.pk for o in organizations]}
    return client.post(reverse(ORGANIZATIONS), data | answers, follow=True)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_top_up_asks_before_it_books(cast: Cast, operator: Client) -> None:
    before = LedgerEntry.objects.count()
    response = top_up(operator, cast.organization)
    page = response.content.decode()
    assert response.status_code == 200
    assert cast.organization.org_id in page
    assert 'name="amount"' in page
    assert 'name="note"' in page
    assert LedgerEntry.objects.count() == before


def test_question_runs_under_the_strict_policy(cast: Cast, operator: Client) -> None:
    response = top_up(operator, cast.organization)
    page = response.content.decode()
    assert "default-src 'self'" in response["content-security-policy"]
    assert "style=" not in page
    assert "onclick" not in page
    assert page.count("<script") == page.count("<script src=") + page.count('<script type="module" src=')


def test_top_up_books_one_entry_and_says_so(cast: Cast, operator: Client) -> None:
    response = top_up(operator, cast.organization, top_up="yes", amount="2.5", note="Invoice 7")
    entry = cast.organization.ledger_entries.first()
    assert entry is not None
    assert (entry.kind, entry.amount, entry.note) == (Kind.TOP_UP, 2_500, "Invoice 7")
    assert cast.organization.ledger_entries.count() == 2
    assert balance_of(cast.organization) == 102_500
    assert messages_of(response) == [f"{cast.organization}: Topped up by 2.5 credits: Invoice 7"]
    history = reverse("admin:organizations_organization_history", args=[cast.organization.pk])
    assert "Invoice 7" in operator.get(history).content.decode()


def test_top_up_opens_an_account_where_there_is_none(operator: Client) -> None:
    fresh = make_organization(credits=0)
    assert not Account.objects.filter(organization=fresh).exists()
    top_up(operator, fresh, top_up="yes", amount="10", note="Welcome")
    assert balance_of(fresh) == 10_000


def test_top_up_serves_several_at_once(cast: Cast, operator: Client) -> None:
    both = [cast.organization, cast.recipient.organization]
    response = top_up(operator, *both, top_up="yes", amount="1", note="Apology")
    assert [balance_of(organization) for organization in both] == [101_000, 101_000]
    assert len(messages_of(response)) == 2
    assert not unbalanced_accounts()


@pytest.mark.parametrize(
    ("amount", "note", "field", "sentence"),
    [
        ("0", "Gift", "amount", "Enter an amount above zero."),
        ("-5", "Gift", "amount", "Enter an amount above zero."),
        ("", "Gift", "amount", "This field is required."),
        ("ten", "Gift", "amount", "Enter a number."),
        ("NaN", "Gift", "amount", "Enter a number."),
        ("0.0001", "Gift", "amount", "Ensure that there are no more than 3 decimal places."),
        ("1e30", "Gift", "amount", "Ensure this value is less than or equal to 100000000."),
        ("5", "", "note", "Give a reason; it stands in the ledger for good."),
        ("5", "   ", "note", "Give a reason; it stands in the ledger for good."),
    ],
)
def test_top_up_is_refused_at_the_field(
    cast: Cast, operator: Client, amount: str, note: str, field: str, sentence: str
) -> None:
    both = [cast.organization, cast.recipient.organization]
    response = top_up(operator, *both, top_up="yes", amount=amount, note=note)
    assert response.context["form"].errors == {field: [sentence]}
    assert sentence in response.content.decode()
    assert [balance_of(organization) for organization in both] == [100_000, 100_000]


def test_staff_without_leave_for_the_ledger_is_not_offered_a_top_up(cast: Cast) -> None:
    staff = make_user("staff@example.com", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="change_organization"))
    client = log_in(staff)
    assert "top_up" not in client.get(reverse(ORGANIZATIONS)).content.decode()
    top_up(client, cast.organization, top_up="yes", amount="5", note="Mine")
    assert balance_of(cast.organization) == 100_000


def test_list_shows_the_credits_of_each_organization(cast: Cast, operator: Client) -> None:
    make_organization("Penniless", credits=0)
    response = operator.get(reverse(ORGANIZATIONS), {"o": "3"})
    balances = [organization.balance for organization in response.context["cl"].result_list]
    assert balances == [0, 100_000, 100_000, 100_000]


@pytest.mark.parametrize("model", ["ledgerentry", "account"])
def test_books_are_for_reading_alone(cast: Cast, operator: Client, model: str) -> None:
    key = LedgerEntry.objects.all()[0].pk if model == "ledgerentry" else cast.organization.pk
    assert operator.get(reverse(f"admin:billing_{model}_add")).status_code == 403
    change = reverse(f"admin:billing_{model}_change", args=[key])
    assert operator.get(change).status_code == 200
    assert operator.post(change, {"amount": "1", "balance": "1"}).status_code == 403
    delete = reverse(f"admin:billing_{model}_delete", args=[key])
    assert operator.post(delete, {"post": "yes"}).status_code == 403
    changelist = operator.get(reverse(f"admin:billing_{model}_changelist")).content.decode()
    assert "delete_selected" not in changelist
