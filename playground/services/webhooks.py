"""The command on webhooks: send one again."""

from django.db import transaction
from django.utils import timezone

from dashboard.lib.errors import DashboardError
from dashboard.organizations.audit import record
from dashboard.organizations.events import Action
from dashboard.organizations.models import User
from playground.models import RESENDABLE_STATES, Webhook, WebhookState
from playground.webhooks.asking import announce

WAITS = "The image is not finished yet: there is nothing to send. The webhook goes out by itself when it is."
UNDER_WAY = "This webhook is being sent right now. Wait for what comes of it."


class NotResendableError(DashboardError):
    """Nothing to tell yet, or it is being told."""

    code = "not_resendable"
    status = 409


@transaction.atomic
def resend(webhook: Webhook, *, by: User) -> None:
    """Once more, and at once; what fails then stands as before, or goes on with its schedule if that has not ended.

    Raises NotResendableError.
    """
    ended = Webhook.objects.in_reach(webhook.pk, *RESENDABLE_STATES)
    if ended.update(state=WebhookState.DUE, due_at=timezone.now(), resent_by=by) != 1:
        webhook.refresh_from_db(fields=["state"])
        raise NotResendableError(WAITS if webhook.state == WebhookState.WAITING else UNDER_WAY)
    record(webhook.organization, Action.WEBHOOK_RESENT, str(webhook.generation_id))
    transaction.on_commit(announce, robust=True)
