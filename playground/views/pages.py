"""The Playground's pages: the form, a generation and its image."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from dashboard.lib.errors import DashboardError, NotFoundError
from dashboard.lib.htmx import render_page, wants_fragment
from dashboard.lib.stored_images import send_image
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership, User
from dashboard.organizations.queries import memberships_of
from dashboard.organizations.roles import Permission, may
from dashboard.organizations.shell import last_membership
from playground import queries
from playground.access import get_generation, named_preset
from playground.forms.generate import GenerateForm
from playground.forms.quotes import quote_of
from playground.models import Generation
from playground.queries.history import earlier_cursor
from playground.reuse import read_link, take
from playground.services import generating, presets
from playground.views.references import take_files
from playground.views.results import name_download, send_with_parameters

TEMPLATE = "playground/playground.html"


@login_required
@require_http_methods(["GET", "POST"])
def playground(request: HttpRequest, org_id: str) -> HttpResponse:
    """The form and the latest results. A role that may not generate sees the form, the price and why it can't run."""
    if request.method == "POST":
        return _generate(request, get_membership(request, org_id, Permission.GENERATE))
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    preset = named_preset(membership, request.GET)
    link = read_link(membership, presets.fill_link(preset, request.GET) if preset else request.GET)
    form = GenerateForm.from_link(link.query, caller=membership.organization)
    context = _page(form, membership) | {"gone": link.gone, "preset": preset}
    return render_page(request, TEMPLATE, context, fragment="form")


@login_required
@require_POST
def fill(request: HttpRequest, org_id: str) -> HttpResponse:
    """The form that was sent, with what its address takes from a result (`from`, `take`); all else stays in it."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    link = take(membership, request.GET, request.POST)
    form = GenerateForm.from_link(link.query, caller=membership.organization)
    context = _page(form, membership) | {"gone": link.gone}
    response = render(request, f"{TEMPLATE}#form", context)
    return trigger_client_event(response, "form-filled", _told(form, link.taken), after="settle")


def _told(form: GenerateForm, taken: Iterable[str]) -> dict[str, str]:
    """What the page says of the fields that were filled in, and the ID of what gets the focus."""
    fields = [form[name] for name in taken if name in form.fields]
    if not fields:
        return {"words": "", "focus": "gone"}
    labels = [str(field.label).lower() for field in fields]
    place = next((field for field in fields if field.name == "prompt"), fields[0])
    return {
        "words": f"{len(labels)} fields" if len(labels) > 2 else " and ".join(labels),
        "focus": str(place.id_for_label),
    }


@login_required
@require_safe
def follow_link(request: HttpRequest) -> HttpResponse:
    """A link that was copied: into the organization that it names for its members, for others into their own."""
    assert isinstance(request.user, User)
    query = request.GET.copy()
    asked = query.pop("organization", [""])[-1]
    memberships = {membership.organization.org_id: membership for membership in memberships_of(request.user)}
    if not memberships:
        return redirect("home")
    membership = memberships.get(asked) or last_membership(request, list(memberships.values()))
    url = reverse("playground", args=[membership.organization.org_id])
    return redirect(f"{url}?{query.urlencode()}")


def _generate(request: HttpRequest, membership: Membership) -> HttpResponse:
    given, refusals = take_files(request, membership)
    form = GenerateForm(given, caller=membership.organization)
    if refusals:
        form.add_error("references", refusals)
    if not form.is_valid():
        return _refuse(request, membership, form, status=422)
    try:
        made = generating.generate_all(membership.organization, form.endpoint, form.jobs, user=membership.user)
    except DashboardError as error:
        form.tell(error)
        return _refuse(request, membership, form, status=error.status)
    if wants_fragment(request):
        context = {"made": made[::-1], "is_running": True, "is_fragment": True}
        return render(request, "playground/made.html", context)
    url = _url_of(made[0]) if len(made) == 1 else reverse("playground", args=[membership.organization.org_id])
    return HttpResponseRedirect(url, status=303)


def _refuse(request: HttpRequest, membership: Membership, form: GenerateForm, *, status: int) -> HttpResponse:
    """The form again with its errors, in place of the form rather than among the results."""
    response = render_page(request, TEMPLATE, _page(form, membership), fragment="form", status=status)
    response["HX-Retarget"] = "#generate"
    response["HX-Reswap"] = "outerHTML"
    return response


@login_required
@require_safe
def parameters(request: HttpRequest, org_id: str) -> HttpResponse:
    """What of the form depends on the model, for the one that was just picked; with what stands in the form."""
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    form = GenerateForm.from_link(read_link(membership, request.GET).query, caller=membership.organization)
    return render(request, "playground/parameters.html", {"form": form})


@login_required
@require_POST
def quote(request: HttpRequest, org_id: str) -> HttpResponse:
    """The price of the form as it stands, and why it can't run. A POST, for prompts are too long for an address."""
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    form = GenerateForm(read_link(membership, request.POST).query, caller=membership.organization)
    return render(request, "playground/quote.html", {"form": form, "quote": quote_of(form, membership)})


@login_required
@require_safe
def generation(request: HttpRequest, org_id: str, generation_id: UUID) -> HttpResponse:
    """One generation: a page of its own, or the card that asks again until it is done."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    return _card(request, get_generation(membership.organization, generation_id))


def _card(request: HttpRequest, generation: Generation) -> HttpResponse:
    context = {"generation": generation, "is_running": generation.is_open}
    return render_page(request, "playground/generation.html", context, fragment="card")


@login_required
@require_safe
def image(request: HttpRequest, org_id: str, generation_id: UUID) -> StreamingHttpResponse:
    """As it was stored, or with its parameters inside (`metadata`); shown, or saved by a speaking name (`download`)."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    found = get_generation(membership.organization, generation_id)
    response = send_with_parameters(found) if request.GET.get("metadata") else _send(str(found.image))
    if request.GET.get("download"):
        name_download(response, found)
    return response


@login_required
@require_safe
def thumbnail(request: HttpRequest, org_id: str, generation_id: UUID) -> FileResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    return _send(str(get_generation(membership.organization, generation_id).thumbnail))


def _send(name: str) -> FileResponse:
    """Opens without a look before: a bucket would be asked twice."""
    try:
        return send_image(name)
    except FileNotFoundError:
        raise NotFoundError("There is no such image, or it is not finished yet.") from None


def _page(form: GenerateForm, membership: Membership) -> dict[str, Any]:
    generations = (
        queries.recent_generations(membership.organization) if may(membership.role, Permission.GENERATE) else []
    )
    return {
        "form": form,
        "generations": generations,
        "is_running": any(generation.is_open for generation in generations),
        "earlier": earlier_cursor(membership.organization, membership.user, generations),
        "quote": quote_of(form, membership),
        "presets": presets.shelves_of(membership) if may(membership.role, Permission.GENERATE) else [],
    }


def _url_of(generation: Generation) -> str:
    return reverse("generation", args=[generation.organization.org_id, generation.id])
