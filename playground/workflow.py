"""The steps a worker takes: submit, poll, finish, sweep.

Every step claims its rows by a conditional UPDATE, so any may run twice or die in the middle. `due_at` is the lease:
while a step is at work it lies ahead; once it has passed, the sweeper lets the step be taken again. Each step returns
the steps that follow from it; `tasks.py` enqueues them.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from dashboard.bfl.schemas import Status
from dashboard.billing import services as billing
from finetunes.services import uses
from playground import queries, sample_filling, samples
from playground.inputs import strength_of
from playground.models import CANCELLED, ENDS, Generation, State
from playground.patience import FIRST_PAUSE, MAX_ATTEMPTS, asked_for, pause_before_next, pause_before_poll
from playground.providers.base import Outcome, Provider, ProviderError, get_provider
from playground.references import stored
from playground.steps import Kind, Step
from playground.webhooks import asking, delivery

log = logging.getLogger(__name__)

BATCH = 500
SUBMIT_LEASE = timedelta(seconds=60)
POLL_LEASE = timedelta(seconds=60)
FETCH_LEASE = timedelta(seconds=120)
DEADLINE = timedelta(minutes=10)
OVERDUE = timedelta(seconds=5)
# A queue longer than this is enqueued once more; a second message of the same id does nothing.
QUEUE_PATIENCE = timedelta(seconds=30)
NO_ANSWER = "The provider did not finish in time."
DIED = "The server could not hand this job over."
LOST = "The provider lost this job several times."
BAD_SAMPLE = "The provider sent something that is not an image."


def submit(generation_id: UUID) -> list[Step]:
    """Hands a queued generation to its provider."""
    now = timezone.now()
    claim = {"due_at": now + SUBMIT_LEASE, "submitted_at": now, "attempts": F("attempts") + 1}
    if not _move(generation_id, State.QUEUED, State.SUBMITTING, **claim):
        return []
    generation = Generation.objects.get(pk=generation_id)
    try:
        polling_url = get_provider(generation.provider).submit(generation.endpoint_name, _body(generation))
    except ProviderError as error:
        return _fail_or_requeue(generation, State.SUBMITTING, error)
    due_at = timezone.now() + queries.first_poll_delay(generation.endpoint_name)
    _move(generation_id, State.SUBMITTING, State.RUNNING, due_at=due_at, polling_url=polling_url)
    return [Step(Kind.POLL, due_at)]


def poll() -> list[Step]:
    """Asks for every running generation that is due, at once; says when the next poll is due while any is running."""
    steps: list[Step] = []
    for provider_name, batch in _by_provider(_claim_due()).items():
        steps += _poll_batch(get_provider(provider_name), batch)
    if next_at := queries.next_poll_at():
        steps.append(Step(Kind.POLL, next_at))
    return steps


def finish(generation_id: UUID) -> list[Step]:
    """Fetches and stores the sample, then marks Ready and settles in one transaction."""
    now = timezone.now()
    claim = Generation.objects.in_reach(generation_id, State.FETCHING).due(now)
    if claim.update(due_at=now + FETCH_LEASE) != 1:
        return []
    generation = Generation.objects.get(pk=generation_id)
    try:
        chunks = get_provider(generation.provider).download(generation.sample_url)
        image, thumbnail = samples.store_sample(generation, chunks)
    except samples.BadSampleError:
        _end(generation, State.FETCHING, Status.ERROR, {"error": BAD_SAMPLE})
        return []
    except ProviderError as error:
        return _fail_or_fetch_again(generation, error)
    if not _complete(generation, image, thumbnail):
        _discard(generation_id, image, thumbnail)
    return []


def sweep() -> list[Step]:
    """Finds whatever is due and unattended: a worker died, or the broker forgot."""
    now = timezone.now()
    overdue = Generation.objects.unfinished().due(now - OVERDUE).order_by("due_at")
    steps: list[Step] = []
    for generation_id, state in overdue.values_list("pk", "state")[:BATCH]:
        steps += _attend(generation_id, State(state), now)
    sample_filling.sweep()
    return steps


def cancel(generation: Generation) -> bool:
    """Ends what still waits to be handed over; False where a worker took it, or it has ended."""
    return _end(generation, State.QUEUED, Status.ERROR, {"error": CANCELLED})


def reclaim() -> None:
    """Makes every open generation and webhook overdue. Only for the start of a process that holds the only workers."""
    past = timezone.now() - OVERDUE
    Generation.objects.in_state(State.SUBMITTING).update(state=State.QUEUED)
    Generation.objects.unfinished().update(due_at=past)
    delivery.reclaim()


# --- Submission --------------------------------------------------------------------------------------------


def _body(generation: Generation) -> dict[str, Any]:
    body: dict[str, Any] = {**generation.inputs, **stored.as_sent(generation.references)}
    if generation.upstream_finetune_id:
        body["finetune_id"] = generation.upstream_finetune_id
    return body


def _fail_or_requeue(generation: Generation, state: State, error: ProviderError) -> list[Step]:
    """Ends a generation that can't succeed or has been tried enough; else queues it again, later each time."""
    now = timezone.now()
    pause = pause_before_next(error, attempts=generation.attempts, waited=now - generation.created_at)
    if pause is None:
        _end(generation, state, Status.ERROR, {"error": error.reason})
        return []
    due_at = now + pause
    tried = generation.attempts - 1 if error.is_busy else generation.attempts
    _move(generation.pk, state, State.QUEUED, due_at=due_at, attempts=tried)
    return [Step(Kind.SUBMIT, due_at, generation.pk)]


