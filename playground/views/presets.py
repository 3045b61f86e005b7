"""Presets of the Playground's form: saved, renamed, deleted, and brought back."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from dashboard.lib.errors import NotFoundError
from dashboard.lib.htmx import render_page, stands_on, wants_fragment
from dashboard.lib.toasts import offer_undo
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission
from playground.access import get_preset
from playground.forms.presets import REFERENCES, RenameForm, SaveForm
from playground.models import Preset
from playground.reuse import MAX_LINK_CHARS
from playground.services import presets


@login_required
@require_POST
def save(request: HttpRequest, org_id: str) -> HttpResponse:
    """The Playground's form asks under which name; that one saves it. A name that is taken is asked about once more."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    form = SaveForm(request.POST, membership=membership, current=_current(request.POST, membership))
    if not form.is_bound:
        return _ask(request, form, fragment="dialog")
    preset = form.save()
    if preset is None:
        return _ask(request, form, fragment="form", status=422)
    messages.success(request, f"Saved the preset {preset.name}.")
    return _leave(request, membership, preset, references=request.POST.getlist(REFERENCES))


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, org_id: str, preset_id: UUID) -> HttpResponse:
    """Renames it; the same dialog holds the button that deletes it."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    preset = get_preset(membership, preset_id)
    presets.require_change(preset, membership)
    name = preset.name
    if request.method == "GET":
        return _edit(request, RenameForm(preset=preset, membership=membership), name, fragment="dialog")
    form = RenameForm(request.POST, preset=preset, membership=membership)
    if not form.rename():
        return _edit(request, form, name, fragment="form", status=422)
    messages.success(request, f"{name} is called {preset.name} now.")
    return _leave(request, membership, _current(request.POST, membership))


@login_required
@require_POST
def delete(request: HttpRequest, org_id: str, preset_id: UUID) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    preset = get_preset(membership, preset_id)
    presets.delete(preset, membership)
    offer_undo(request, f"Deleted the preset {preset.name}.", reverse("preset-restore", args=[org_id, preset_id]))
    return _leave(request, membership, _current(request.POST, membership))


@login_required
@require_POST
def restore(request: HttpRequest, org_id: str, preset_id: UUID) -> HttpResponse:
    """The Undo of a deletion."""
    membership = get_membership(request, org_id, Permission.GENERATE)
    preset = presets.restore(membership, preset_id)
    messages.success(request, f"The preset {preset.name} is back.")
    return _leave(request, membership, _current(request.POST, membership))


def _current(sent: QueryDict, membership: Membership) -> Preset | None:
    """The preset that the form was filled from, while it is there."""
    try:
        return get_preset(membership, UUID(sent.get("preset", "")))
    except (ValueError, NotFoundError):
        return None


def _ask(request: HttpRequest, form: SaveForm, *, fragment: str, status: int = 200) -> HttpResponse:
    names = [preset.name for shelf in presets.shelves_of(form.membership) for preset, mine in shelf.presets if mine]
    context = {"form": form, "names": dict.fromkeys(names), "back_url": _back(form)}
    return render_page(request, "playground/preset_save.html", context, fragment=fragment, status=status)


def _back(form: SaveForm) -> str:
    """To the form as it stood, as far as an address is long enough for it."""
    url = reverse("playground", args=[form.membership.organization.org_id])
    link = f"{url}?{urlencode(form.carried)}"
    return link if len(link) <= MAX_LINK_CHARS else url


def _edit(request: HttpRequest, form: RenameForm, name: str, *, fragment: str, status: int = 200) -> HttpResponse:
    context = {"form": form, "preset": form.preset, "name": name}
    return render_page(request, "playground/preset_edit.html", context, fragment=fragment, status=status)


def _leave(
    request: HttpRequest, membership: Membership, preset: Preset | None, *, references: list[str] | None = None
) -> HttpResponse:
    """On to the Playground, with `preset` laid in; over the Playground itself the menu alone is made anew."""
    url = reverse("playground", args=[membership.organization.org_id])
    query = {**({"preset": str(preset.pk)} if preset else {}), **({REFERENCES: references} if references else {})}
    there = f"{url}?{urlencode(query, doseq=True)}" if query else url
    if not wants_fragment(request):
        return redirect(there)
    if not stands_on(request, url):
        return HttpResponseClientRedirect(there)
    context = {"presets": presets.shelves_of(membership), "preset": preset}
    response = render(request, "playground/preset_done.html", context)
    # Not before: the dialog drops its form, and with it htmx its way into the page.
    return trigger_client_event(response, "dialog:close", after="swap")
