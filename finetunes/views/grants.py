"""Sharing a finetune: asked for by organization ID, confirmed by name, ended for one organization."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.lib.htmx import leave_form, render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Permission
from finetunes.access import get_finetune, get_grant
from finetunes.forms import GrantForm
from finetunes.models import Finetune
from finetunes.services import grants


@login_required
@require_http_methods(["GET", "POST"])
def give(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """Asks for the ID, then shows whose it is; the second POST, with `confirmed`, gives the grant."""
    membership = get_membership(request, org_id, Permission.GRANT)
    finetune = get_finetune(membership.organization, name)
    if request.method == "GET":
        return _render_form(request, finetune, GrantForm(), fragment="dialog")
    form = GrantForm(request.POST)
    recipient = form.find(membership, finetune)
    if recipient is None:
        return _render_form(request, finetune, form, fragment="form", status=422)
    if "confirmed" not in request.POST:
        return _render_form(request, finetune, form, fragment="form", recipient=recipient)
    grants.grant(finetune, recipient.org_id, granted_by=membership.user)
    messages.success(
        request, f"{recipient.name} may use {finetune.name} now, as {finetune}, and pays for its own calls."
    )
    return _leave(request, finetune)


@login_required
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, org_id: str, name: str, recipient: str) -> HttpResponse:
    """Asks first; from its next request on the finetune is unknown to the recipient."""
    membership = get_membership(request, org_id, Permission.GRANT)
    grant = get_grant(get_finetune(membership.organization, name), recipient)
    if request.method == "GET":
        return render_page(request, "finetunes/grant_revoke.html", {"grant": grant}, fragment="dialog")
    if grants.revoke(grant):
        messages.success(request, f"{grant.finetune.name} is no longer shared with {grant.organization.name}.")
    return _leave(request, grant.finetune)


def _leave(request: HttpRequest, finetune: Finetune) -> HttpResponse:
    url = reverse("finetune", kwargs={"org_id": finetune.organization.org_id, "name": finetune.name})
    # The list of grants is what changed: there the page goes on, and the focus with it.
    return leave_form(request, f"{url}?shared=1", refresh="#finetune")


def _render_form(
    request: HttpRequest,
    finetune: Finetune,
    form: GrantForm,
    *,
    fragment: str,
    recipient: Organization | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "finetune": finetune, "recipient": recipient}
    return render_page(request, "finetunes/grant.html", context, fragment=fragment, status=status)
