"""The sandbox as upstream over real HTTP, and a driver that takes workflow steps without a broker."""

import time
from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.bfl.endpoints import BY_NAME
from dashboard.bfl.schemas import Status
from dashboard.organizations.models import Organization
from dashboard.sandbox.server import Sandbox
from playground import workflow
from playground.inputs import parse
from playground.models import Generation, State, Webhook
from playground.providers.base import get_provider
from playground.services import generating
from playground.steps import Kind, Step
from tests.playground.receivers import Receiver, receiving

RUN_SECONDS = 10


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    with Sandbox(seconds=0.05, jitter=0.0) as server:
        settings.BFL_API_URL = server.url
        get_provider.cache_clear()
        yield server
    get_provider.cache_clear()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A server that webhooks may go to, although it is on this machine."""
    settings.ALLOW_PRIVATE_URLS = True
    with receiving() as running:
        yield running


def submit_one(caller: Organization, finetune_id: str, prompt: str = "TOK in the rain", **given: object) -> Generation:
    """One queued generation on klein 4B, through the service."""
    endpoint = BY_NAME[str(given.pop("endpoint", "flux-2-klein-4b-finetuned"))]
    inputs = parse(endpoint, {"finetune_id": finetune_id, "prompt": prompt, "width": 64, "height": 64, **given})
    return generating.generate(caller, endpoint, inputs)


def make_due(organization: Organization, url: str, prompt: str = "TOK [error]", secret: str = "") -> Webhook:
    """A generation that has ended without an image, and its webhook."""
    generation = submit_one(organization, "ink-portrait", prompt, webhook_url=url, webhook_secret=secret)
    workflow._end(generation, State.QUEUED, Status.ERROR, {"error": "It broke."})
    return Webhook.objects.get(generation=generation)


def run_steps(generation: Generation) -> Generation:
    """Takes every step that follows from the submission, at its time, until none is left."""
    pending = [Step(Kind.SUBMIT, timezone.now(), generation.pk)]
    end = time.monotonic() + RUN_SECONDS
    while pending:
        assert time.monotonic() < end, f"still open: {pending}"
        step = pending.pop(0)
        time.sleep(max(0.0, (step.at - timezone.now()).total_seconds()))
        pending += take(step)
    generation.refresh_from_db()
    return generation


def take(step: Step) -> list[Step]:
    if step.kind is Kind.POLL:
        return workflow.poll()
    assert step.generation_id is not None
    return {Kind.SUBMIT: workflow.submit, Kind.FINISH: workflow.finish}[step.kind](step.generation_id)
