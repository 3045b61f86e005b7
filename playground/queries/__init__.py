"""Reads of generations."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache as cache_forever
from statistics import quantiles
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.db.models import BooleanField, Case, Count, Exists, IntegerField, OuterRef, QuerySet, Subquery, When
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.utils import timezone

from dashboard.organizations.models import Organization, User
from finetunes.models import Finetune, Grant, Sample, Source
from playground.models import OPEN_STATES, Generation, GenerationQuerySet, State

RECENT = 12
# Cards that one status request serves.
MAX_POLLED = 50
COMPARABLE = 50
# Finetunes in a plain list; the picker's search finds the others.
MOST_LISTED = 200
# Prompts that the form can bring back: distinct ones among the newest images, as many characters as load at once.
PROMPTS, PROMPTS_AMONG, PROMPTS_CHARS = 50, 500, 200_000
LEARN_FROM = 20
LEARNED_SECONDS = 10
FIRST_POLL = timedelta(seconds=0.5)
FIRST_POLL_MOST = timedelta(seconds=30)
# A little early: who always asks after the end would never notice that a provider became faster.
EARLY = 0.8
# SQLite reads the index of open generations only where a condition has its very words, which parameters are not; a card
# would else read the whole table for its place.
IN_INDEX = RawSQL(f"state IN {tuple(map(str, OPEN_STATES))}", (), output_field=BooleanField())

# What `playground.results` reads.
RESULT_COLUMNS = (
    "endpoint_name", "state", "inputs", "seed", "details", "image", "submitted_at", "ready_at", "finished_at",
)  # fmt: skip


def recent_generations(organization: Organization) -> list[Generation]:
    """The newest, and besides them whatever still runs: who comes back finds it again."""
    own = with_sample(Generation.objects.of_caller(organization)).order_by("-created_at")
    newest = list(own[:RECENT])
    if len(newest) < RECENT:
        return newest
    running = own.filter(state__in=OPEN_STATES, created_at__lt=newest[-1].created_at)
    return newest + list(running[:MAX_POLLED])


def polled_generations(organization: Organization, ids: Iterable[UUID]) -> dict[UUID, Generation]:
    """Those of the organization among `ids`, as their cards show them."""
    found = with_sample(Generation.objects.of_caller(organization).filter(pk__in=list(ids)))
    return {generation.pk: generation for generation in found}


def recent_prompts(organization: Organization, user: User) -> list[str]:
    """What this person wrote in this organization, newest first, each once."""
    own = Generation.objects.of_caller(organization).filter(user=user).order_by("-created_at")
    written = own.values_list(KeyTextTransform("prompt", "inputs"), flat=True)[:PROMPTS_AMONG]
    found: dict[str, None] = {}
    left = PROMPTS_CHARS
    for prompt in written.iterator(chunk_size=PROMPTS):
        left -= 0 if prompt in found else len(prompt)
        if left < 0 or len(found) == PROMPTS:
            break
        found[prompt] = None
    return list(found)


def comparable_generations(organization: Organization) -> list[Generation]:
    """The newest images to choose from."""
    ready = Generation.objects.of_caller(organization).in_state(State.READY)
    return list(ready.select_related("finetune__organization").order_by("-created_at")[:COMPARABLE])


def with_sample(generations: GenerationQuerySet) -> QuerySet[Generation]:
    """What a card shows: who asked, the finetune, and as `is_sample` whether the image is one of its samples.

    And `queued_before`, its place in the queue; and `is_granted`, whether the caller has leave for the finetune.
    """
    granted = Grant.objects.live(timezone.now()).filter(
        finetune=OuterRef("finetune"), organization=OuterRef("organization")
    )
    samples = Sample.objects.filter(finetune=OuterRef("finetune"), generation_id=OuterRef("pk"))
    related = generations.select_related("user", "api_key", "finetune__organization")
    return related.annotate(is_sample=Exists(samples), is_granted=Exists(granted), queued_before=_queued_before())


def _queued_before() -> Case:
    """How many of all callers wait before a queued one; counted for those alone that are queued."""
    waiting = Generation.objects.in_state(State.QUEUED).filter(IN_INDEX, created_at__lt=OuterRef("created_at"))
    count = waiting.order_by().values("state").annotate(count=Count("pk")).values("count")
    place = Coalesce(Subquery(count), 0, output_field=IntegerField())
    return Case(When(state=State.QUEUED, then=place), default=None, output_field=IntegerField())


def find_result(generation_id: UUID) -> Generation | None:
    """One indexed read of what `result_of` tells. Who knows the id may ask, as long as its organization is there."""
    key = Generation._meta.pk.get_db_prep_value(generation_id, connection)
    return next(iter(Generation.objects.raw(_result_statement(), [key])), None)


@cache_forever
def _result_statement() -> str:
    """Made once, which costs Django more than reading the row."""
    anyone = Generation.objects.filter(pk=UUID(int=0), organization__deleted_at=None)
    statement, _ = anyone.order_by().only(*RESULT_COLUMNS).query.sql_with_params()
    return statement


def callable_finetunes(caller: Organization) -> dict[Source, list[Finetune]]:
    """What the caller may generate with, the first by name, in the groups of the picker."""
    groups: dict[Source, list[Finetune]] = {
        source: [] for source in (Source.OWNED, Source.THIRD_PARTY, Source.OFFICIAL)
    }
    visible = Finetune.objects.visible_to(caller).select_related("organization").defer("description")
    for finetune in visible[:MOST_LISTED]:
        groups[finetune.source_for(caller)].append(finetune)
    return {source: finetunes for source, finetunes in groups.items() if finetunes}


def first_poll_delay(endpoint_name: str) -> timedelta:
    """How long this endpoint's generations usually take, learned from recent ones; read at most every ten seconds."""
    key = f"first-poll:{endpoint_name}"
    delay: timedelta | None = cache.get(key)
    if delay is None:
        delay = _learn_delay(endpoint_name)
        cache.set(key, delay, LEARNED_SECONDS)
    return delay


def next_poll_at() -> datetime | None:
    """When the next running generation is due."""
    running = Generation.objects.in_state(State.RUNNING).order_by("due_at")
    return running.values_list("due_at", flat=True).first()


def _learn_delay(endpoint_name: str) -> timedelta:
    ended = Generation.objects.filter(endpoint_name=endpoint_name, ready_at__isnull=False, submitted_at__isnull=False)
    times = ended.order_by("-ready_at").values_list("submitted_at", "ready_at")[:LEARN_FROM]
    seconds = [(ready - submitted).total_seconds() for submitted, ready in times if submitted and ready]
    if len(seconds) < 3:
        return FIRST_POLL
    usual = timedelta(seconds=quantiles(seconds, n=4)[0] * EARLY)
    return min(max(usual, timedelta()), FIRST_POLL_MOST)
