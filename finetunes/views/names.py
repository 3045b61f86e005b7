"""Renaming: the name is the finetune_id, so the page tells first whose programs it breaks."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.lib.htmx import leave_for_list, render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes.access import get_finetune
from finetunes.forms.confirmations import RenameForm
from finetunes.queries.dependents import Dependents, dependents_of
from finetunes.signals import USED_DAYS


@login_required
@require_http_methods(["GET", "POST"])
def rename(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    dependents = dependents_of(finetune)
    if request.method == "GET":
        form = RenameForm(initial={"name": name}, finetune=finetune, must_type=dependents.by_others)
        return _render(request, form, dependents, name, fragment="dialog")
    form = RenameForm(request.POST, finetune=finetune, must_type=dependents.by_others)
    if not form.rename():
        return _render(request, form, dependents, name, fragment="form", status=422)
    messages.success(request, f"{name} is called {finetune.name} now: send that as finetune_id.")
    page = reverse("finetune", args=[org_id, finetune.name])
    return leave_for_list(request, reverse("finetunes", args=[org_id]), refresh="#catalog", elsewhere=page)


def _render(
    request: HttpRequest, form: RenameForm, dependents: Dependents, name: str, *, fragment: str, status: int = 200
) -> HttpResponse:
    context = {"form": form, "finetune": form.finetune, "name": name, "dependents": dependents, "used_days": USED_DAYS}
    return render_page(request, "finetunes/rename.html", context, fragment=fragment, status=status)
