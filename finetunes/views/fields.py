"""One field of a finetune as a form: in place of its row on the overview, or on a page of its own."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.lib.errors import NotFoundError
from dashboard.lib.htmx import render_page, wants_fragment
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes.access import get_finetune, get_visible
from finetunes.forms.fields import FORMS, FieldForm, TagsForm
from finetunes.views.overview import ROUTE, setting_of
from finetunes.views.panel import BY_ROUTE, Panel, changed

TAGS = "tags"


@login_required
@require_http_methods(["GET", "POST"])
def field(request: HttpRequest, org_id: str, name: str, field: str) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_finetune(membership.organization, name)
    if field not in FORMS:
        raise NotFoundError("A finetune has no such field.")
    return _edit(request, Panel(membership, finetune, BY_ROUTE[ROUTE]), field, FORMS[field])


@login_required
@require_http_methods(["GET", "POST"])
def tags(request: HttpRequest, org_id: str, finetune_id: str) -> HttpResponse:
    """Those of the viewing organization, also on what others share with it."""
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    finetune = get_visible(membership.organization, finetune_id)
    return _edit(request, Panel(membership, finetune, BY_ROUTE[ROUTE]), TAGS, TagsForm)


def _edit(request: HttpRequest, panel: Panel, key: str, form_class: type[FieldForm]) -> HttpResponse:
    """With `cancel` the form is left, and nothing changed."""
    if "cancel" in request.GET:
        return _leave(request, panel, key)
    if request.method == "GET":
        return _render_form(request, panel, key, form_class(panel.finetune, panel.viewer))
    form = form_class(panel.finetune, panel.viewer, request.POST)
    if not form.save():
        return _render_form(request, panel, key, form, status=422)
    return changed(_leave(request, panel, key, saved=f"{form.title} saved. {form.answer}".strip()), panel.finetune)


def _leave(request: HttpRequest, panel: Panel, key: str, *, saved: str = "") -> HttpResponse:
    """The row again, with the focus on its button; or the overview."""
    setting = setting_of(panel, key)
    if wants_fragment(request):
        context = {"panel": panel, "finetune": panel.finetune, "setting": setting, "is_left": True, "saved": saved}
        return render(request, "finetunes/setting.html", context)
    if saved:
        messages.success(request, saved)
    return redirect(f"{_overview_url(panel)}#{setting.element_id}")


def _render_form(request: HttpRequest, panel: Panel, key: str, form: FieldForm, *, status: int = 200) -> HttpResponse:
    context = {
        "panel": panel,
        "finetune": panel.finetune,
        "setting": setting_of(panel, key),
        "form": form,
        "overview_url": _overview_url(panel),
    }
    return render_page(request, "finetunes/field.html", context, fragment="row", status=status)


def _overview_url(panel: Panel) -> str:
    return reverse(ROUTE, args=[panel.viewer.org_id, panel.finetune_id])
