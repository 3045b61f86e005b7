"""The list of the model picker, for htmx."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes.forms.filters import SEARCH_MAX
from finetunes.models import Source
from playground.queries.picking import Picker


@login_required
@require_safe
def models(request: HttpRequest, org_id: str) -> HttpResponse:
    """What fits the search, in groups; or the next part of one group."""
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    picker = Picker(membership.organization, membership.user, _clean(request.GET.get("q", "")))
    if "group" in request.GET:
        group = picker.more(_source(request.GET["group"]), request.GET.get("cursor"))
        return render(request, "playground/picker_options.html", {"group": group, "search": picker.search})
    groups = picker.groups()
    context = {
        "groups": groups,
        "search": picker.search,
        "hits": sum(group.count for group in groups),
        "has_finetunes": any(option.model.finetune for group in groups for option in group.options),
    }
    return render(request, "playground/picker_groups.html", context)


def _clean(search: str) -> str:
    """No database takes a NUL in a text."""
    return search.replace("\0", "")[:SEARCH_MAX].strip()


def _source(value: str) -> Source:
    if value not in Source.values:
        raise NotFoundError("There is no such group of finetunes.")
    return Source(value)
