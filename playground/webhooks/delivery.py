"""One try to deliver a webhook: claim, POST, record.

A claim is a lease in `due_at`: whoever dies with it is followed when it has ended, and a receiver may then be told once
more. That can't be helped, and receivers know a task by its id; a delivery that was recorded is never repeated unless a
person resends it. Redirects are not followed: a 3xx is a failure like every status but 2xx.
"""

import logging
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import requests
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from urllib3.exceptions import HTTPError, NameResolutionError

from dashboard.bfl.webhooks import WebhookStyle, body_of, headers_of
from dashboard.lib.deadlines import deadline
from dashboard.lib.guarded import RefusedUrlError, open_session
from dashboard.lib.sealing import BrokenSealError, unseal
from playground.models import UNSENT_STATES, Generation, Webhook, WebhookDelivery, WebhookState
from playground.results import result_of

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
# Longer than a try takes, with the look-up of a name, which has no limit of ours.
LEASE = timedelta(seconds=90)
MAX_ANSWER_BYTES = 4096
SECONDS, MINUTES, HOURS = 1, 60, 3600
# Between the tries, of which there is one more: a day in all.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        *(1, 5, 30),
        *(2 * MINUTES, 10 * MINUTES, 30 * MINUTES),
        *(1 * HOURS, 2 * HOURS, 4 * HOURS, 6 * HOURS, 10 * HOURS),
    )
)
MAX_TRIES = len(PAUSES) + 1

NO_CONNECTION = "No connection within 5 seconds."
NO_ANSWER = "No answer within 30 seconds."
NO_NAME = "The name in the URL was not found."
NO_TLS = "The certificate is not valid for this name, or TLS failed."
BROKE_OFF = "The connection was refused or broke off."
REDIRECTED = "Redirects are not followed: ask for the webhook at the URL where they lead."
NO_SECRET = "The webhook's secret can't be read: this server's SECRET_KEY is another one now."


@dataclass(frozen=True)
class Claim:
    """A webhook that is this caller's to deliver until the lease ends."""

    webhook: Webhook
    lease: datetime


def is_any_due() -> bool:
    return Webhook.objects.due(timezone.now()).exists()


@transaction.atomic
def claim(busy: Collection[int] = ()) -> Claim | None:
    """Leases what has been due longest, but nothing of an organization that is `busy`; None where nothing is."""
    now = timezone.now()
    due = Webhook.objects.due(now).exclude(organization__in=busy).order_by("due_at")
    webhook = due.select_for_update(skip_locked=True, of=("self",)).select_related("generation").first()
    if webhook is None:
        return None
    lease = now + LEASE
    taken = Webhook.objects.in_reach(webhook.pk, *UNSENT_STATES).filter(due_at=webhook.due_at)
    tries = webhook.tries + (not _is_resent(webhook))
    if taken.update(state=WebhookState.SENDING, due_at=lease, tries=tries) != 1:
        return None
    webhook.tries = tries
    return Claim(webhook, lease)


def post(webhook: Webhook) -> WebhookDelivery:
    """One request, over within 30 seconds however slowly the receiver drips; its line of the log, not yet written."""
    begin = time.monotonic()
    status, error = None, ""
    try:
        status = _status_of(webhook)
    except BrokenSealError:
        error = NO_SECRET
    except RefusedUrlError as refused:
        error = f"{refused.reason}."
    except (requests.RequestException, HTTPError, OSError, ValueError) as failure:
        error = _sentence(failure)
    except Exception:  # a courier that dies here would leave its lease to run out, again and again
        log.exception("webhook %s could not be sent", webhook.pk)
        error = BROKE_OFF
    if status is not None and 300 <= status < 400:
        error = REDIRECTED
    seconds = round(time.monotonic() - begin, 3)
    return WebhookDelivery(
        webhook=webhook, resent_by_id=webhook.resent_by_id, status=status, error=error, seconds=seconds
    )


@transaction.atomic
def record(claim: Claim, tried: WebhookDelivery) -> datetime | None:
    """Logs the try and moves the webhook on; when the next one is due, if there is to be one."""
    webhook = claim.webhook
    # In the order in which a deletion takes them: it waits for this line, or leaves no webhook to write it for.
    if not Generation.objects.select_for_update(no_key=True).filter(pk=webhook.generation_id).first():
        return None
    tried.save(force_insert=True)
    if tried.is_success:
        _settle(webhook)
        return None
    leased = Webhook.objects.in_reach(webhook.pk, WebhookState.SENDING).filter(due_at=claim.lease)
    state, due_at = _after_failure(webhook)
    return due_at if leased.update(state=state, due_at=due_at, resent_by=None) else None


def body_for(generation: Generation) -> bytes:
    """What is sent when it has ended; the URL of the image is signed anew each time."""
    assert generation.finished_at  # no webhook is due before
    return body_of(
        result_of(generation),
        message=generation.explanation,
        ended_at=generation.finished_at,
        style=WebhookStyle(settings.WEBHOOK_STYLE),
    )


def reclaim() -> None:
    """Ends every lease. Only for the start of a process that holds the only workers."""
    Webhook.objects.filter(state=WebhookState.SENDING).update(due_at=timezone.now())


def _status_of(webhook: Webhook) -> int:
    body = body_for(webhook.generation)
    headers = headers_of(body, unseal(webhook.secret) if webhook.secret else "")
    with (
        deadline(TOTAL_SECONDS),
        open_session(https_only=True) as session,
        session.post(
            webhook.url,
            data=body,
            headers=headers,
            timeout=(CONNECT_SECONDS, TOTAL_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response,
    ):
        # Read so that the receiver can end what it writes; the status alone counts.
        with suppress(HTTPError, OSError):
            response.raw.read(MAX_ANSWER_BYTES)
        return response.status_code


def _sentence(failure: Exception) -> str:
    if isinstance(failure, requests.ConnectTimeout):
        return NO_CONNECTION
    if isinstance(failure, requests.Timeout | TimeoutError):
        return NO_ANSWER
    if isinstance(failure, requests.exceptions.SSLError):
        return NO_TLS
    reason = getattr(failure.args[0] if failure.args else None, "reason", None)
    return NO_NAME if isinstance(reason, NameResolutionError) else BROKE_OFF


def _settle(webhook: Webhook) -> None:
    """Taken is taken, also where the lease had ended and another try is due or under way."""
    Webhook.objects.in_reach(webhook.pk, *UNSENT_STATES).update(
        state=WebhookState.DELIVERED,
        due_at=None,
        resent_by=None,
        delivered_at=Coalesce("delivered_at", timezone.now()),
    )


def _after_failure(webhook: Webhook) -> tuple[WebhookState, datetime | None]:
    """What was resent after the end of its schedule is tried once, and stands as before."""
    if webhook.delivered_at:
        return WebhookState.DELIVERED, None
    if webhook.tries >= MAX_TRIES:
        return WebhookState.GIVEN_UP, None
    return WebhookState.DUE, timezone.now() + PAUSES[max(webhook.tries, 1) - 1]


def _is_resent(webhook: Webhook) -> bool:
    """Whether somebody asked for this try; after the end of the schedule there is no other."""
    over = webhook.delivered_at is not None or webhook.tries >= MAX_TRIES
    return over or webhook.resent_by_id is not None
