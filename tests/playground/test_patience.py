"""What a job does when its provider is busy, away, or asks to be left alone for a while."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.billing.queries import balance_of
from playground import workflow
from playground.models import Generation, State
from playground.patience import BUSY_PATIENCE, LONGEST_ASKED, MAX_ATTEMPTS, pause_before_next
from playground.providers.base import ProviderError, get_provider
from playground.steps import Kind
from tests.bfl.conftest import Reply, Upstream
from tests.bfl.conftest import upstream as upstream
from tests.conftest import Cast
from tests.playground.conftest import submit_one


@pytest.fixture
def provider(upstream: Upstream, settings: Settings) -> Iterator[Upstream]:
    settings.BFL_API_URL = upstream.url
    get_provider.cache_clear()
    yield upstream
    get_provider.cache_clear()


def asked(status: int, seconds: str = "") -> Reply:
    return Reply(status, headers={"Retry-After": seconds} if seconds else {})


@pytest.mark.parametrize(("status", "attempts"), [(429, 0), (503, 1)])
def test_next_attempt_is_not_before_the_provider_wants_it(
    cast: Cast, provider: Upstream, status: int, attempts: int
) -> None:
    provider.say(asked(status, "40"))
    generation = submit_one(cast.organization, "ink-portrait")
    [step] = workflow.submit(generation.pk)
    generation.refresh_from_db()
    assert (step.kind, step.generation_id) == (Kind.SUBMIT, generation.pk)
    assert timedelta(seconds=39) < step.at - timezone.now() <= timedelta(seconds=40)
    assert (generation.state, generation.attempts, generation.due_at) == (State.QUEUED, attempts, step.at)


def test_busy_provider_fails_no_job_before_its_patience_is_over(cast: Cast, provider: Upstream) -> None:
    provider.say(asked(429))
    generation = submit_one(cast.organization, "ink-portrait")
    for _ in range(MAX_ATTEMPTS + 3):
        [step] = workflow.submit(generation.pk)
    Generation.objects.update(created_at=timezone.now() - BUSY_PATIENCE)
    assert workflow.submit(generation.pk) == []
    generation.refresh_from_db()
    assert generation.state == State.ERROR
    assert generation.explanation == "The provider was busy for too long. Try again later."
    assert balance_of(cast.organization) == 100_000


def test_poll_that_is_turned_away_comes_back_when_it_may(cast: Cast, provider: Upstream) -> None:
    submission = b'{"id":"1","polling_url":"%s/r"}' % provider.url.encode()
    provider.say(Reply(body=submission), asked(429, "60"))
    generation = submit_one(cast.organization, "ink-portrait")
    workflow.submit(generation.pk)
    Generation.objects.update(due_at=timezone.now())
    workflow.poll()
    generation.refresh_from_db()
    assert generation.state == State.RUNNING
    assert generation.due_at - timezone.now() > timedelta(seconds=55)


def test_job_goes_on_once_the_provider_has_time(cast: Cast, provider: Upstream) -> None:
    provider.say(asked(429, "1"), Reply(body=b'{"id":"1","polling_url":"https://x/1"}'))
    generation = submit_one(cast.organization, "ink-portrait")
    workflow.submit(generation.pk)
    workflow.submit(generation.pk)
    generation.refresh_from_db()
    assert (generation.state, generation.polling_url) == (State.RUNNING, "https://x/1")


def test_pauses_grow_and_have_an_end() -> None:
    away = ProviderError("away", permanent=False)
    pauses = [pause_before_next(away, attempts=each, waited=timedelta()) for each in range(1, MAX_ATTEMPTS + 1)]
    assert pauses == [*(timedelta(seconds=2**each) for each in range(MAX_ATTEMPTS - 1)), None]
    far = ProviderError("busy", permanent=False, retry_after=86_400, is_busy=True)
    assert pause_before_next(far, attempts=1, waited=timedelta()) == LONGEST_ASKED
    busy = ProviderError("busy", permanent=False, is_busy=True)
    for waited in (timedelta(), timedelta(minutes=1), timedelta(minutes=20)):
        pause = pause_before_next(busy, attempts=50, waited=waited)
        assert pause is not None
        assert timedelta(seconds=0.5) <= pause <= timedelta(seconds=30)
    assert pause_before_next(ProviderError("no", permanent=True), attempts=1, waited=timedelta()) is None
