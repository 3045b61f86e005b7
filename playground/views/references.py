"""Reference images of the Playground's form: laid in, shown as chips, and their thumbnails."""

from collections.abc import Sequence

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission
from playground.access import get_chosen_image
from playground.references import chosen, uploads
from playground.references.chosen import MOST_ASKED, find_images
from playground.references.thumbnails import CONTENT_TYPE, draw_thumbnail

GONE = "There is no such reference image any more."


@login_required
@require_http_methods(["GET", "POST"])
def references(request: HttpRequest, org_id: str) -> HttpResponse:
    """Chips of the images that are named, or of the files that are sent, with a sentence for each that is refused."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    if request.method == "POST":
        laid = uploads.lay_in(membership, request.FILES.getlist("reference_files"))
        images = [chosen.of_upload(upload) for upload in laid.uploads]
        return _chips(request, images, laid.refusals)
    asked = request.GET.getlist("references")[:MOST_ASKED]
    found = find_images(membership.organization, asked)
    return _chips(request, list(found.values()), [] if len(found) == len(set(asked)) else [GONE])


def _chips(request: HttpRequest, images: Sequence[chosen.ChosenImage], refusals: Sequence[str]) -> HttpResponse:
    context = {"images": images, "refusals": refusals}
    status = 422 if refusals and not images else 200
    return render(request, "playground/reference_chips.html", context, status=status)


@login_required
@require_safe
def thumbnail(request: HttpRequest, org_id: str, value: str) -> HttpResponse:
    """What a value names never changes, but only the browser that asked may keep it."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    image = get_chosen_image(membership.organization, value)
    try:
        response = HttpResponse(draw_thumbnail(image.source.get("file", "")), content_type=CONTENT_TYPE)
    except FileNotFoundError:
        raise NotFoundError(GONE) from None
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def take_files(request: HttpRequest, membership: Membership) -> tuple[QueryDict, list[str]]:
    """A form as a browser without scripts sends it: with files among the others, and some of those ticked to go.

    What is refused comes back as sentences.
    """
    given = request.POST.copy()
    laid = uploads.lay_in(membership, request.FILES.getlist("reference_files"))
    unwanted = set(given.getlist("unwanted_references"))
    kept = [value for value in given.getlist("references") if value not in unwanted]
    given.setlist("references", [*kept, *(chosen.of_upload(upload).value for upload in laid.uploads)])
    return given, laid.refusals
