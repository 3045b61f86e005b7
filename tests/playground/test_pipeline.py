"""The whole pipeline through a Celery worker and the sandbox over HTTP, also when upstream misbehaves."""

import time

import pytest

from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.sandbox.faults import Fault
from dashboard.sandbox.server import Sandbox
from playground.models import Generation, State
from playground.patience import MAX_ATTEMPTS
from tests.conftest import Cast
from tests.playground.conftest import submit_one

WAIT_SECONDS = 40

pytestmark = pytest.mark.pipeline


def wait_for_all() -> list[Generation]:
    begin = time.monotonic()
    while Generation.objects.unfinished().exists():
        assert time.monotonic() - begin < WAIT_SECONDS, list(Generation.objects.values_list("state", "attempts"))
        time.sleep(0.05)
    return list(Generation.objects.all())


# Being told to wait is no attempt.
@pytest.mark.parametrize(
    ("fault", "count", "attempts"), [(Fault.TOO_MANY, 2, 1), (Fault.SERVER_ERROR, 1, 2), (Fault.DROPPED, 1, 2)]
)
def test_an_upstream_that_stumbles_costs_time_and_nothing_else(
    worker: Sandbox, cast: Cast, fault: Fault, count: int, attempts: int
) -> None:
    worker.faults.add(fault, count)
    submit_one(cast.organization, "ink-portrait")
    [generation] = wait_for_all()
    assert (generation.state, generation.attempts) == (State.READY, attempts)
    assert balance_of(cast.organization) == 100_000 - 1400


def test_an_upstream_that_keeps_failing_ends_the_generation_uncharged(worker: Sandbox, cast: Cast) -> None:
    worker.faults.add(Fault.SERVER_ERROR, 100)
    generation = submit_one(cast.organization, "ink-portrait")
    Generation.objects.filter(pk=generation.pk).update(attempts=MAX_ATTEMPTS - 1)
    [generation] = wait_for_all()
    assert (generation.state, generation.explanation) == (State.ERROR, "The provider could not make this image.")
    assert balance_of(cast.organization) == 100_000


def test_forty_at_once_all_end_ready_and_are_billed_once(worker: Sandbox, cast: Cast) -> None:
    for _ in range(40):
        submit_one(cast.organization, "ink-portrait")
    assert {generation.state for generation in wait_for_all()} == {State.READY}
    assert balance_of(cast.organization) == 100_000 - 40 * 1400
    assert unbalanced_accounts() == []
