"""Webhooks, step by step: what is sent to a real server and how it is signed, when it is sent again, and when never."""

import hashlib
import hmac
import json
import re
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.bfl.schemas import Status
from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from playground import workflow
from playground.inputs import InvalidFieldsError
from playground.models import Generation, State, Webhook, WebhookDelivery, WebhookState
from playground.removal import remove_batch
from playground.webhooks import delivery
from playground.webhooks.delivery import MAX_TRIES, PAUSES, claim, post, record
from tests.conftest import Cast, read_file
from tests.factories import make_finetune, make_organization
from tests.playground.conftest import make_due, run_steps, submit_one
from tests.playground.receivers import Receiver

README = Path(__file__).parents[2] / "README.md"
SECRET = "s3cret of the receiver"
KEYS = ["id", "task_id", "status", "result", "progress", "details", "preview", "timestamp"]
BODY = {"finetune_id": "ink-portrait", "prompt": "TOK in the rain", "width": 64, "height": 64}


def deliver(expected: int = 1) -> list[WebhookDelivery]:
    """Takes the steps of all that is due now."""
    answers = []
    while taken := claim():
        answers.append(post(taken.webhook))
        record(taken, answers[-1])
    assert len(answers) == expected
    return answers


def states() -> list[str]:
    return list(Webhook.objects.order_by("pk").values_list("state", flat=True))


# --- What is sent ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sandbox")
def test_a_ready_image_is_told_once_and_signed_in_both_ways(cast: Cast, receiver: Receiver) -> None:
    generation = submit_one(cast.organization, "ink-portrait", seed=7, webhook_url=receiver.url, webhook_secret=SECRET)
    assert states() == ["waiting"]
    assert run_steps(generation).state == State.READY
    deliver()
    [received] = receiver.received
    signature = hmac.new(SECRET.encode(), received.body, hashlib.sha256).hexdigest()
    assert received.headers["X-BFL-Signature"] == f"sha256={signature}"
    assert received.headers["X-Webhook-Secret"] == SECRET
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["User-Agent"].startswith("Finetunes-Dashboard")
    body = received.json
    assert list(body) == KEYS
    assert (body["id"], body["task_id"], body["status"]) == (str(generation.pk), str(generation.pk), "Ready")
    assert datetime.fromisoformat(body["timestamp"]) <= timezone.now()
    polled = Client().get("/v1/get_result", {"id": str(generation.pk)}).json()
    assert body["result"].keys() == polled["result"].keys()
    assert body["result"]["seed"] == 7
    path = body["result"]["sample"].removeprefix("http://127.0.0.1:8000")
    assert read_file(Client().get(path))
    assert states() == ["delivered"]
    deliver(0)


def test_the_readme_verifies_what_is_sent(cast: Cast, receiver: Receiver) -> None:
    make_due(cast.organization, receiver.url, secret=SECRET)
    deliver()
    [received] = receiver.received
    [code] = re.findall(r"```python\n(import hashlib.+?)```", README.read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)
    signature = received.headers["X-BFL-Signature"]
    assert found["is_genuine"](SECRET, received.body, signature)
    assert not found["is_genuine"](SECRET, received.body + b" ", signature)
    assert not found["is_genuine"]("another", received.body, signature)


def test_without_a_secret_nothing_is_signed(cast: Cast, receiver: Receiver) -> None:
    make_due(cast.organization, receiver.url)
    deliver()
    assert not {"X-Webhook-Secret", "X-BFL-Signature"} & set(receiver.received[0].headers)


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.ERROR, "internal_error"), (Status.CONTENT_MODERATED, "content_policy_violation")],
)
def test_an_end_without_an_image_is_told_with_its_reason(
    cast: Cast, receiver: Receiver, status: Status, code: str
) -> None:
    generation = submit_one(cast.organization, "ink-portrait", webhook_url=receiver.url)
    workflow._end(generation, State.QUEUED, status, {"error": "It broke."})
    deliver()
    body = receiver.received[0].json
    assert list(body) == [*KEYS, "error", "message"]
    assert (body["status"], body["result"], body["error"]) == (status, None, code)
    generation.refresh_from_db()
    assert body["message"] == generation.explanation


def test_the_other_style_says_success_or_failed(cast: Cast, receiver: Receiver, settings: Settings) -> None:
    settings.WEBHOOK_STYLE = "task"
    webhook = make_due(cast.organization, receiver.url)
    deliver()
    task_id = str(webhook.generation_id)
    assert receiver.received[0].json == {"task_id": task_id, "status": "FAILED", "result": None, "error": "It broke."}


