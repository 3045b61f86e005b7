"""Sweeps and grids: the form with its price, a grid whose cells come by themselves, and its contact sheet."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.billing.queries import balance_of
from dashboard.lib.credits import as_text
from dashboard.lib.errors import DashboardError
from dashboard.lib.htmx import leave_form, render_page, wants_fragment
from dashboard.organizations.access import get_membership, require
from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Permission
from playground.access import get_grid
from playground.forms.grids import COMMON, DEFAULTS, GridForm
from playground.grids import Axis, AxisKind
from playground.models import Grid
from playground.pictures.contact_sheet import draw_sheet
from playground.queries.boards import Board, latest_grids, read_board
from playground.references.chosen import values_of as references_of
from playground.services import sweeping
from playground.services.sampling import draw_seed

TEMPLATE = "playground/grid_new.html"
TOKEN = "csrfmiddlewaretoken"


@dataclass(frozen=True)
class Heading:
    """Of a column or row; `id` is that of its mark on the page."""

    id: str
    label: str
    is_recommended: bool


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, org_id: str) -> HttpResponse:
    """The form, with what the Playground's form stood on when its button was pressed."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    if request.method == "POST":
        return _run(request, membership)
    if TOKEN in request.GET:  # the Playground's form was sent as it is, without scripts
        query = request.GET.copy()
        del query[TOKEN]
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")
    asked = _asked(request)
    form = GridForm(initial=asked, caller=membership.organization)
    if form.finetunes:
        asked.setdefault("model", next(iter(form.finetunes)))
    checked = GridForm(asked, caller=membership.organization)
    return render_page(request, TEMPLATE, _page(form, checked, membership.organization), fragment="form")


def _asked(request: HttpRequest) -> dict[str, Any]:
    given: dict[str, Any] = {name: request.GET[name] for name in GridForm.base_fields if name in request.GET}
    references = request.GET.getlist("references")
    if references:  # a size that is left open is then that of the first of them
        given = {"width": "", "height": "", **given, "references": references}
    return {**DEFAULTS, "seed": str(draw_seed()), **given}


def _run(request: HttpRequest, membership: Membership) -> HttpResponse:
    organization = membership.organization
    form = GridForm(request.POST, caller=organization)
    grid = _try_to_run(form, membership) if form.is_valid() else None
    if grid is None:
        context = _page(form, form, organization)
        return render_page(request, TEMPLATE, context, fragment="form", status=422)
    return leave_form(request, _url_of(grid), refresh="#main")


def _try_to_run(form: GridForm, membership: Membership) -> Grid | None:
    assert form.endpoint
    assert form.plan
    try:
        return sweeping.run_grid(
            membership.organization,
            form.endpoint,
            form.given,
            form.plan,
            user=membership.user,
            references=[image.source for image in form.images],
        )
    except DashboardError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return None


@login_required
@require_POST
def price(request: HttpRequest, org_id: str) -> HttpResponse:
    """The grid in outline and what it would cost. Changes nothing, but prompts are too long for an address."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    form = GridForm(request.POST, caller=membership.organization)
    context = {"form": form, "is_judged": True, **_outline(form, membership.organization)}
    return render_page(request, TEMPLATE, context, fragment="outline")


@login_required
@require_safe
def grid(request: HttpRequest, org_id: str, grid_id: UUID) -> HttpResponse:
    """The grid; for a page that has it, which `seen` tells, the cells that changed since."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    return _render(request, get_grid(membership.organization, grid_id), seen=request.GET.get("seen", ""))


