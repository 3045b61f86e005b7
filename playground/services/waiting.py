"""Waiting for images within a request, for clients that cannot poll."""

import time
from collections.abc import Sequence
from math import ceil
from uuid import UUID

from django.conf import settings

from dashboard.lib.errors import DashboardError
from dashboard.lib.places import Places
from playground.models import Generation

# Seconds between two looks: a quick image is told at once, a slow one costs two reads a second.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.1, 0.5, 1.25
BUSY = (
    "Too many requests are waiting for their images. Try again in a few seconds, or use the endpoints that are polled."
)
# To be taken before anything is queued: who waits holds a thread of the web server. One organization has half of them.
PLACES = Places(settings.OPENAI_WAITERS, BUSY, of_one=ceil(settings.OPENAI_WAITERS / 2), retry_after=5)
LATE = (
    "Still being made after {seconds:g} seconds. Don't send the request again, it would be charged twice: "
    "ask GET /v1/get_result?id= for {ids}."
)


class StillOpenError(DashboardError):
    """The images were not there in time; they are still being made."""

    code = "timeout"
    status = 504

    def __init__(self, ids: Sequence[UUID]) -> None:
        self.ids = [str(id) for id in ids]
        super().__init__(LATE.format(seconds=settings.OPENAI_WAIT_SECONDS, ids=", ".join(self.ids)))


def wait_for(generations: Sequence[Generation]) -> list[Generation]:
    """Returns them once all have ended, in their order and as they are now. Raises StillOpenError."""
    ids = [generation.pk for generation in generations]
    end, pause = time.monotonic() + settings.OPENAI_WAIT_SECONDS, FIRST_PAUSE
    while Generation.objects.unfinished().filter(pk__in=ids).exists():
        if time.monotonic() >= end:
            raise StillOpenError(ids)
        time.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_PAUSE)
    ended = Generation.objects.in_bulk(ids)
    return [ended[id] for id in ids if id in ended]
