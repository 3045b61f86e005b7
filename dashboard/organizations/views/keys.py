"""API keys: the list, and the dialogs that create, rotate and revoke one."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import trigger_client_event

from dashboard.lib.errors import NotFoundError
from dashboard.lib.htmx import leave_form, render_page
from dashboard.organizations import queries
from dashboard.organizations.access import get_key, get_membership
from dashboard.organizations.forms.keys import CreateKeyForm, RotateKeyForm
from dashboard.organizations.models import ApiKey
from dashboard.organizations.roles import Permission
from dashboard.organizations.services.keys import MAX_LIVE_KEYS, KeyAndSecret, revoke_api_key

PAGE_SIZE = 50


class Tab(TextChoices):
    LIVE = "live", "Live"
    ENDED = "ended", "Ended"


@login_required
@require_safe
def keys(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_KEYS).organization
    tab = _read_tab(request)
    lists = {each: queries.list_keys(organization, live=each is Tab.LIVE) for each in Tab}
    pages = {each: Paginator(found, PAGE_SIZE) for each, found in lists.items()}
    context = {
        "tab": tab,
        "tabs": [(each, paginator.count) for each, paginator in pages.items()],
        "page": pages[tab].get_page(request.GET.get("page")),
        "max_live": MAX_LIVE_KEYS,
    }
    return render_page(request, "organizations/keys.html", context, fragment="keys")


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, org_id: str) -> HttpResponse:
    """The form, on a page of its own or in a dialog; after it, once, the secret."""
    membership = get_membership(request, org_id, Permission.MANAGE_KEYS)
    form = CreateKeyForm(request.POST or None)
    minted = form.create(membership) if request.method == "POST" else None
    if minted:
        return _show_secret(request, minted)
    return _render_form(request, "organizations/keys_create.html", {"form": form})


@login_required
@require_http_methods(["GET", "POST"])
def rotate(request: HttpRequest, org_id: str, key_id: int) -> HttpResponse:
    """Explains the overlap and asks for its length; then shows the secret of the new key, once."""
    membership = get_membership(request, org_id, Permission.MANAGE_KEYS)
    key = get_key(membership.organization, key_id)
    form = RotateKeyForm(request.POST or None, key=key)
    minted = form.create(membership) if request.method == "POST" else None
    if minted:
        return _show_secret(request, minted, replaced=get_key(membership.organization, key_id))
    return _render_form(request, "organizations/keys_rotate.html", {"form": form, "key": key})


@login_required
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, org_id: str, key_id: int) -> HttpResponse:
    """Asks first; what uses the key stops with its next request."""
    membership = get_membership(request, org_id, Permission.MANAGE_KEYS)
    key = get_key(membership.organization, key_id)
    if request.method == "GET":
        return render_page(request, "organizations/keys_revoke.html", {"key": key}, fragment="dialog")
    if revoke_api_key(key):
        messages.success(request, f"{key} is revoked. Programs that send it are refused from now on.")
    else:
        messages.info(request, f"{key} had ended before.")
    return leave_form(request, reverse("keys", kwargs={"org_id": org_id}), refresh="#keys")


def _read_tab(request: HttpRequest) -> Tab:
    value = request.GET.get("tab", Tab.LIVE)
    if value not in Tab.values:
        raise NotFoundError("API keys are either live or ended; there is no other list.")
    return Tab(value)


def _render_form(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    sent = request.method == "POST"
    return render_page(request, template, context, fragment="form" if sent else "dialog", status=422 if sent else 200)


def _show_secret(request: HttpRequest, minted: KeyAndSecret, *, replaced: ApiKey | None = None) -> HttpResponse:
    """The one answer with a secret in it: it is kept nowhere, and the list beneath the dialog asks again."""
    key, secret = minted
    context = {"key": key, "secret": secret, "replaced": replaced}
    response = render_page(request, "organizations/keys_minted.html", context, fragment="minted")
    response["Cache-Control"] = "no-store"
    return trigger_client_event(response, "keys:changed")
