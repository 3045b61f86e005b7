"""Many holds at once: as many pass as the balance pays for, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BoundedSemaphore
from uuid import uuid4

import pytest
from django.db import connection

from dashboard.billing import services
from dashboard.billing.models import Kind
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.billing.services import InsufficientCreditsError
from dashboard.organizations.models import Organization
from tests.factories import make_organization

REQUESTS = 100
PRICE = 1_400
# PostgreSQL allows 100 connections unless told otherwise, and other tests may hold some.
CONNECTIONS = 50


@pytest.mark.django_db(transaction=True)
def test_with_money_for_seven_a_hundred_holds_at_once_admit_seven() -> None:
    organization = make_organization(credits=0)
    services.top_up(organization, 7 * PRICE + PRICE - 1, note="money for seven, and almost for one more")
    start, connections = Barrier(REQUESTS), BoundedSemaphore(CONNECTIONS)

    def request(_: int) -> bool:
        start.wait(timeout=30)
        with connections:
            return admitted(organization)

    with ThreadPoolExecutor(REQUESTS) as threads:
        outcomes = list(threads.map(request, range(REQUESTS)))

    assert outcomes.count(True) == 7
    assert outcomes.count(False) == REQUESTS - 7
    assert organization.ledger_entries.filter(kind=Kind.HOLD).count() == 7
    assert balance_of(organization) == PRICE - 1
    assert not unbalanced_accounts()


def admitted(organization: Organization) -> bool:
    try:
        services.hold(organization, PRICE, uuid4())
    except InsufficientCreditsError:
        return False
    finally:
        connection.close()
    return True