# --- Polling -----------------------------------------------------------------------------------------------


def _claim_due() -> list[Generation]:
    """The due running generations, leased to this poll: another that runs beside it skips them."""
    with transaction.atomic():
        now = timezone.now()
        due = Generation.objects.in_state(State.RUNNING).due(now).order_by("due_at")
        batch = list(due.select_for_update(skip_locked=True)[:BATCH])
        Generation.objects.filter(pk__in=[g.pk for g in batch]).update(due_at=now + POLL_LEASE)
    return batch


def _by_provider(batch: Iterable[Generation]) -> dict[str, list[Generation]]:
    groups: dict[str, list[Generation]] = {}
    for generation in batch:
        groups.setdefault(generation.provider, []).append(generation)
    return groups


def _poll_batch(provider: Provider, batch: Sequence[Generation]) -> list[Step]:
    answers = provider.poll([generation.polling_url for generation in batch])
    steps: list[Step] = []
    waiting: dict[timedelta, list[UUID]] = {}
    for generation, answer in zip(batch, answers, strict=True):
        if _still_runs(generation, answer):
            waiting.setdefault(_interval(generation, answer), []).append(generation.pk)
            continue
        try:
            steps += _leave_running(generation, answer)
        except Exception:  # one that breaks must not hold up the others; its lease ends, and it is asked for again
            log.exception("generation %s could not leave its state", generation.pk)
    _wait(waiting)
    return steps


def _still_runs(generation: Generation, answer: Outcome | ProviderError) -> bool:
    """Pending, or an answer that failed in passing; until the deadline."""
    in_time = generation.submitted_at is not None and timezone.now() - generation.submitted_at < DEADLINE
    pending = not answer.permanent if isinstance(answer, ProviderError) else answer.status is Status.PENDING
    return pending and in_time


def _interval(generation: Generation, answer: Outcome | ProviderError) -> timedelta:
    ran = timezone.now() - (generation.submitted_at or generation.created_at)
    return pause_before_poll(answer if isinstance(answer, ProviderError) else None, ran=ran)


def _wait(waiting: Mapping[timedelta, Sequence[UUID]]) -> None:
    """Puts off all that still run, in one statement an interval."""
    now = timezone.now()
    for interval, ids in waiting.items():
        Generation.objects.in_state(State.RUNNING).filter(pk__in=ids).update(due_at=now + interval)


def _leave_running(generation: Generation, answer: Outcome | ProviderError) -> list[Step]:
    if isinstance(answer, ProviderError):
        _end(generation, State.RUNNING, Status.ERROR, {"error": answer.reason if answer.permanent else NO_ANSWER})
        return []
    if answer.status is Status.READY:
        return _start_fetching(generation, answer)
    if answer.status is Status.NOT_FOUND:  # the provider restarted; the caller must not notice
        return _fail_or_requeue(generation, State.RUNNING, ProviderError(LOST, permanent=False))
    status = Status.ERROR if answer.status is Status.PENDING else answer.status
    details = {"error": NO_ANSWER} if answer.status is Status.PENDING else answer.details
    _end(generation, State.RUNNING, status, details)
    return []


