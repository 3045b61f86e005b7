"""What is done with results: asking how the running ones stand, cancelling, downloading, comparing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from dashboard.lib.errors import NotFoundError
from dashboard.lib.htmx import render_page, wants_fragment
from dashboard.lib.stored_images import CONTENT_TYPES, extension_of
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from playground import queries
from playground.access import get_generation
from playground.forms.comparing import CompareForm
from playground.models import Generation
from playground.patience import LATE_AFTER
from playground.pictures.metadata import file_name_of, pieces_of
from playground.queries import MAX_POLLED
from playground.services import cancelling, comparing
from playground.templatetags.generations import mark

CANCELLED = "Cancelled. Not charged."
NO_IMAGE = "There is no such image, or it is not finished yet."


@login_required
@require_safe
def status(request: HttpRequest, org_id: str) -> HttpResponse:
    """The cards among `ids` that changed, each to take its place; asks again while one of them runs.

    An id may carry the mark that its card was drawn with (`id:mark`): a card that still has it is left out. Of the
    history's cards (`card`) the picture alone changes: they keep their place in the list, and their tick.
    """
    organization = get_membership(request, org_id, Permission.GENERATE).organization
    asked = _read_marks(request.GET.getlist("ids"))
    found = queries.polled_generations(organization, asked)
    changed = [found[pk] for pk, seen in asked.items() if pk in found and mark(found[pk]) != seen]
    asked_at = [generation.created_at for generation in found.values() if generation.is_open]
    is_late = bool(asked_at) and timezone.now() - max(asked_at) > LATE_AFTER
    context = {
        "changed": changed,
        "ended": [generation for generation in changed if not generation.is_open],
        "gone": [pk for pk in asked if pk not in found],
        "is_running": bool(asked_at),
        "poll_delay": "2s" if is_late else "500ms",
        "details_of": request.GET.get("details", ""),
        "card": request.GET.get("card", ""),
        "is_fragment": True,
    }
    return render(request, "playground/status.html", context)


def _read_marks(asked: Sequence[str]) -> dict[UUID, str]:
    """The last ones of too many: results stand newest first, and the oldest end first."""
    marks: dict[UUID, str] = {}
    for text in asked[-MAX_POLLED:]:
        pk, _, seen = text.partition(":")
        try:
            marks[UUID(pk)] = seen
        except ValueError:
            continue
    return marks


@login_required
@require_POST
def cancel(request: HttpRequest, org_id: str, generation_id: UUID) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    generation = get_generation(membership.organization, generation_id)
    cancelling.cancel(generation, by=membership)
    if not wants_fragment(request):
        messages.success(request, CANCELLED)
        return redirect("generation", org_id, generation_id)
    context = {"generation": get_generation(membership.organization, generation_id)}
    return render_page(request, "playground/generation.html", context, fragment="card")


def send_with_parameters(generation: Generation) -> StreamingHttpResponse:
    """The image with its parameters inside. Raises NotFoundError where there is none."""
    name = str(generation.image)
    try:
        file = default_storage.open(name) if name else None
    except FileNotFoundError:
        file = None
    if file is None:
        raise NotFoundError(NO_IMAGE)
    response = StreamingHttpResponse(
        _closing(file, pieces_of(file, generation)), content_type=CONTENT_TYPES[extension_of(name)]
    )
    response["Cache-Control"] = "private, no-store"
    return response


def _closing(file: Any, pieces: Any) -> Any:
    try:
        yield from pieces
    finally:
        file.close()


def name_download(response: Any, generation: Generation) -> None:
    """Makes the answer a download, by a name that says what it is."""
    name = file_name_of(generation, extension_of(str(generation.image)))
    response["Content-Disposition"] = f'attachment; filename="{name}"'


@login_required
@require_safe
def compare(request: HttpRequest, org_id: str) -> HttpResponse:
    """Two results beside each other; the form to choose them, where one or both are missing."""
    organization = get_membership(request, org_id, Permission.GENERATE).organization
    chosen = {name: _read_choice(request, name) for name in ("a", "b")}
    pair = {name: get_generation(organization, pk) for name, pk in chosen.items() if pk is not None}
    form = CompareForm(pair, queries.comparable_generations(organization))
    context: dict[str, Any] = {"form": form, **pair}
    if len(pair) == 2:
        context |= {
            "pair": list(pair.items()),
            "is_running": any(generation.is_open for generation in pair.values()),
            "is_ready": all(generation.image for generation in pair.values()),
            "rows": comparing.differences(pair["a"], pair["b"]),
        }
    return render_page(request, "playground/compare.html", context, fragment="comparison")


def _read_choice(request: HttpRequest, name: str) -> UUID | None:
    """None for one that is not chosen yet. Raises NotFoundError for what is no id."""
    text = request.GET.get(name, "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFoundError("There is no such generation in this organization.") from None


@login_required
@require_POST
def against_base(request: HttpRequest, org_id: str, generation_id: UUID) -> HttpResponse:
    """Asks for the same image at strength 0 and leads to the comparison."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    generation = get_generation(membership.organization, generation_id)
    base = comparing.make_base(generation, asked_by=membership.user)
    query = urlencode({"a": str(base.pk), "b": str(generation.pk)})
    return redirect(f"{reverse('compare', args=[org_id])}?{query}")
