"""The API reference: a page over the OpenAPI document, where a member tries calls with a key for one hour."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from dashboard.api.forms import TrialKeyForm
from dashboard.api.services import mint_trial_key
from dashboard.lib.htmx import render_page
from dashboard.organizations import queries
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import Permission, Scope, may
from dashboard.organizations.shell import ORGANIZATION_PARAMETER, last_membership


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Open to everybody; who is logged in sees it in the organization of the query, or in the last one."""
    return _render(request, _membership_of(request), {"form": TrialKeyForm()})


@login_required
@require_POST
def make_trial_key(request: HttpRequest, org_id: str) -> HttpResponse:
    """The one answer with the secret in it, which is kept nowhere."""
    membership = get_membership(request, org_id, Permission.MANAGE_KEYS)
    form = TrialKeyForm(request.POST)
    if not form.is_valid():
        return _render(request, membership, {"form": form}, status=422)
    key, secret = mint_trial_key(membership, Scope(form.cleaned_data["scope"]))
    response = _render(request, membership, {"form": form, "key": key, "secret": secret})
    response["Cache-Control"] = "no-store"
    return response


def _membership_of(request: HttpRequest) -> Membership | None:
    if not isinstance(request.user, User):
        return None
    memberships = queries.memberships_of(request.user)
    if not memberships:
        return None
    asked = request.GET.get(ORGANIZATION_PARAMETER) or last_membership(request, memberships).organization.org_id
    return get_membership(request, asked, Permission.SEE_CATALOG)


def _render(
    request: HttpRequest, membership: Membership | None, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    context |= {
        "document_url": reverse("v1:openapi"),
        "may_make_key": membership is not None and may(membership.role, Permission.MANAGE_KEYS),
    }
    return render_page(request, "api/docs.html", context, fragment="trial", status=status)
