"""Webhooks with a real worker: from the call to the receiver, retried in time, and slow receivers hold up nobody.

The receiver stands before the worker among the fixtures: a worker in a process of its own takes over its settings.
"""

import json
import time

from django.test import Client

from dashboard.celery import app
from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from dashboard.sandbox.server import Sandbox
from playground import tasks
from playground.models import Generation, State, Webhook, WebhookState
from playground.webhooks.couriers import MOST_OF_ONE
from tests.factories import make_finetune, make_organization
from tests.playground.conftest import make_due
from tests.playground.receivers import Receiver, receiving

WAIT_SECONDS = 20


def make_caller(name: str) -> Organization:
    organization = make_organization(name)
    make_finetune(organization, "ink-portrait")
    return organization


def call(organization: Organization, url: str) -> str:
    body = {"finetune_id": "ink-portrait", "prompt": "TOK", "width": 64, "height": 64, "webhook_url": url}
    response = Client().post(
        "/v1/flux-2-klein-4b-finetuned",
        json.dumps(body),
        content_type="application/json",
        headers={"x-key": mint_api_key(organization, "program")[1]},
    )
    assert response.status_code == 200, response.content
    task_id: str = response.json()["id"]
    return task_id


def wait_for(state: WebhookState, count: int) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while Webhook.objects.filter(state=state).count() < count:
        assert time.monotonic() < end, list(Webhook.objects.values_list("state", "tries"))
        time.sleep(0.05)


def test_call_is_told_at_its_end_and_again_a_second_after_a_failure(receiver: Receiver, worker: Sandbox) -> None:
    receiver.statuses = [503, 200]
    task_id = call(make_caller("Atelier"), receiver.url)
    wait_for(WebhookState.DELIVERED, 1)
    assert [(received.json["id"], received.json["status"]) for received in receiver.received] == [
        (task_id, "Ready"),
        (task_id, "Ready"),
    ]
    first, second = Webhook.objects.get().deliveries.order_by("pk")
    assert 0.9 < (second.created_at - first.created_at).total_seconds() < 5


def test_what_nobody_attends_to_is_found_by_the_beat(transactional_db: None, receiver: Receiver) -> None:
    make_due(make_caller("Atelier"), receiver.url)  # no worker takes the task that its end enqueued
    app.control.purge()
    tasks.deliver()
    wait_for(WebhookState.DELIVERED, 1)
    assert len(receiver.received) == 1


def test_slow_receivers_hold_up_neither_images_nor_other_organizations(receiver: Receiver, worker: Sandbox) -> None:
    slow, quick = make_caller("Slow"), make_caller("Quick")
    with receiving() as dripping:
        dripping.drips, dripping.pause = True, 0.5
        for _ in range(3 * MOST_OF_ONE):
            make_due(slow, dripping.url)
        dripping.wait(MOST_OF_ONE)
        task_id = call(quick, receiver.url)
        receiver.wait(1)
        assert receiver.received[0].json["id"] == task_id
        assert Generation.objects.get(pk=task_id).state == State.READY
        assert len(dripping.received) == MOST_OF_ONE
        Webhook.objects.filter(organization=slow).delete()
    wait_for(WebhookState.DELIVERED, 1)
