"""The catalog's pages: the list, a row of it by itself, and the form that adds a finetune."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.lib.errors import NotFoundError
from dashboard.lib.htmx import leave_form, render_page, wants_fragment
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission
from finetunes import queries, upstream
from finetunes.access import get_visible_row
from finetunes.forms.checkpoints import AddFinetuneForm
from finetunes.forms.filters import CatalogFilterForm
from finetunes.queries import Tab, listing
from finetunes.queries.listing import Filters, Page

CURSOR = "cursor"


@login_required
@require_safe
def catalog(request: HttpRequest, org_id: str) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    return render_list(request, membership)


@login_required
@require_safe
def row(request: HttpRequest, org_id: str, pk: int) -> HttpResponse:
    """A row of the list, for htmx, which loads it anew after a change; others are led to the finetune's page."""
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    found = get_visible_row(membership.organization, pk, membership.user)
    if not wants_fragment(request):
        return redirect("finetune", org_id, found.finetune_id)
    alone = Page(rows=[found], previous=None, next=None)
    return render(request, "finetunes/list.html#rows", {"page": alone, "is_alone": True})


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


def render_list(request: HttpRequest, membership: Membership, *, status: int = 200, **more: Any) -> HttpResponse:
    """The list that the address asks for; also after a change to some of its rows, which keep the address."""
    viewer, user = membership.organization, membership.user
    _check_tab(request.GET)
    tags = listing.list_tags(viewer)
    form = CatalogFilterForm.read(request.GET, tags)
    wanted = form.wanted(user)
    page = listing.read_page(viewer, wanted, request.GET.get(CURSOR), user=user)
    counts = queries.count_tabs(viewer)
    context = {
        "form": form,
        "filters": wanted,
        "all_tags": tags,
        "may_import": upstream.may_use(viewer),
        "tab": wanted.tab,
        "tabs": [(entry, form.query(tab=entry.tab)) for entry in counts],
        "total": next(entry.count for entry in counts if entry.tab == wanted.tab),
        "matches": listing.count_matches(viewer, wanted) if wanted.narrows else None,
        "page": page,
        "query": form.query(),
        "here": request.GET.urlencode(),
        "nothing": "" if page.rows else _why_empty(wanted),
        **more,
    }
    return render_page(request, "finetunes/list.html", context, fragment="catalog", status=status)


def list_url(request: HttpRequest, org_id: str) -> str:
    """The list with the filters and the page that stand in this request's own address."""
    query = request.GET.urlencode()
    return reverse("finetunes", args=[org_id]) + (f"?{query}" if query else "")


def _check_tab(query: QueryDict) -> None:
    if (query.get("tab") or Tab.ALL) not in Tab.values:
        raise NotFoundError("The catalog has the tabs All, Owned and Shared, and no other.")


def _why_empty(wanted: Filters) -> str:
    """Which empty state to show."""
    if wanted.starred_by and not replace(wanted, starred_by=None).narrows:
        return "favourites"
    return "search" if wanted.narrows else wanted.tab.value


def _render_form(request: HttpRequest, form: AddFinetuneForm, *, fragment: str, status: int = 200) -> HttpResponse:
    return render_page(request, "finetunes/add.html", {"form": form}, fragment=fragment, status=status)
