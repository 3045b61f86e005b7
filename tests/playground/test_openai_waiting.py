"""OpenAI's way in on a running server: who waits for images leaves the others their answers."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.conf import settings

from tests.running import RunningUp

pytestmark = pytest.mark.pipeline
SECONDS = 60
# One more than may wait; each image takes so long that all wait at once.
ASKED = settings.OPENAI_WAITERS + 1
BODY = {"model": "flux-2-klein-4b", "prompt": "[slow 4] a harbour", "size": "64x64"}


def test_others_are_answered_while_all_places_are_taken(running_up: RunningUp) -> None:
    headers = {"authorization": f"Bearer {running_up.demo['organizations'][0]['api_key']}"}
    url = f"{running_up.base_url}/v1"

    def ask(number: int) -> requests.Response:
        return requests.post(f"{url}/images/generations", json=BODY, headers=headers, timeout=SECONDS)

    with ThreadPoolExecutor(ASKED) as threads:
        answers = [threads.submit(ask, number) for number in range(ASKED)]
        time.sleep(1.5)
        begin = time.monotonic()
        other = requests.get(f"{url}/credits", headers=headers, timeout=SECONDS)
        took = time.monotonic() - begin
        waiting = sum(not answer.done() for answer in answers)
        found = [answer.result() for answer in answers]
    assert (other.status_code, waiting) == (200, settings.OPENAI_WAITERS)
    assert took < 1
    assert sorted(answer.status_code for answer in found) == [200] * settings.OPENAI_WAITERS + [503]
