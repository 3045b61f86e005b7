"""Samples out of generations: an image of the Playground is used as one, or a pair is made on request."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.billing.queries import balance_of
from dashboard.lib.credits import as_text
from dashboard.lib.errors import DashboardError
from dashboard.lib.htmx import render_page, wants_fragment
from dashboard.organizations.access import get_membership, require
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission
from finetunes.access import get_finetune
from finetunes.models import Finetune
from finetunes.views.panel import leave_dialog
from finetunes.views.samples import ROUTE
from playground.access import get_generation
from playground.forms.samples import MakeSamplesForm
from playground.services import sampling


@login_required
@require_POST
def use(request: HttpRequest, org_id: str, generation_id: UUID) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    require(membership, Permission.GENERATE)
    generation = get_generation(membership.organization, generation_id)
    sample = sampling.use_as_sample(generation, created_by=membership.user)
    messages.success(request, f"The image is a sample of {sample.finetune.name} now, shown with its prompt.")
    if not wants_fragment(request):
        return redirect("generation", org_id, generation_id)
    context = {"generation": generation, "is_sample": True}
    return render_page(request, "playground/sample_use.html", context, fragment="use")


@login_required
@require_http_methods(["GET", "POST"])
def make(request: HttpRequest, org_id: str, name: str) -> HttpResponse:
    """The form, in a dialog over the finetune's samples or on a page of its own."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    require(membership, Permission.GENERATE)
    finetune = get_finetune(membership.organization, name)
    if request.method == "GET":
        initial = {"prompt": sampling.propose_prompt(finetune), "seed": sampling.draw_seed()}
        return _render_form(request, finetune, MakeSamplesForm(initial=initial), fragment="dialog")
    form = MakeSamplesForm(request.POST)
    status = _make(form, membership, finetune)
    if status:
        return _render_form(request, finetune, form, fragment="form", status=status)
    return leave_dialog(request, finetune, ROUTE)


def _make(form: MakeSamplesForm, membership: Membership, finetune: Finetune) -> int:
    """The status of a refusal, which the form tells; 0 when the samples are on their way."""
    if not form.is_valid():
        return 422
    seed = form.cleaned_data["seed"]
    try:
        sampling.make_samples(
            finetune,
            prompt=form.cleaned_data["prompt"],
            seed=sampling.draw_seed() if seed is None else seed,
            created_by=membership.user,
        )
    except DashboardError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return 422
    return 0


def _render_form(
    request: HttpRequest, finetune: Finetune, form: MakeSamplesForm, *, fragment: str, status: int = 200
) -> HttpResponse:
    cost, balance = sampling.price_of_pair(finetune), balance_of(finetune.organization)
    context = {
        "form": form,
        "finetune": finetune,
        "cost_text": as_text(cost),
        "left_text": as_text(max(0, balance - cost)),
        "have_text": as_text(balance),
        "is_short": balance < cost,
    }
    return render_page(request, "playground/make_samples.html", context, fragment=fragment, status=status)
