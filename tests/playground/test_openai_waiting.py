"""OpenAI's way in on a running server: who waits for images leaves the others their answers."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.conf import settings

from tests.running import RunningUp

pytestmark = pytest.mark.pipeline
SECONDS = 60
# One more than one organization may wait for; each image takes so long that all wait at once.
MOST = settings.OPENAI_WAITERS // 2
BODY = {"model": "flux-2-klein-4b", "prompt": "[slow 4] a harbour", "size": "64x64"}


def test_others_are_answered_while_all_places_are_taken(running_up: RunningUp) -> None:
    """Half of the places are one organization's at most, and all of them leave threads for what is quick."""
    first, second = (
        {"authorization": f"Bearer {organization['api_key']}"} for organization in running_up.demo["organizations"][:2]
    )
    url = f"{running_up.base_url}/v1"

    def ask(headers: dict[str, str]) -> requests.Response:
        return requests.post(f"{url}/images/generations", json=BODY, headers=headers, timeout=SECONDS)

    with ThreadPoolExecutor(2 * MOST + 1) as threads:
        ours = [threads.submit(ask, first) for _ in range(MOST + 1)]
        theirs = [threads.submit(ask, second) for _ in range(MOST)]
        time.sleep(1.5)
        begin = time.monotonic()
        other = requests.get(f"{url}/credits", headers=first, timeout=SECONDS)
        took = time.monotonic() - begin
        waiting = sum(not answer.done() for answer in (*ours, *theirs))
        found, beside = ([answer.result().status_code for answer in answers] for answers in (ours, theirs))
    assert (other.status_code, waiting) == (200, 2 * MOST)
    assert took < 1
    assert sorted(found) == [200] * MOST + [503]
    assert beside == [200] * MOST
