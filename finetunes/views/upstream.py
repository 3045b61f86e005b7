"""What a finetune is called upstream, whether it is there, and the import of those that are."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.lib.errors import DashboardError
from dashboard.lib.htmx import render_page, wants_fragment
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission
from finetunes.access import get_finetune
from finetunes.forms.upstream import ImportForms, UpstreamNameForm
from finetunes.models import Finetune
from finetunes.services import upstream
from finetunes.upstream import upstream_id_of

SHOWN = 500
NOTHING_CHOSEN = "Choose the finetunes to import."
TOO_MANY = f"At most {upstream.IMPORTED_AT_ONCE} are imported at once. Choose fewer."


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """The section of a finetune's overview, on a page of its own where there are no scripts."""
    finetune = _open(request, org_id, name)
    if request.method == "GET":
        return _render_section(request, finetune, UpstreamNameForm(finetune=finetune))
    form = UpstreamNameForm(request.POST, finetune=finetune)
    is_changed = form.save()
    if is_changed is None:
        return _render_section(request, finetune, form, status=422)
    if is_changed:
        messages.success(request, f"Generations with {finetune.name} ask the upstream for {upstream_id_of(finetune)}.")
    return _leave(request, finetune)


@login_required
@require_POST
def check(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """Asks the upstream's account for the finetune."""
    finetune = _open(request, org_id, name)
    found, trouble = None, ""
    try:
        found = upstream.is_found(finetune)
    except upstream.UpstreamAwayError as error:
        trouble = error.message
    form = UpstreamNameForm(finetune=finetune)
    return _render_section(request, finetune, form, checked=True, found=found, trouble=trouble)


@login_required
@require_http_methods(["GET", "POST"])
def import_finetunes(request: HttpRequest, org_id: str) -> HttpResponse:
    """Choose from the upstream's account, describe the chosen ones, add them."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    upstream.check_import(membership.organization)
    if request.method == "GET":
        return _render_choice(request, request.GET.getlist("chosen"))
    try:
        return _save(request, membership) if "form-TOTAL_FORMS" in request.POST else _describe(request, membership)
    except upstream.UpstreamAwayError as error:
        return _render_choice(request, [], trouble=error.message)


def _open(request: HttpRequest, org_id: str, name: str) -> Finetune:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    upstream.check_import(membership.organization)
    return finetune


def _leave(request: HttpRequest, finetune: Finetune) -> HttpResponse:
    if wants_fragment(request):
        return _render_section(request, finetune, UpstreamNameForm(finetune=finetune))
    return redirect("finetune", finetune.organization.org_id, finetune.name)


def _render_section(
    request: HttpRequest, finetune: Finetune, form: UpstreamNameForm, *, status: int = 200, **context: Any
) -> HttpResponse:
    context = {"finetune": finetune, "upstream_form": form, "upstream_id": upstream_id_of(finetune), **context}
    return render_page(request, "finetunes/upstream.html", context, fragment="section", status=status)


def _describe(request: HttpRequest, membership: Membership) -> HttpResponse:
    chosen = request.POST.getlist("chosen")
    offered = set(upstream.list_importable())
    wanted = [name for name in dict.fromkeys(chosen) if name in offered]
    if not wanted or len(wanted) > upstream.IMPORTED_AT_ONCE:
        return _render_choice(request, wanted, error=TOO_MANY if wanted else NOTHING_CHOSEN, status=422)
    return render(request, "finetunes/import_rows.html", {"formset": ImportForms.propose(membership, wanted)})


def _save(request: HttpRequest, membership: Membership) -> HttpResponse:
    formset = ImportForms(request.POST)
    finetunes = formset.save(membership)
    if finetunes is None:
        return render(request, "finetunes/import_rows.html", {"formset": formset}, status=422)
    count = len(finetunes)
    told = f"{finetunes[0].name} is" if count == 1 else f"{count} finetunes are"
    messages.success(request, f"{told} in the catalog. The upstream has the file; this server needs none.")
    return redirect("finetunes", membership.organization.org_id)


def _render_choice(
    request: HttpRequest, chosen: list[str], *, trouble: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    """Those that were chosen stay in sight whatever the filter says."""
    words = request.GET.get("q", "").strip()
    names: list[str] = []
    try:
        names = [] if trouble else upstream.list_importable(anew="anew" in request.GET)
    except DashboardError as problem:
        trouble = problem.message
    picked = [name for name in names if name in set(chosen)]
    matching = [name for name in names if words.lower() in name.lower() and name not in set(picked)]
    context = {
        "q": words,
        "picked": picked,
        "names": matching[:SHOWN],
        "hidden_count": max(0, len(matching) - SHOWN),
        "total": len(names),
        "trouble": trouble,
        "error": error,
        "most": upstream.IMPORTED_AT_ONCE,
    }
    return render_page(request, "finetunes/import.html", context, fragment="choice", status=503 if trouble else status)