def test_cancelled_is_told_too(cast: Cast, receiver: Receiver) -> None:
    generation = submit_one(cast.organization, "ink-portrait", webhook_url=receiver.url)
    assert workflow.cancel(generation)
    deliver()
    assert receiver.received[0].json["status"] == "Error"


# --- Asking for it ---------------------------------------------------------------------------------------------


def post_api(organization: Organization, body: dict[str, Any]) -> Any:
    _, secret = mint_api_key(organization, "webhooks")
    path = "/v1/flux-2-klein-4b-finetuned"
    return Client().post(path, json.dumps(body), content_type="application/json", headers={"x-key": secret})


def test_submission_is_answered_with_the_union_and_the_secret_sealed(cast: Cast) -> None:
    url = "https://hooks.example.com/bfl"
    answer = post_api(cast.organization, {**BODY, "webhook_url": url, "webhook_secret": SECRET})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["id", "status", "webhook_url", "polling_url", "cost", "input_mp", "output_mp"]
    assert (body["status"], body["webhook_url"]) == ("Pending", url)
    webhook = Webhook.objects.get()
    assert (str(webhook.generation_id), webhook.state, webhook.organization) == (
        body["id"],
        "waiting",
        cast.organization,
    )
    assert SECRET not in webhook.secret
    assert "webhook_url" not in Generation.objects.get().inputs


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("webhook_url", "http://hooks.example.com/"),
        ("webhook_url", "ftp://hooks.example.com/"),
        ("webhook_url", "hooks.example.com"),
        ("webhook_url", "https://127.0.0.1/"),
        ("webhook_url", "https://[::1]/"),
        ("webhook_url", "https://[::ffff:10.0.0.1]/"),
        ("webhook_url", "https://10.1.2.3/"),
        ("webhook_url", "https://169.254.169.254/latest/meta-data"),
        ("webhook_url", "https://2130706433/"),
        ("webhook_url", "https://user:pass@hooks.example.com/"),
        ("webhook_url", "https://"),
        ("webhook_secret", "one\r\nX-Other: two"),
        ("webhook_secret", " padded"),
        ("webhook_secret", "schlüssel"),
        ("webhook_secret", "x" * 501),
    ],
)
def test_what_will_never_be_sent_is_422_at_its_field(cast: Cast, field: str, value: str) -> None:
    answer = post_api(cast.organization, {**BODY, "webhook_url": "https://hooks.example.com/", field: value})
    assert answer.status_code == 422
    [error] = answer.json()["detail"]
    assert error["loc"] == ["body", field]
    assert not Generation.objects.exists()
    assert not Webhook.objects.exists()


def test_many_at_once_refuse_it_too(cast: Cast) -> None:
    with pytest.raises(InvalidFieldsError, match="https"):
        submit_one(cast.organization, "ink-portrait", webhook_url="http://hooks.example.com/")


# --- Again, and no more ----------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_after_each_pause_and_given_up_after_a_day(cast: Cast, receiver: Receiver) -> None:
    receiver.statuses = [503]
    webhook = make_due(cast.organization, receiver.url)
    for pause in PAUSES:
        before = timezone.now()
        deliver()
        webhook.refresh_from_db()
        assert webhook.state == WebhookState.DUE
        assert webhook.due_at is not None
        assert timedelta(seconds=-0.5) < webhook.due_at - before - pause < timedelta(seconds=5)
        deliver(0)
        Webhook.objects.update(due_at=timezone.now())
    deliver()
    assert states() == ["given_up"]
    assert len(receiver.received) == MAX_TRIES == WebhookDelivery.objects.filter(status=503).count()
    assert [pause.total_seconds() for pause in PAUSES[:3]] == [1, 5, 30]
    assert list(PAUSES) == sorted(PAUSES)
    assert timedelta(hours=23) < sum(PAUSES, timedelta()) <= timedelta(days=1)


def test_a_failure_that_is_mended_is_delivered_once(cast: Cast, receiver: Receiver) -> None:
    receiver.statuses = [500, 204]
    make_due(cast.organization, receiver.url)
    deliver()
    Webhook.objects.update(due_at=timezone.now())
    deliver()
    assert states() == ["delivered"]
    assert list(WebhookDelivery.objects.order_by("pk").values_list("status", flat=True)) == [500, 204]
    deliver(0)


