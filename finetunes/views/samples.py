"""The tab of samples, their images, and what the owner does with them."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from dashboard.lib.errors import NotFoundError
from dashboard.lib.stored_images import send_image
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes import queries
from finetunes.access import get_finetune, get_sample, get_visible
from finetunes.models import Sample
from finetunes.samples import notes
from finetunes.services.samples import MAX_SAMPLES, make_cover, remove_sample
from finetunes.views.panel import leave_dialog, open_panel, render_panel

ROUTE = "finetune-samples"
NO_IMAGE = "There is no such image, or it is not finished yet."


@dataclass(frozen=True)
class Group:
    """One sample, or a pair that was made with one prompt and seed."""

    samples: list[Sample]

    @property
    def is_pair(self) -> bool:
        return len(self.samples) > 1


@login_required
@require_safe
def samples(request: HttpRequest, org_id: str, finetune_id: str) -> HttpResponse:
    panel = open_panel(request, org_id, finetune_id, ROUTE)
    found = queries.list_samples(panel.finetune, also_unmade=panel.is_owner)
    context = {
        "groups": _group(found),
        "count": len(found),
        "most": MAX_SAMPLES,
        "being_made": any(not sample.is_ready for sample in found),
        "failure": notes.find_failure(panel.finetune) if panel.may_edit else "",
        "was_waiting": "waiting" in request.GET,
    }
    return render_panel(request, panel, context)


@login_required
@require_safe
def image(request: HttpRequest, org_id: str, finetune_id: str, sample_id: int) -> FileResponse:
    return _send(request, org_id, finetune_id, sample_id, lambda sample: str(sample.image))


@login_required
@require_safe
def thumbnail(request: HttpRequest, org_id: str, finetune_id: str, sample_id: int) -> FileResponse:
    return _send(request, org_id, finetune_id, sample_id, lambda sample: str(sample.thumbnail))


@login_required
@require_POST
def cover(request: HttpRequest, org_id: str, name: str, sample_id: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    if make_cover(get_sample(finetune, sample_id)):
        messages.success(request, f"That is the cover of {finetune.name} now.")
    return leave_dialog(request, finetune, ROUTE)


@login_required
@require_POST
def remove(request: HttpRequest, org_id: str, name: str, sample_id: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    if remove_sample(get_sample(finetune, sample_id)):
        messages.success(request, "The sample was removed. The generation that it came from stays.")
    return leave_dialog(request, finetune, ROUTE)


def _send(
    request: HttpRequest, org_id: str, finetune_id: str, sample_id: int, name_of: Callable[[Sample], str]
) -> FileResponse:
    viewer = get_membership(request, org_id, Permission.SEE_CATALOG).organization
    sample = get_sample(get_visible(viewer, finetune_id), sample_id)
    try:
        return send_image(name_of(sample))
    except FileNotFoundError:
        raise NotFoundError(NO_IMAGE) from None


def _group(found: list[Sample]) -> list[Group]:
    """In the order of the oldest of each; of a pair the base model stands first."""
    groups: dict[object, list[Sample]] = {}
    for sample in found:
        groups.setdefault(sample.pair or sample.pk, []).append(sample)
    return [Group(sorted(each, key=lambda sample: sample.strength)) for each in groups.values()]
