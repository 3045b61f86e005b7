"""Reads of generations."""

from datetime import datetime, timedelta
from statistics import quantiles
from uuid import UUID

from django.core.cache import cache

from dashboard.organizations.models import Organization
from finetunes.models import Finetune, Source
from playground.models import Generation, State

RECENT = 12
LEARN_FROM = 20
LEARNED_SECONDS = 10
FIRST_POLL = timedelta(seconds=0.5)
FIRST_POLL_MOST = timedelta(seconds=30)
# A little early: who always asks after the end would never notice that a provider became faster.
EARLY = 0.8


def recent_generations(organization: Organization) -> list[Generation]:
    generations = Generation.objects.of_caller(organization).select_related("user", "api_key")
    return list(generations.order_by("-created_at")[:RECENT])


def find_generation(generation_id: UUID) -> Generation | None:
    """One indexed read, for `get_result`: who knows the id may ask, for as long as its organization is there."""
    return Generation.objects.filter(pk=generation_id, organization__deleted_at=None).first()


def callable_finetunes(caller: Organization) -> dict[Source, list[Finetune]]:
    """What the caller may generate with, in the groups of the picker."""
    groups: dict[Source, list[Finetune]] = {
        source: [] for source in (Source.OWNED, Source.THIRD_PARTY, Source.OFFICIAL)
    }
    for finetune in Finetune.objects.visible_to(caller).select_related("organization")[:500]:
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
