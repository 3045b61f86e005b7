"""The worker's steps against the sandbox over HTTP: each end books once, any step may run twice or die."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from dashboard.billing.models import LedgerEntry
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.billing.services import release
from dashboard.sandbox.server import Sandbox
from playground import workflow
from playground.models import Generation, State
from playground.patience import MAX_ATTEMPTS
from playground.steps import Kind, Step
from tests.conftest import Cast
from tests.playground.conftest import run_steps, submit_one, take

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def books_balance(db: None) -> Iterator[None]:
    yield
    assert unbalanced_accounts() == []


def kinds(generation: Generation) -> list[str]:
    entries = LedgerEntry.objects.filter(reference__endswith=str(generation.pk)).order_by("id")
    return list(entries.values_list("kind", flat=True))


def test_generation_ends_ready_with_image_thumbnail_and_one_charge(cast: Cast) -> None:
    generation = run_steps(submit_one(cast.organization, "ink-portrait", seed=11, output_format="png", width=128))
    assert generation.state == State.READY
    assert generation.seed == "11"
    with default_storage.open(str(generation.image)) as file, Image.open(file) as image:
        assert (image.format, image.size) == ("PNG", (128, 64))
    assert default_storage.exists(str(generation.thumbnail))
    assert kinds(generation) == ["hold", "release", "settle"]
    assert balance_of(cast.organization) == 100_000 - 1400


@pytest.mark.parametrize(
    ("marker", "state"),
    [
        ("[request moderated]", State.REQUEST_MODERATED),
        ("[content moderated]", State.CONTENT_MODERATED),
        ("[error]", State.ERROR),
    ],
)
def test_other_ends_are_not_charged(cast: Cast, marker: str, state: State) -> None:
    generation = run_steps(submit_one(cast.organization, "ink-portrait", f"TOK {marker}"))
    assert generation.state == state
    assert generation.explanation
    assert kinds(generation) == ["hold", "release"]
    assert balance_of(cast.organization) == 100_000


def test_every_step_taken_twice_does_nothing_the_second_time(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    [poll] = workflow.submit(generation.pk)
    assert workflow.submit(generation.pk) == []
    Generation.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    steps: list[Step] = []
    while not any(step.kind is Kind.FINISH for step in steps):
        steps = take(poll)
        Generation.objects.in_state(State.RUNNING).update(due_at=timezone.now())
    workflow.finish(generation.pk)
    assert workflow.finish(generation.pk) == []
    assert workflow.poll() == []
    assert kinds(generation) == ["hold", "release", "settle"]


def test_a_poll_skips_what_another_has_leased(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    workflow.submit(generation.pk)
    Generation.objects.update(due_at=timezone.now() + timedelta(seconds=60))
    [again] = workflow.poll()
    assert again.kind is Kind.POLL
    assert again.at > timezone.now() + timedelta(seconds=50)


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.RUNNING, State.FETCHING])
def test_sweeper_takes_up_what_a_dead_worker_left(cast: Cast, state: State) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    if state in (State.RUNNING, State.FETCHING):
        workflow.submit(generation.pk)
    if state is State.FETCHING:
        while Generation.objects.in_state(State.RUNNING).exists():
            Generation.objects.update(due_at=timezone.now())
            workflow.poll()
    Generation.objects.update(state=state, due_at=timezone.now() - timedelta(minutes=2))
    pending = workflow.sweep()
    while pending:
        Generation.objects.unfinished().update(due_at=timezone.now())
        pending += take(pending.pop(0))
    generation.refresh_from_db()
    assert generation.state == State.READY
    assert kinds(generation) == ["hold", "release", "settle"]


def test_sweeper_leaves_alone_what_is_attended(cast: Cast) -> None:
    submit_one(cast.organization, "ink-portrait")
    assert workflow.sweep() == []


def test_job_that_the_provider_lost_is_submitted_again(cast: Cast, sandbox: Sandbox) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    workflow.submit(generation.pk)
    unknown = f"{sandbox.url}/v1/get_result?id=00000000-0000-4000-8000-000000000000"
    Generation.objects.update(polling_url=unknown, due_at=timezone.now())
    [again, *_] = workflow.poll()
    assert again.kind is Kind.SUBMIT
    generation = run_steps(generation)
    assert generation.state == State.READY
    assert generation.attempts == 2
    assert kinds(generation) == ["hold", "release", "settle"]


def test_reclaim_makes_every_open_generation_overdue(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    Generation.objects.update(state=State.SUBMITTING, due_at=timezone.now() + timedelta(minutes=1))
    workflow.reclaim()
    [step] = workflow.sweep()
    assert (step.kind, step.generation_id) == (Kind.SUBMIT, generation.pk)


def test_job_past_the_deadline_ends_uncharged(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait", "TOK [slow 20]")
    workflow.submit(generation.pk)
    Generation.objects.update(due_at=timezone.now(), submitted_at=timezone.now() - workflow.DEADLINE)
    assert workflow.poll() == []
    generation.refresh_from_db()
    assert (generation.state, generation.explanation) == (State.ERROR, workflow.NO_ANSWER)
    assert balance_of(cast.organization) == 100_000


def test_sample_that_is_no_image_ends_as_error(cast: Cast, sandbox: Sandbox) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    workflow.submit(generation.pk)
    Generation.objects.update(
        state=State.FETCHING, sample_url=f"{sandbox.url}/v1/get_result?id=x", due_at=timezone.now()
    )
    workflow.finish(generation.pk)
    generation.refresh_from_db()
    assert (generation.state, generation.explanation) == (State.ERROR, workflow.BAD_SAMPLE)
    assert kinds(generation) == ["hold", "release"]


def test_twenty_running_are_polled_in_few_queries(
    cast: Cast, sandbox: Sandbox, django_assert_max_num_queries: object
) -> None:
    for _ in range(20):
        generation = submit_one(cast.organization, "ink-portrait", "TOK [slow 20]")
        workflow.submit(generation.pk)
    Generation.objects.update(due_at=timezone.now())
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        workflow.poll()


def test_submission_that_keeps_dying_ends_uncharged(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    past = timezone.now() - timedelta(minutes=2)
    Generation.objects.update(state=State.SUBMITTING, attempts=MAX_ATTEMPTS - 1, due_at=past)
    [again] = workflow.sweep()
    assert again.kind is Kind.SUBMIT
    Generation.objects.update(state=State.SUBMITTING, attempts=MAX_ATTEMPTS, due_at=past)
    assert workflow.sweep() == []
    generation.refresh_from_db()
    assert (generation.state, generation.explanation) == (State.ERROR, workflow.DIED)
    assert balance_of(cast.organization) == 100_000


def test_one_that_cannot_be_booked_does_not_hold_up_the_others(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = (submit_one(cast.organization, "ink-portrait", "TOK [error]") for _ in range(2))
    workflow.submit(broken.pk)
    workflow.submit(sound.pk)
    Generation.objects.update(submitted_at=timezone.now() - workflow.DEADLINE, due_at=timezone.now())
    release(broken.pk)  # its hold is closed already: it can't end
    workflow.poll()
    assert list(Generation.objects.in_state(State.ERROR)) == [sound]
    assert str(broken.pk) in caplog.text
