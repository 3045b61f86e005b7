"""The tab of sharing: asked for by organization ID, confirmed by name, changed and ended for one organization."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.lib.htmx import render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Permission
from finetunes import queries
from finetunes.access import get_finetune, get_grant
from finetunes.forms.grants import GrantForm, LimitsForm
from finetunes.models import Finetune
from finetunes.queries import usage
from finetunes.services import grants
from finetunes.views.panel import element_id_of, leave_dialog, open_panel, render_panel

ROUTE = "finetune-sharing"


@login_required
@require_safe
def sharing(request: HttpRequest, org_id: str, finetune_id: str) -> HttpResponse:
    panel = open_panel(request, org_id, finetune_id, ROUTE)
    page = Paginator(usage.list_grants(panel.finetune), queries.PAGE_SIZE).get_page(request.GET.get("page"))
    return render_panel(request, panel, {"page": page, "form": _form_in_tab(panel.finetune)})


@login_required
@require_http_methods(["GET", "POST"])
def give(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """Takes the ID and the limits, then shows whose it is; the second POST, with `confirmed`, gives the grant."""
    membership = get_membership(request, org_id, Permission.GRANT)
    finetune = get_finetune(membership.organization, name)
    if request.method == "GET":
        return _render_form(request, finetune, GrantForm())
    form = _form_in_tab(finetune, request.POST)
    if "edit" in request.POST:
        return _render_form(request, finetune, form)
    recipient = form.find(membership, finetune)
    if recipient is None:
        return _refuse(request, finetune, form)
    if "confirmed" not in request.POST:
        return _render_form(request, finetune, form, recipient=recipient)
    grants.grant(finetune, recipient.org_id, granted_by=membership.user, **form.limits)
    messages.success(
        request, f"{recipient.name} may use {finetune.name} now, as {finetune}, and pays for its own calls."
    )
    return leave_dialog(request, finetune, ROUTE)


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, org_id: str, name: str, recipient: str) -> HttpResponse:
    """The limits of a grant; those of one that expired renew it."""
    membership = get_membership(request, org_id, Permission.GRANT)
    grant = get_grant(get_finetune(membership.organization, name), recipient)
    form = LimitsForm(request.POST) if request.method == "POST" else LimitsForm.of(grant)
    was_live = grant.is_live
    if request.method == "POST" and form.is_valid():
        if grants.change(grant, **form.limits):
            done = f"The limits of {grant.organization.name} are changed." if was_live else _renewed(grant.organization)
            messages.success(request, done)
        return leave_dialog(request, grant.finetune, ROUTE)
    fragment, status = ("form", 422) if request.method == "POST" else ("dialog", 200)
    context = {"form": form, "grant": grant, "finetune": grant.finetune}
    return render_page(request, "finetunes/grant_edit.html", context, fragment=fragment, status=status)


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
    return leave_dialog(request, grant.finetune, ROUTE)


def _renewed(recipient: Organization) -> str:
    return f"{recipient.name} may use it again."


def _form_in_tab(finetune: Finetune, data: Any = None) -> GrantForm:
    """Several panels may be open in the list: each form's fields have ids of their own."""
    return GrantForm(data, auto_id=f"{element_id_of(finetune)}-%s")


def _refuse(request: HttpRequest, finetune: Finetune, form: GrantForm) -> HttpResponse:
    """The form again, in place of the one that was sent: in its tab, or in the dialog that it was confirmed in."""
    if "confirmed" in request.POST:
        return _render_form(request, finetune, form, status=422)
    form.fields[next(iter(form.errors))].widget.attrs["autofocus"] = True
    response = _render_form(request, finetune, form, fragment="form", status=422)
    response["HX-Retarget"] = "this"
    response["HX-Reswap"] = "outerHTML"
    return response


def _render_form(
    request: HttpRequest,
    finetune: Finetune,
    form: GrantForm,
    *,
    fragment: str = "dialog",
    recipient: Organization | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "finetune": finetune, "recipient": recipient}
    return render_page(request, "finetunes/grant.html", context, fragment=fragment, status=status)
