"""The history's pages: the generations as filtered, their stars, and what is done to several of them at once."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from dashboard.lib.errors import ForbiddenError, InvalidInputError
from dashboard.lib.htmx import render_page, stands_on, wants_fragment
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission
from playground import removal
from playground.access import get_generation
from playground.forms.history import HistoryFilterForm, read_chosen
from playground.pictures.archive import send_archive
from playground.queries import history as listing
from playground.retention import days_of
from playground.services.starring import set_star

CURSOR, MORE = "cursor", "more"
# As the Playground asks for them, below its results.
EARLIER = "earlier"


@login_required
@require_safe
def history(request: HttpRequest, org_id: str) -> HttpResponse:
    """The page; with `more` in the address, for htmx, the cards that follow on it, or on the Playground's results."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    organization = membership.organization
    form = HistoryFilterForm.read(request.GET, listing.read_choices(organization))
    wanted = form.wanted(membership.user)
    cursor = request.GET.get(CURSOR, "")
    page = listing.read_page(organization, wanted, cursor)
    context = {
        "form": form,
        "page": page,
        "cursor": cursor,
        "here": _address(org_id, form.query(**({CURSOR: cursor} if cursor else {}))),
        "kept_days": days_of(organization),
        "query": form.query(),
        "is_more": MORE in request.GET,
        "is_small": request.GET.get(MORE) == EARLIER,
        "is_running": any(generation.is_open for generation in page.rows),
        "everyone": form.query(who="all"),
        "filters": wanted,
        "nothing": "" if page.rows else _why_empty(membership, wanted),
    }
    fragment = "cards" if MORE in request.GET else "history"
    return render_page(request, "playground/history.html", context, fragment=fragment)


@login_required
@require_POST
def star(request: HttpRequest, org_id: str, generation_id: UUID) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    generation = get_generation(membership.organization, generation_id)
    set_star(generation, is_starred=request.POST.get("star") == "on")
    if not wants_fragment(request):
        return HttpResponseRedirect(_back(request, reverse("generation", args=[org_id, generation_id])))
    return render(request, "playground/history_star.html", {"generation": generation})


@login_required
@require_http_methods(["GET", "POST"])
def delete_one(request: HttpRequest, org_id: str, generation_id: UUID) -> HttpResponse:
    """Asks, and then removes it. Whose it is not to delete is told so before being asked."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    chosen = removal.sort_chosen(membership, [get_generation(membership.organization, generation_id).pk])
    if chosen.of_others:
        raise ForbiddenError(removal.OF_OTHERS)
    if request.method == "GET":
        return _ask(request, chosen, reverse("generation-delete", args=[org_id, generation_id]))
    return _delete(request, membership, [generation_id])


@login_required
@require_POST
def delete(request: HttpRequest, org_id: str) -> HttpResponse:
    """Tells what would go of all that is ticked; with `confirmed` it goes."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    ids = read_chosen(request.POST)
    if "confirmed" in request.POST:
        return _delete(request, membership, ids)
    query = request.GET.urlencode()
    form_url = reverse("history-delete", args=[org_id]) + (f"?{query}" if query else "")
    return _ask(request, removal.sort_chosen(membership, ids), form_url)


@login_required
@require_POST
def download(request: HttpRequest, org_id: str) -> StreamingHttpResponse:
    """The images of all that is ticked, as one ZIP."""
    organization = get_membership(request, org_id, Permission.GENERATE).organization
    chosen = listing.find_chosen(organization, read_chosen(request.POST))
    if not chosen:
        raise InvalidInputError("None of these generations is there any more. Load the page again.")
    return send_archive(chosen, file_name=f"generations-{timezone.now():%Y-%m-%d}")


def _ask(request: HttpRequest, chosen: removal.Chosen, form_url: str) -> HttpResponse:
    context = {"chosen": chosen, "form_url": form_url, "back_url": _back(request, _history_url(request))}
    return render_page(request, "playground/history_delete.html", context, fragment="dialog")


def _delete(request: HttpRequest, membership: Membership, ids: list[UUID]) -> HttpResponse:
    gone = removal.delete(membership, ids)
    text = "Deleted 1 generation." if len(gone) == 1 else f"Deleted {len(gone)} generations."
    messages.success(request, text)
    list_url = _history_url(request)
    if not wants_fragment(request):
        return redirect(list_url)
    own_pages = [reverse("generation", args=[membership.organization.org_id, pk]) for pk in ids[:1]]
    if any(stands_on(request, url) for url in own_pages):
        return HttpResponseClientRedirect(list_url)
    response = render(request, "playground/history_delete.html#gone", {"ids": ids})
    # Not before: the dialog drops its form, and with it htmx its way into the page.
    return trigger_client_event(response, "dialog:close", after="swap")


def _history_url(request: HttpRequest) -> str:
    """The history with the filters that stand in this request's own address."""
    assert request.resolver_match
    return _address(request.resolver_match.kwargs["org_id"], request.GET.urlencode())


def _address(org_id: str, query: str) -> str:
    return reverse("history", args=[org_id]) + (f"?{query}" if query else "")


def _back(request: HttpRequest, otherwise: str) -> str:
    """The page that the plain form stood on."""
    url = request.POST.get("back", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else otherwise


def _why_empty(membership: Membership, wanted: listing.Filters) -> str:
    """Which empty state to show."""
    if wanted.narrows:
        return "search"
    if listing.is_empty(membership.organization):
        return "organization"
    return "me" if wanted.person == membership.user_id else "who"
