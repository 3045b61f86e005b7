"""Deleting: asked with who relies on the finetune, undone at once or from the trash, made final there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.lib.htmx import leave_for_list, render_page
from dashboard.lib.toasts import offer_undo
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes.access import get_discarded, get_finetune
from finetunes.forms.confirmations import DeleteForm, RemoveForm
from finetunes.queries.dependents import Dependents, dependents_of
from finetunes.queries.trash import PAGE_SIZE, TRASH_DAYS, days_left, list_trash
from finetunes.services.trash import restore as restore_finetune
from finetunes.signals import USED_DAYS

# Where the button stood that restores: in the trash; elsewhere it is an Undo over the list.
FROM_TRASH = "from_trash"


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """Into the trash. Where others rely on it, its name is typed first."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    dependents = dependents_of(finetune)
    if request.method == "GET":
        form = DeleteForm(finetune=finetune, must_type=dependents.by_others)
        return _render_delete(request, form, dependents, fragment="dialog")
    form = DeleteForm(request.POST, finetune=finetune, must_type=dependents.by_others)
    if not form.discard(membership.user):
        return _render_delete(request, form, dependents, fragment="form", status=422)
    undo = reverse("finetune-restore", args=[org_id, name])
    offer_undo(request, f"{name} is in the trash for {TRASH_DAYS} days.", undo)
    return leave_for_list(request, reverse("finetunes", args=[org_id]), refresh="#catalog")


@login_required
@require_POST
def restore(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """For whoever may delete: it is their Undo. The trash itself is for Administrators."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_discarded(membership.organization, name)
    if restore_finetune(finetune):
        messages.success(request, f"{name} is back in the catalog, and so are its grants.")
    if FROM_TRASH in request.POST:
        return leave_for_list(request, reverse("finetune-trash", args=[org_id]), refresh="#trash")
    return leave_for_list(request, reverse("finetunes", args=[org_id]), refresh="#catalog")


@login_required
@require_safe
def trash(request: HttpRequest, org_id: str) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    page = Paginator(list_trash(membership.organization), PAGE_SIZE).get_page(request.GET.get("page"))
    now = timezone.now()
    context = {"page": page, "rows": [(finetune, days_left(finetune, now)) for finetune in page], "days": TRASH_DAYS}
    return render_page(request, "finetunes/trash.html", context, fragment="trash")


@login_required
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """Before its days are over, and past any Undo; the name is typed always."""
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    finetune = get_discarded(membership.organization, name)
    if request.method == "GET":
        return _render_remove(request, RemoveForm(finetune=finetune), fragment="dialog")
    form = RemoveForm(request.POST, finetune=finetune)
    if not form.remove():
        return _render_remove(request, form, fragment="form", status=422)
    messages.success(request, f"{name} is deleted for good.")
    return leave_for_list(request, reverse("finetune-trash", args=[org_id]), refresh="#trash")


def _render_delete(
    request: HttpRequest, form: DeleteForm, dependents: Dependents, *, fragment: str, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "finetune": form.finetune,
        "dependents": dependents,
        "used_days": USED_DAYS,
        "days": TRASH_DAYS,
    }
    return render_page(request, "finetunes/delete.html", context, fragment=fragment, status=status)


def _render_remove(request: HttpRequest, form: RemoveForm, *, fragment: str, status: int = 200) -> HttpResponse:
    context = {"form": form, "finetune": form.finetune}
    return render_page(request, "finetunes/remove.html", context, fragment=fragment, status=status)
