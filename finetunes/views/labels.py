"""The star of a row: a person's favourites."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboard.lib.htmx import wants_fragment
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes.access import get_visible_row
from finetunes.services import labels
from finetunes.views.catalog import list_url


@login_required
@require_POST
def star(request: HttpRequest, org_id: str, pk: int) -> HttpResponse:
    """Starred or not as the form says, so that a form that is sent twice does no harm."""
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    row = get_visible_row(membership.organization, pk, membership.user)
    is_favourite = request.POST.get("star") != "off"
    change = labels.star if is_favourite else labels.unstar
    change(membership.user, row.finetune)
    if not wants_fragment(request):
        return redirect(list_url(request, org_id))
    context = {"finetune": row.finetune, "is_favourite": is_favourite, "here": request.GET.urlencode()}
    return render(request, "finetunes/star.html", context)
