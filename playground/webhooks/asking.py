"""From a submission that names a webhook to the moment at which there is something to tell."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from dashboard.bfl.inputs import Inputs
from dashboard.lib.guarded import RefusedUrlError, check_url
from dashboard.lib.sealing import seal
from playground.inputs import InvalidFieldsError
from playground.models import Generation, Webhook, WebhookState
from playground.signals import webhook_due

NO_HEADER = "Use printable ASCII characters without spaces at either end, 500 at most: it is sent in a header"
MAX_SECRET_CHARS = 500


def check(each: Iterable[Inputs]) -> None:
    """Raises InvalidFieldsError for a URL where nothing will be sent, or a secret that no header can carry.

    Names are not looked up here: what they resolve to counts when it is sent.
    """
    for inputs in each:
        if inputs.webhook_url:
            _check_url(inputs.webhook_url)
            _check_secret(inputs.webhook_secret or "")


def ask(generation: Generation, inputs: Inputs) -> None:
    """Keeps the webhook of a new generation, in its transaction."""
    if inputs.webhook_url:
        Webhook.objects.create(
            generation=generation,
            organization=generation.organization,
            url=inputs.webhook_url,
            secret=seal(inputs.webhook_secret) if inputs.webhook_secret else "",
        )


def tell(generation_id: UUID) -> None:
    """Makes the webhook due, in the transaction in which its generation ends."""
    waiting = Webhook.objects.filter(generation=generation_id, state=WebhookState.WAITING)
    if waiting.update(state=WebhookState.DUE, due_at=timezone.now()):
        transaction.on_commit(announce, robust=True)


def announce() -> None:
    webhook_due.send(None, seconds=0)


def _check_url(url: str) -> None:
    try:
        check_url(url, https_only=True)
    except RefusedUrlError as error:
        raise InvalidFieldsError({"webhook_url": error.reason}) from None


def _check_secret(secret: str) -> None:
    is_header = secret.isascii() and secret.isprintable() and secret == secret.strip()
    if not is_header or len(secret) > MAX_SECRET_CHARS:
        raise InvalidFieldsError({"webhook_secret": NO_HEADER})