def test_a_redirect_is_a_failure_and_leads_nowhere(cast: Cast, receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = [302], {"Location": "/elsewhere"}
    make_due(cast.organization, receiver.url)
    [answer] = deliver()
    assert (answer.status, answer.error) == (302, delivery.REDIRECTED)
    assert [received.path for received in receiver.received] == ["/hook"]
    assert states() == ["due"]


@pytest.mark.parametrize("drips", [True, False])
def test_a_receiver_that_takes_for_ever_is_left_at_the_deadline(
    cast: Cast, receiver: Receiver, drips: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "TOTAL_SECONDS", 0.4)
    receiver.drips, receiver.pause = drips, 0.1 if drips else 10
    make_due(cast.organization, receiver.url)
    [answer] = deliver()
    assert (answer.status, answer.error) == (None, delivery.NO_ANSWER)
    assert 0.35 < answer.seconds < 3


def test_a_receiver_that_is_not_there_is_told_in_a_sentence(cast: Cast, receiver: Receiver) -> None:
    receiver.stop.set()
    make_due(cast.organization, "http://127.0.0.1:1025/")
    make_due(cast.organization, "http://no-such-name.invalid/")
    assert [answer.error for answer in deliver(2)] == [delivery.BROKE_OFF, delivery.NO_NAME]


def test_a_name_that_turned_private_is_not_called(cast: Cast, receiver: Receiver, settings: Settings) -> None:
    make_due(cast.organization, receiver.url.replace("127.0.0.1", "localhost").replace("http:", "https:"))
    settings.ALLOW_PRIVATE_URLS = False
    [answer] = deliver()
    assert answer.status is None
    assert "private" in answer.error
    assert receiver.received == []


def test_a_secret_of_another_server_is_told(cast: Cast, receiver: Receiver, settings: Settings) -> None:
    make_due(cast.organization, receiver.url, secret=SECRET)
    settings.SECRET_KEY = "another"
    assert [answer.error for answer in deliver()] == [delivery.NO_SECRET]
    assert receiver.received == []


# --- Who dies, and who comes second ----------------------------------------------------------------------------


def test_a_worker_killed_with_its_claim_is_followed_when_the_lease_ends(cast: Cast, receiver: Receiver) -> None:
    make_due(cast.organization, receiver.url)
    assert claim() is not None
    assert states() == ["sending"]
    deliver(0)
    Webhook.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    deliver()
    assert states() == ["delivered"]
    assert Webhook.objects.get().tries == 2


def test_a_start_with_the_only_workers_ends_every_lease(cast: Cast, receiver: Receiver) -> None:
    make_due(cast.organization, receiver.url)
    claim()
    workflow.reclaim()
    deliver()


def test_who_outlived_the_lease_undoes_nothing(cast: Cast, receiver: Receiver) -> None:
    make_due(cast.organization, receiver.url)
    late = claim()
    assert late is not None
    Webhook.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    deliver()
    assert record(late, WebhookDelivery(webhook=late.webhook, seconds=31, error=delivery.NO_ANSWER)) is None
    assert states() == ["delivered"]
    assert WebhookDelivery.objects.count() == 2


def test_concurrent_workers_deliver_each_once(transactional_db: None, receiver: Receiver) -> None:
    organization = make_organization("Atelier")
    make_finetune(organization, "ink-portrait")
    for _ in range(12):
        make_due(organization, receiver.url)

    def work() -> None:
        try:
            while taken := claim():
                record(taken, post(taken.webhook))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert states() == ["delivered"] * 12
    assert len({received.json["id"] for received in receiver.received}) == len(receiver.received) == 12


def test_a_webhook_goes_with_its_generation_also_while_it_is_sent(cast: Cast, receiver: Receiver) -> None:
    webhook = make_due(cast.organization, receiver.url)
    taken = claim()
    assert taken is not None
    assert remove_batch(Generation.objects.filter(pk=webhook.generation_id)) == [webhook.generation_id]
    assert record(taken, post(taken.webhook)) is None
    assert not Webhook.objects.exists()
    assert not WebhookDelivery.objects.exists()


def test_a_deleted_organization_is_told_nothing_more(cast: Cast, receiver: Receiver) -> None:
    make_due(cast.organization, receiver.url)
    Organization.objects.filter(pk=cast.organization.pk).update(deleted_at=timezone.now())
    assert not delivery.is_any_due()
    deliver(0)
