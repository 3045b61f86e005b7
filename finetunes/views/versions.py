"""The tab of a finetune's checkpoint: what it is, its versions, which one is current."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.lib.htmx import render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes import queries
from finetunes.access import get_finetune, get_version
from finetunes.checkpoints.inspection import Kind
from finetunes.forms.checkpoints import AddVersionForm
from finetunes.models import Finetune
from finetunes.services.versions import make_current
from finetunes.views.panel import leave_dialog, open_panel, render_panel

ROUTE = "finetune-checkpoint"


@login_required
@require_safe
def checkpoint(request: HttpRequest, org_id: str, finetune_id: str) -> HttpResponse:
    panel = open_panel(request, org_id, finetune_id, ROUTE)
    current = panel.finetune.current_version
    facts = current.checkpoint.facts if current else {}
    versions = Paginator(queries.list_versions(panel.finetune), queries.PAGE_SIZE)
    context = {
        "current": current,
        "kind": Kind(facts["kind"]).label if "kind" in facts else "",
        "page": versions.get_page(request.GET.get("page")),
    }
    return render_panel(request, panel, context)


@login_required
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """The form that replaces the checkpoint, on a page of its own or in the dialog over the finetune's."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    if request.method == "GET":
        return _render_form(request, finetune, AddVersionForm(), fragment="dialog")
    form = AddVersionForm(request.POST, request.FILES)
    version = form.create(membership, finetune)
    if version is None:
        return _render_form(request, finetune, form, fragment="form", status=422)
    messages.success(request, f"{finetune.name} {version.label} is current. The versions before it are kept.")
    return leave_dialog(request, finetune, ROUTE)


@login_required
@require_POST
def use(request: HttpRequest, org_id: str, name: str, number: int) -> HttpResponse:
    """Makes the version the current one: from then on it is what the finetune_id means."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    version = get_version(finetune, number)
    if make_current(version):
        messages.success(request, f"{finetune.name} {version.label} is current.")
    else:
        messages.info(request, f"{finetune.name} {version.label} was current before.")
    return leave_dialog(request, finetune, ROUTE)


def _render_form(
    request: HttpRequest, finetune: Finetune, form: AddVersionForm, *, fragment: str, status: int = 200
) -> HttpResponse:
    context = {"form": form, "finetune": finetune}
    return render_page(request, "finetunes/add_version.html", context, fragment=fragment, status=status)
