"""Images that count: at submission, given back at any end but Ready, and never more than a grant's cap."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, BoundedSemaphore

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.bfl.schemas import Status
from dashboard.billing.models import Kind
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from dashboard.sandbox.server import Sandbox
from finetunes.models import Finetune, Grant, Use
from finetunes.services import grants
from finetunes.services.uses import CapReachedError
from playground import workflow
from playground.models import Generation, State
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_organization
from tests.playground.conftest import run_steps, submit_one

REQUESTS, CAP = 50, 7
# PostgreSQL allows 100 connections unless told otherwise, and other tests may hold some.
CONNECTIONS = 40


@pytest.fixture
def shared(cast: Cast) -> Finetune:
    """klein 4B, granted to the recipient with a cap of one image a month."""
    Grant.objects.create(finetune=cast.finetune, organization=cast.recipient.organization, monthly_cap=1)
    return cast.finetune


def images(finetune: Finetune) -> int:
    return sum(Use.objects.filter(finetune=finetune).values_list("images", flat=True))


def test_ready_image_counts_and_each_other_end_gives_back_once(cast: Cast, sandbox: Sandbox) -> None:
    caller = cast.organization
    assert run_steps(submit_one(caller, "ink-portrait")).state == State.READY
    assert images(cast.finetune) == 1
    for prompt in ("a pier [error]", "a pier [request moderated]", "a pier [content moderated]"):
        generation = submit_one(caller, "ink-portrait", prompt, finetune_strength=1.5)
        assert images(cast.finetune) == 2
        assert run_steps(generation).state not in (State.READY, State.RUNNING)
        workflow._end(generation, State.RUNNING, Status.ERROR, None)
        assert images(cast.finetune) == 1


def test_image_that_ends_after_midnight_is_given_back_on_its_day(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    submitted = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    Generation.objects.filter(pk=generation.pk).update(created_at=submitted)
    Use.objects.update(day=submitted.date())
    generation.refresh_from_db()
    workflow._end(generation, State.QUEUED, Status.ERROR, {})
    assert list(Use.objects.values_list("day", "images")) == [(submitted.date(), 0)]


def test_over_the_cap_nothing_is_held_counted_or_kept(cast: Cast, shared: Finetune) -> None:
    caller = cast.recipient.organization
    submit_one(caller, str(shared))
    before = balance_of(caller)
    with pytest.raises(CapReachedError):
        submit_one(caller, str(shared))
    assert (images(shared), Generation.objects.count(), balance_of(caller)) == (1, 1, before)
    assert caller.ledger_entries.filter(kind=Kind.HOLD).count() == 1


def test_failed_image_leaves_room_for_another(cast: Cast, shared: Finetune) -> None:
    caller = cast.recipient.organization
    generation = submit_one(caller, str(shared))
    workflow._end(generation, State.QUEUED, Status.ERROR, {})
    submit_one(caller, str(shared))
    assert images(shared) == 1


def test_api_and_playground_say_what_the_cap_is(cast: Cast, shared: Finetune) -> None:
    caller = cast.recipient.organization
    submit_one(caller, str(shared))
    secret = mint_api_key(caller, "program")[1]
    path = reverse(f"v1:{shared.endpoint.name}")
    body = {"finetune_id": str(shared), "prompt": "x", "width": 64, "height": 64}
    answer = Client().post(path, body, content_type="application/json", headers={"x-key": secret})
    assert (answer.status_code, "used its 1 image" in str(answer.json())) == (403, True)
    form = {"model": str(shared), "prompt": "x", "width": 64, "height": 64}
    page = log_in(cast.recipient.user).post(reverse("playground", args=[caller.org_id]), form)
    assert (page.status_code, "used its 1 image" in page.content.decode()) == (403, True)


def test_queued_generation_of_a_revoked_or_expired_grant_finishes(cast: Cast, sandbox: Sandbox) -> None:
    caller = cast.recipient.organization
    for end in ("revoke", "expire"):
        finetune = make_finetune(cast.organization, f"{end}d", granted_to=caller)
        queued = submit_one(caller, str(finetune))
        if end == "revoke":
            assert grants.revoke(finetune.grants.get())
        else:
            finetune.grants.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert run_steps(queued).state == State.READY
        assert images(finetune) == 1


def test_submission_costs_one_statement_more_with_a_finetune_and_three_with_a_cap(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as statements:
            submit_one(caller, str(cast.finetune))
        return len(statements)

    caller = cast.recipient.organization
    Grant.objects.create(finetune=cast.finetune, organization=caller, monthly_cap=100)
    capped = cost()
    monkeypatch.setattr("playground.services.generating.uses.take", lambda *_: None)
    assert capped - cost() == 3


@pytest.mark.django_db(transaction=True)
def test_of_fifty_submissions_at_once_as_many_pass_as_the_cap_allows() -> None:
    owner, caller = make_organization(), make_organization(credits=1000)
    finetune = make_finetune(owner, granted_to=caller)
    finetune.grants.update(monthly_cap=CAP)
    start, connections = Barrier(REQUESTS), BoundedSemaphore(CONNECTIONS)

    def request(number: int) -> bool:
        start.wait(timeout=60)
        with connections:
            return admitted(caller, finetune, number / 25)

    with ThreadPoolExecutor(REQUESTS) as threads:
        outcomes = list(threads.map(request, range(REQUESTS)))
    assert (outcomes.count(True), outcomes.count(False)) == (CAP, REQUESTS - CAP)
    assert images(finetune) == Generation.objects.count() == CAP
    assert caller.ledger_entries.filter(kind=Kind.HOLD).count() == CAP
    assert not unbalanced_accounts()


def admitted(caller: Organization, finetune: Finetune, strength: float) -> bool:
    try:
        submit_one(caller, str(finetune), finetune_strength=strength)
    except CapReachedError:
        return False
    finally:
        connection.close()
    return True
