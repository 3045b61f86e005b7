"""What is done to several rows of the list at once: tags, and deletion with its Undo."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from dashboard.lib.errors import InvalidInputError
from dashboard.lib.htmx import leave_for_list, render_page, wants_fragment
from dashboard.lib.toasts import offer_undo
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission
from finetunes.queries import listing
from finetunes.services import bulk, labels
from finetunes.views.catalog import list_url, render_list

FIELD = "finetune"
NONE_CHOSEN = "Select at least one finetune in the list first."
MOST_CHOSEN = 200
LONGEST_PK = 18


@login_required
@require_POST
def tag(request: HttpRequest, org_id: str) -> HttpResponse:
    """Puts a tag on the chosen finetunes, or takes it off."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    chosen = _read_chosen(request.POST)
    name, removes = request.POST.get("tag", ""), request.POST.get("do") == "remove"
    finetunes = listing.find_chosen(membership.organization, chosen)
    if not finetunes:
        return _refuse(request, membership, NONE_CHOSEN)
    try:
        change = labels.remove_tag if removes else labels.add_tag
        count = change(membership.organization, finetunes, name)
    except InvalidInputError as error:
        return _refuse(request, membership, error.message)
    messages.success(request, _told(count, labels.clean_tag(name), removes=removes))
    if not wants_fragment(request):
        return redirect(list_url(request, org_id))
    return render_list(request, membership, chosen=chosen)


@login_required
@require_POST
def delete(request: HttpRequest, org_id: str) -> HttpResponse:
    """Names what would go; with `confirmed` it goes. What others rely on is left for its own page, which tells more."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    chosen = listing.sort_chosen(membership.organization, _read_chosen(request.POST))
    if not chosen:
        return _refuse(request, membership, NONE_CHOSEN)
    if "confirmed" not in request.POST:
        context = {"chosen": chosen, "here": request.GET.urlencode(), "list_url": list_url(request, org_id)}
        return render_page(request, "finetunes/bulk_delete.html", context, fragment="dialog")
    gone = bulk.discard_all(membership.organization, chosen.deletable, by=membership.user)
    if gone:
        pks = urlencode({FIELD: [finetune.pk for finetune in gone]}, doseq=True)
        text = f"{gone[0].name} is in the trash." if len(gone) == 1 else f"{len(gone)} finetunes are in the trash."
        offer_undo(request, text, f"{reverse('finetunes-restore', args=[org_id])}?{pks}")
    return leave_for_list(request, list_url(request, org_id), refresh="#catalog")


@login_required
@require_POST
def restore(request: HttpRequest, org_id: str) -> HttpResponse:
    """The Undo of a deletion of several."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    count = bulk.restore_all(membership.organization, _read_chosen(request.GET), by=membership.user)
    if count:
        messages.success(request, f"{_finetunes(count)} restored.")
    else:
        messages.info(request, "There was nothing left to restore.")
    return leave_for_list(request, reverse("finetunes", args=[org_id]), refresh="#catalog")


def _read_chosen(query: QueryDict) -> list[int]:
    """The rows that are ticked; what can be no row is left out."""
    numbers = [value for value in query.getlist(FIELD) if value.isascii() and value.isdecimal()]
    return [int(number) for number in numbers if len(number) <= LONGEST_PK][:MOST_CHOSEN]


def _refuse(request: HttpRequest, membership: Membership, message: str) -> HttpResponse:
    """The list again, with what was typed and ticked, and the sentence beside the field."""
    typed = {"tag": request.POST.get("tag", ""), "error": message}
    return render_list(request, membership, status=422, bulk=typed, chosen=_read_chosen(request.POST))


def _told(count: int, name: str, *, removes: bool) -> str:
    if not count:
        return f"None of them had the tag {name}." if removes else f"All of them had the tag {name} before."
    return f"Took the tag {name} off {_finetunes(count)}." if removes else f"Tagged {_finetunes(count)} {name}."


def _finetunes(count: int) -> str:
    return "1 finetune" if count == 1 else f"{count} finetunes"