@login_required
@require_POST
def again(request: HttpRequest, org_id: str, grid_id: UUID, row: int, column: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    found = get_grid(membership.organization, grid_id)
    sweeping.try_again(found, row, column, user=membership.user)
    if not wants_fragment(request):
        return HttpResponseRedirect(_url_of(found))
    return _render(request, found, seen=request.POST.get("seen", ""), acted=(row, column))


@login_required
@require_POST
def recommend(request: HttpRequest, org_id: str, grid_id: UUID, row: int, column: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    require(membership, Permission.GENERATE)
    found = get_grid(membership.organization, grid_id)
    told = f"{sweeping.recommend(found, row, column):g} is the recommended strength of {found.finetune_id_sent} now."
    if wants_fragment(request):
        return _render(request, found, told=told, acted=(row, column))
    messages.success(request, told)
    return HttpResponseRedirect(_url_of(found))


@login_required
@require_safe
def sheet(request: HttpRequest, org_id: str, grid_id: UUID) -> FileResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    found = get_grid(membership.organization, grid_id)
    file = draw_sheet(read_board(found))
    name = found.finetune_id_sent.replace("/", "-")
    return FileResponse(file, as_attachment=True, filename=f"{name}-grid.png", content_type="image/png")


def _render(
    request: HttpRequest, found: Grid, *, seen: str = "", told: str = "", acted: tuple[int, int] | None = None
) -> HttpResponse:
    board = read_board(found)
    finetune = found.finetune
    own = finetune is not None and finetune.organization_id == found.organization_id and not finetune.deleted_at
    recommended = finetune.recommended_strength if finetune else None
    columns = _headings("across", board.plan.across, recommended)
    down = _headings("down", board.plan.down, recommended)
    context = {
        "grid": found,
        "board": board,
        "changed": board.changed_since(seen),
        "told": told,
        "acted": acted,
        "may_recommend": own and board.has_strengths,
        "recommended": None if recommended is None else float(recommended),
        "columns": columns,
        "rows": list(zip(down, board.rows, strict=True)) if down else [(None, cells) for cells in board.rows],
        "marks": [*columns, *down],
        "prompts_differ": AxisKind.PROMPT in board.plan.kinds,
        "seeds_differ": AxisKind.SEED in board.plan.kinds,
        "query": _query(board),
    }
    return render_page(request, "playground/grid.html", context, fragment="status")


def _headings(direction: str, axis: Axis | None, recommended: Decimal | None) -> list[Heading]:
    if axis is None:
        return []
    marked = axis.kind is AxisKind.STRENGTH and recommended is not None
    return [
        Heading(f"mark-{direction}-{number}", label, is_recommended=marked and value == float(recommended or 0))
        for number, (label, value) in enumerate(zip(axis.labels, axis.values, strict=True))
    ]


def _query(board: Board) -> str:
    """The inputs of this grid as the form takes them."""
    given: dict[str, Any] = {"model": board.grid.finetune_id_sent}
    given |= {name: board.grid.inputs[name] for name in COMMON if name in board.grid.inputs}
    made = next((cell.generation for cell in board.cells if cell.generation), None)
    given["references"] = references_of(made) if made else []
    for direction, axis in (("across", board.plan.across), ("down", board.plan.down)):
        if axis:
            between = "\n" if axis.kind is AxisKind.PROMPT else ", "
            given |= {direction: axis.kind.value, f"{direction}_values": between.join(axis.labels)}
    return urlencode(given, doseq=True)


def _page(form: GridForm, checked: GridForm, organization: Organization) -> dict[str, Any]:
    return {"form": form, "grids": latest_grids(organization), **_outline(checked, organization)}


def _outline(checked: GridForm, organization: Organization) -> dict[str, Any]:
    """The plan of the form as it stands, its price, and the reason where it cannot run."""
    checked.is_valid()
    outline: dict[str, Any] = {"plan": checked.plan, "reason": checked.reason, "seed": checked["seed"].value()}
    if cost := checked.price:
        left = balance_of(organization) - cost.total
        outline |= {
            "each_text": as_text(cost.each),
            "total_text": as_text(cost.total),
            "left_text": as_text(max(left, 0)),
            "is_short": left < 0,
            "allowance": checked.allowance,
        }
    return outline


def _url_of(found: Grid) -> str:
    return reverse("grid", args=[found.organization.org_id, found.pk])
