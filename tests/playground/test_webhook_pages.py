"""The pages of webhooks: the list by state, one with its log and body, and Resend, which sends once a click."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent
from playground.models import Webhook, WebhookDelivery, WebhookState
from playground.services.webhooks import resend
from playground.webhooks.delivery import MAX_TRIES, claim, post, record
from tests.conftest import Cast, log_in
from tests.playground.conftest import make_due, submit_one
from tests.playground.receivers import Receiver

HTMX = {"HX-Request": "true"}
SECRET = "s3cret of the receiver"


def page(client: Client, path: str, **options: Any) -> str:
    response = client.get(path, **options)
    assert response.status_code == 200
    return response.content.decode()


def request_id(text: str) -> str:
    found = re.search(r'name="request_id" value="([^"]+)"', text)
    assert found
    return found[1]


def deliver() -> None:
    while taken := claim():
        record(taken, post(taken.webhook))


def list_url(cast: Cast) -> str:
    return f"/o/{cast.organization.org_id}/webhooks/"


def test_empty_list_tells_how_to_ask_for_one(cast: Cast) -> None:
    text = page(log_in(cast.developer.user), list_url(cast))
    assert "No webhook yet" in text
    assert "webhook_url" in text


def test_list_is_filtered_and_paged_in_a_constant_number_of_queries(
    cast: Cast, receiver: Receiver, django_assert_max_num_queries: Any
) -> None:
    client = log_in(cast.developer.user)
    make_due(cast.organization, receiver.url)
    deliver()
    for number in range(3):
        make_due(cast.organization, f"https://hooks.example.com/{number}")
    client.get(list_url(cast))
    with django_assert_max_num_queries(10) as few:
        page(client, list_url(cast))
    template = Webhook.objects.order_by("-pk")[0]
    for _ in range(60):
        generation = submit_one(cast.organization, "ink-portrait")
        Webhook.objects.create(generation=generation, organization=cast.organization, url=template.url)
    with django_assert_max_num_queries(len(few.captured_queries)):
        text = page(client, list_url(cast))
    assert text.count("hook-url") == 50
    assert 'id="page-older"' in text
    assert page(client, f"{list_url(cast)}?state=delivered").count("hook-url") == 1
    assert page(client, f"{list_url(cast)}?state=due").count("hook-url") == 3
    assert page(client, f"{list_url(cast)}?state=given_up").count("hook-url") == 0
    fragment = page(client, f"{list_url(cast)}?state=due", headers=HTMX)
    assert fragment.lstrip().startswith("<section")


def test_one_shows_its_log_and_body_and_never_the_secret(cast: Cast, receiver: Receiver) -> None:
    receiver.statuses = [503]
    webhook = make_due(cast.organization, receiver.url, secret=SECRET)
    deliver()
    text = page(log_in(cast.developer.user), f"{list_url(cast)}{webhook.pk}/")
    assert "<strong>503</strong>" in text
    assert "Next try" in text
    assert f"&quot;task_id&quot;: &quot;{webhook.generation_id}&quot;" in text
    assert SECRET not in text
    assert webhook.secret not in text
    assert 'hx-trigger="every 2s"' in text


def test_generation_leads_whoever_manages_keys_to_its_webhook(cast: Cast, receiver: Receiver) -> None:
    webhook = make_due(cast.organization, receiver.url)
    path = f"/o/{cast.organization.org_id}/generations/{webhook.generation_id}/"
    link = f'href="{list_url(cast)}{webhook.pk}/"'
    assert link in page(log_in(cast.developer.user), path)
    assert link not in page(log_in(cast.creator.user), path)


def test_page_asks_again_only_while_something_is_about_to_happen(cast: Cast, receiver: Receiver) -> None:
    client, webhook = log_in(cast.developer.user), make_due(cast.organization, receiver.url)
    deliver()
    path = f"{list_url(cast)}{webhook.pk}/"
    assert "hx-trigger" not in page(client, path, headers=HTMX)
    later = timezone.now() + timedelta(hours=1)
    Webhook.objects.update(state=WebhookState.DUE, due_at=later)
    assert "hx-trigger" not in page(client, path, headers=HTMX)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_resend_sends_a_delivered_one_once_more_and_is_logged(
    cast: Cast, receiver: Receiver, headers: dict[str, str]
) -> None:
    client, webhook = log_in(cast.developer.user), make_due(cast.organization, receiver.url)
    deliver()
    path = f"{list_url(cast)}{webhook.pk}/"
    token = request_id(page(client, path))
    statuses = []
    for _ in range(2):  # a double click, of which the first is delivered before the second comes
        statuses.append(client.post(f"{path}resend/", {"request_id": token}, headers=headers).status_code)
        deliver()
    assert statuses == [200 if headers else 302] * 2
    assert len(receiver.received) == 2
    assert list(WebhookDelivery.objects.order_by("pk").values_list("resent_by", flat=True)) == [
        None,
        cast.developer.user.pk,
    ]
    event = AuditEvent.objects.of(cast.organization).get(action=Action.WEBHOOK_RESENT)
    assert (event.actor, event.subject) == (cast.developer.user.email, str(webhook.generation_id))
    assert "Delivered" in page(client, path)
    assert cast.developer.user.email in page(client, path)


def test_a_resend_that_fails_is_one_try_and_changes_no_end(cast: Cast, receiver: Receiver) -> None:
    webhook = make_due(cast.organization, receiver.url)
    deliver()
    receiver.statuses = [500]
    resend(webhook, by=cast.owner.user)
    deliver()
    webhook.refresh_from_db()
    assert (webhook.state, webhook.tries, webhook.due_at) == ("delivered", 1, None)
    given_up = make_due(cast.organization, receiver.url)
    Webhook.objects.filter(pk=given_up.pk).update(state=WebhookState.GIVEN_UP, tries=MAX_TRIES, due_at=None)
    resend(given_up, by=cast.owner.user)
    deliver()
    given_up.refresh_from_db()
    assert (given_up.state, given_up.tries) == ("given_up", MAX_TRIES)
    receiver.statuses = [200]
    resend(given_up, by=cast.owner.user)
    deliver()
    given_up.refresh_from_db()
    assert given_up.state == "delivered"


def test_a_resend_before_a_retry_goes_out_at_once_and_the_schedule_goes_on(cast: Cast, receiver: Receiver) -> None:
    receiver.statuses = [500]
    webhook = make_due(cast.organization, receiver.url)
    resend(webhook, by=cast.owner.user)
    deliver()
    webhook.refresh_from_db()
    assert (webhook.state, webhook.tries, webhook.resent_by) == ("due", 0, None)
    Webhook.objects.update(due_at=timezone.now())
    deliver()
    webhook.refresh_from_db()
    assert (webhook.state, webhook.tries) == ("due", 1)


def test_nothing_is_resent_before_the_end_or_while_it_is_sent(cast: Cast, receiver: Receiver) -> None:
    client = log_in(cast.developer.user)
    submit_one(cast.organization, "ink-portrait", webhook_url=receiver.url)
    waiting = Webhook.objects.get()
    answer = client.post(f"{list_url(cast)}{waiting.pk}/resend/")
    assert (answer.status_code, "not finished yet" in answer.content.decode()) == (409, True)
    Webhook.objects.update(state=WebhookState.SENDING, due_at=timezone.now())
    answer = client.post(f"{list_url(cast)}{waiting.pk}/resend/", headers=HTMX)
    assert (answer.status_code, "right now" in answer.content.decode()) == (409, True)
    assert not AuditEvent.objects.filter(action=Action.WEBHOOK_RESENT).exists()


def test_anothers_webhook_is_not_found(cast: Cast, receiver: Receiver) -> None:
    webhook = make_due(cast.organization, receiver.url)
    client = log_in(cast.outsider.user)
    own = f"/o/{cast.outsider.organization.org_id}/webhooks/{webhook.pk}/"
    assert client.get(own).status_code == client.post(f"{own}resend/").status_code == 404
    assert client.get(f"{list_url(cast)}{webhook.pk}/").status_code == 404