def _start_fetching(generation: Generation, outcome: Outcome) -> list[Step]:
    now = timezone.now()
    seed = outcome.seed if outcome.seed is not None else generation.inputs.get("seed", "")
    found = {"due_at": now, "ready_at": now, "sample_url": outcome.sample_url, "seed": str(seed)}
    moved = _move(generation.pk, State.RUNNING, State.FETCHING, **found)
    return [Step(Kind.FINISH, now, generation.pk)] if moved else []


# --- Ends --------------------------------------------------------------------------------------------------


def _fail_or_fetch_again(generation: Generation, error: ProviderError) -> list[Step]:
    now = timezone.now()
    if error.permanent or generation.ready_at is None or now - generation.ready_at > DEADLINE:
        _end(generation, State.FETCHING, Status.ERROR, {"error": error.reason})
        return []
    due_at = now + max(FIRST_PAUSE, asked_for(error))
    Generation.objects.in_reach(generation.pk, State.FETCHING).update(due_at=due_at)
    return [Step(Kind.FINISH, due_at, generation.pk)]


@transaction.atomic
def _complete(generation: Generation, image: str, thumbnail: str) -> bool:
    now = timezone.now()
    if not _move(generation.pk, State.FETCHING, State.READY, finished_at=now, image=image, thumbnail=thumbnail):
        return False
    billing.settle(generation.pk)
    _tell_sample(generation.pk)
    asking.tell(generation.pk)
    return True


def _discard(generation_id: UUID, *names: str) -> None:
    """Files of a step that outlived its lease: another ended the generation, which may be deleted since."""
    kept = Generation.objects.filter(pk=generation_id).values_list("image", "thumbnail").first() or ()
    for name in set(names).difference(kept):
        default_storage.delete(name)


@transaction.atomic
def _end(generation: Generation, state: State, status: Status, details: dict[str, Any] | None) -> bool:
    """Any end but Ready: nothing is charged, and no image counted. True for the caller who ended it."""
    if generation.finetune_id:
        uses.hold(generation.finetune_id)
    if not _move(generation.pk, state, ENDS[status], finished_at=timezone.now(), details=details):
        return False
    billing.release(generation.pk)
    _tell_sample(generation.pk)
    asking.tell(generation.pk)
    if generation.finetune_id:
        strength = strength_of(generation.inputs)
        uses.give_back(generation.finetune_id, generation.organization_id, strength, generation.created_at)
    return True


def _tell_sample(generation_id: UUID) -> None:
    """Robust: the generation ended whatever becomes of a sample that waits for it; the sweeper comes for those too."""
    transaction.on_commit(lambda: sample_filling.attend(generation_id), robust=True)


def _move(generation_id: UUID, before: State, after: State, **fields: Any) -> bool:
    """The one way a state changes: True for the caller who moved it, and for no other."""
    return Generation.objects.in_reach(generation_id, before).update(state=after, **fields) == 1


# --- Sweeping ----------------------------------------------------------------------------------------------


def _attend(generation_id: UUID, state: State, now: datetime) -> list[Step]:
    if state is State.FETCHING:
        return [Step(Kind.FINISH, now, generation_id)]
    if state is State.RUNNING:
        return [Step(Kind.POLL, now)]
    if state is State.SUBMITTING and _gave_up(generation_id):
        return []
    moved = _move(generation_id, state, State.QUEUED, due_at=now + QUEUE_PATIENCE)
    return [Step(Kind.SUBMIT, now, generation_id)] if moved else []


def _gave_up(generation_id: UUID) -> bool:
    """Ends a generation whose submissions keep dying without an answer; it would otherwise be retaken for ever."""
    generation = Generation.objects.get(pk=generation_id)
    if generation.attempts < MAX_ATTEMPTS:
        return False
    _end(generation, State.SUBMITTING, Status.ERROR, {"error": DIED})
    return True
