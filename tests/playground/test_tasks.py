"""What is enqueued, and when: one poll a tick, and a first poll when generations usually end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from playground import tasks
from playground.models import Generation, State
from playground.queries import FIRST_POLL, first_poll_delay
from playground.steps import Kind, Step
from tests.conftest import Cast
from tests.playground.conftest import submit_one

ENDPOINT = "flux-2-klein-4b-finetuned"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The countdowns of the polls that were sent."""
    countdowns: list[float] = []
    monkeypatch.setattr(tasks.poll, "apply_async", lambda countdown: countdowns.append(countdown))
    return countdowns


def test_a_thousand_asks_for_one_moment_send_one_poll(sent: list[float]) -> None:
    at = timezone.now() + timedelta(seconds=3)
    tasks.enqueue([Step(Kind.POLL, at)] * 1000)
    assert len(sent) == 1
    assert 2.9 < sent[0] < 3 + tasks.TICK_SECONDS


def test_polls_of_different_moments_are_all_sent(sent: list[float]) -> None:
    now = timezone.now()
    tasks.enqueue([Step(Kind.POLL, now + timedelta(seconds=seconds)) for seconds in range(1, 5)])
    assert len(sent) == 4


def make_ready(cast: Cast, seconds: float, count: int) -> None:
    for _ in range(count):
        generation = submit_one(cast.organization, "ink-portrait")
        began = timezone.now() - timedelta(minutes=1)
        Generation.objects.filter(pk=generation.pk).update(
            state=State.FETCHING, submitted_at=began, ready_at=began + timedelta(seconds=seconds)
        )


def test_first_poll_comes_a_little_before_generations_usually_end(cast: Cast) -> None:
    make_ready(cast, seconds=10, count=8)
    make_ready(cast, seconds=60, count=1)
    assert first_poll_delay(ENDPOINT) == timedelta(seconds=8)


def test_first_poll_of_an_endpoint_without_history_comes_soon(cast: Cast) -> None:
    make_ready(cast, seconds=10, count=2)
    assert first_poll_delay(ENDPOINT) == FIRST_POLL
