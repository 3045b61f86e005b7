"""The catalog's pages: the list and the form that adds a finetune."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.lib.errors import NotFoundError
from dashboard.lib.htmx import leave_form, render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Permission
from finetunes import queries
from finetunes.forms import AddFinetuneForm
from finetunes.models import Finetune, Source
from finetunes.queries import Tab


@dataclass(frozen=True)
class Row:
    """A finetune as the viewing organization sees it."""

    finetune: Finetune
    finetune_id: str
    source: Source


@login_required
@require_safe
def catalog(request: HttpRequest, org_id: str) -> HttpResponse:
    viewer = get_membership(request, org_id, Permission.SEE_CATALOG).organization
    tab = _read_tab(request)
    page = Paginator(queries.list_finetunes(viewer, tab), queries.PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "tab": tab,
        "tabs": queries.count_tabs(viewer),
        "page": page,
        "rows": [_row(finetune, viewer) for finetune in page],
    }
    return render_page(request, "finetunes/list.html", context, fragment="catalog")


@login_required
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, org_id: str) -> HttpResponse:
    """The form, on a page of its own or, for htmx, in the dialog over the list."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    if request.method == "GET":
        return _render_form(request, AddFinetuneForm(), fragment="dialog")
    form = AddFinetuneForm(request.POST, request.FILES)
    finetune = form.create(membership)
    if finetune is None:
        return _render_form(request, form, fragment="form", status=422)
    messages.success(request, f"{finetune.name} is in the catalog and ready to use.")
    return leave_form(request, reverse("finetunes", kwargs={"org_id": org_id}), refresh="#catalog")


def _read_tab(request: HttpRequest) -> Tab:
    value = request.GET.get("tab", Tab.ALL)
    if value not in Tab.values:
        raise NotFoundError("The catalog has the tabs All, Owned and Shared, and no other.")
    return Tab(value)


def _row(finetune: Finetune, viewer: Organization) -> Row:
    return Row(finetune, finetune.id_for(viewer), finetune.source_for(viewer))


def _render_form(request: HttpRequest, form: AddFinetuneForm, *, fragment: str, status: int = 200) -> HttpResponse:
    return render_page(request, "finetunes/add.html", {"form": form}, fragment=fragment, status=status)
