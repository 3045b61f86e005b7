"""The webhooks of an organization, for those who manage its API keys: the list, one with its log, and Resend."""

import json
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard.lib.htmx import render_page, wants_fragment
from dashboard.lib.keyset import read_cursor
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from playground.access import get_webhook
from playground.forms.webhooks import ResendForm, Shown
from playground.models import Webhook, WebhookState
from playground.queries.webhooks import MOST_DELIVERIES, latest_deliveries, read_webhooks
from playground.webhooks.delivery import MAX_TRIES, body_for

# Who waits for a try that is further away comes back for it.
WATCHED = timedelta(minutes=1)
SENT = "The webhook is sent again. What comes of it will stand in the log."


@login_required
@require_safe
def webhooks(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_KEYS).organization
    shown = Shown.read(request.GET.get("state"))
    before, after = read_cursor(request.GET.get("before")), read_cursor(request.GET.get("after"))
    page = read_webhooks(organization, shown.states, before=before, after=after)
    query = "" if shown is Shown.ALL else f"state={shown}"
    context = {"page": page, "shown": shown, "choices": list(Shown), "query": query}
    return render_page(request, "playground/webhooks.html", context, fragment="webhooks")


@login_required
@require_safe
def webhook(request: HttpRequest, org_id: str, webhook_id: int) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_KEYS).organization
    return _show(request, get_webhook(organization, webhook_id))


@login_required
@require_POST
def resend(request: HttpRequest, org_id: str, webhook_id: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.MANAGE_KEYS)
    found = get_webhook(membership.organization, webhook_id)
    ResendForm(request.POST).send(found, membership)
    messages.success(request, SENT)
    if not wants_fragment(request):
        return redirect("webhook", org_id, webhook_id)
    return _show(request, get_webhook(membership.organization, webhook_id))


def _show(request: HttpRequest, found: Webhook) -> HttpResponse:
    context = {
        "webhook": found,
        "deliveries": latest_deliveries(found),
        "most": MOST_DELIVERIES,
        "max_tries": MAX_TRIES,
        "body": "" if found.generation.is_open else _readable(body_for(found.generation)),
        "is_watched": _is_watched(found),
        "form": ResendForm(),
    }
    return render_page(request, "playground/webhook.html", context, fragment="webhook")


def _readable(body: bytes) -> str:
    """A line each, where what is sent has one in all."""
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)


def _is_watched(found: Webhook) -> bool:
    """Whether something is about to happen, so that the page asks again."""
    if found.state == WebhookState.DUE:
        return found.due_at is not None and found.due_at < timezone.now() + WATCHED
    return found.state in (WebhookState.WAITING, WebhookState.SENDING)
