"""Reads of an organization's webhooks."""

from collections.abc import Sequence

from dashboard.lib.keyset import Page, read_page
from dashboard.organizations.models import Organization
from playground.models import Webhook, WebhookDelivery, WebhookState

# Resending has no limit; the page has.
MOST_DELIVERIES = 50


def read_webhooks(
    organization: Organization, states: Sequence[WebhookState], *, before: int | None, after: int | None
) -> Page[Webhook]:
    """Newest first; those in one of the states, or all where none is named."""
    webhooks = Webhook.objects.of_caller(organization).select_related("generation")
    if states:
        webhooks = webhooks.filter(state__in=states)
    return read_page(webhooks, before=before, after=after)


def latest_deliveries(webhook: Webhook) -> list[WebhookDelivery]:
    return list(webhook.deliveries.select_related("resent_by").order_by("-created_at", "-id")[:MOST_DELIVERIES])
