"""The Playground's pages: the form, a generation, its image, and the signed door for samples."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.bfl.errors import error_body
from dashboard.bfl.signatures import is_signed
from dashboard.billing.queries import balance_of
from dashboard.lib.credits import as_text
from dashboard.lib.errors import DashboardError, NotFoundError
from dashboard.lib.htmx import render_page, wants_fragment
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Permission
from playground import queries, services
from playground.access import get_generation
from playground.forms import GenerateForm
from playground.models import Generation
from playground.results import extension_of, send_image

EXPIRED = "This link has expired or was changed. Ask get_result for a fresh one."


@login_required
@require_http_methods(["GET", "POST"])
def playground(request: HttpRequest, org_id: str) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    if request.method == "POST":
        return _generate(request, membership)
    initial = {key: request.GET[key] for key in GenerateForm.base_fields if key in request.GET}
    form = GenerateForm(initial=initial, caller=membership.organization)
    return render_page(request, "playground/playground.html", _page(form, membership.organization), fragment="form")


def _generate(request: HttpRequest, membership: Membership) -> HttpResponse:
    form = GenerateForm(request.POST, caller=membership.organization)
    if not form.is_valid():
        return _refuse(request, membership, form, status=422)
    try:
        generation = services.generate(membership.organization, form.endpoint, form.inputs, user=membership.user)
    except DashboardError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return _refuse(request, membership, form, status=error.status)
    if not wants_fragment(request):
        return HttpResponseRedirect(_url_of(generation), status=303)
    return _card(request, generation, is_new=True)


def _refuse(request: HttpRequest, membership: Membership, form: GenerateForm, *, status: int) -> HttpResponse:
    """The form again with its errors, in place of the form rather than among the results."""
    context = _page(form, membership.organization)
    response = render_page(request, "playground/playground.html", context, fragment="form", status=status)
    response["HX-Retarget"] = "#generate"
    response["HX-Reswap"] = "outerHTML"
    return response


@login_required
@require_safe
def price(request: HttpRequest, org_id: str) -> HttpResponse:
    """What the form as it stands would cost, and what would be left."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    form = GenerateForm(request.GET, caller=membership.organization)
    context = {"form": form, **_price(form, membership.organization)}
    return render_page(request, "playground/playground.html", context, fragment="price")


@login_required
@require_safe
def generation(request: HttpRequest, org_id: str, generation_id: UUID) -> HttpResponse:
    """One generation: a page of its own, or the card that asks again until it is done."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    return _card(request, get_generation(membership.organization, generation_id))


def _card(request: HttpRequest, generation: Generation, *, is_new: bool = False) -> HttpResponse:
    context = {"generation": generation, "is_new": is_new}
    return render_page(request, "playground/generation.html", context, fragment="card")


@login_required
@require_safe
def image(request: HttpRequest, org_id: str, generation_id: UUID) -> FileResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    return _send(str(get_generation(membership.organization, generation_id).image))


@login_required
@require_safe
def thumbnail(request: HttpRequest, org_id: str, generation_id: UUID) -> FileResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    return _send(str(get_generation(membership.organization, generation_id).thumbnail))


@require_safe
def sample(request: HttpRequest, generation_id: UUID, extension: str) -> FileResponse | JsonResponse:
    """The image behind a signed URL: no log-in and no key, for as long as the signature lives."""
    if not is_signed(settings.SECRET_KEY, request.path, request.GET.dict()):
        return JsonResponse(error_body(EXPIRED), status=403)
    found = queries.find_generation(generation_id)
    name = str(found.image) if found else ""
    if extension_of(name) != extension:
        raise NotFoundError("There is no such image any more.")
    return _send(name)


def _send(name: str) -> FileResponse:
    """Opens without a look before: a bucket would be asked twice."""
    try:
        return send_image(name)
    except FileNotFoundError:
        raise NotFoundError("There is no such image, or it is not finished yet.") from None


def _page(form: GenerateForm, organization: Organization) -> dict[str, Any]:
    return {
        "form": form,
        "generations": queries.recent_generations(organization),
        **_price(form, organization),
    }


def _price(form: GenerateForm, organization: Organization) -> dict[str, Any]:
    """`cost_text` and `left_text` for the form as it stands; nothing while finetune or size can't be priced."""
    cost = form.cost()
    if cost is None:
        return {}
    left = balance_of(organization) - cost
    return {"cost_text": as_text(cost), "left_text": as_text(max(left, 0)), "is_short": left < 0}


def _url_of(generation: Generation) -> str:
    return reverse("generation", args=[generation.organization.org_id, generation.id])
