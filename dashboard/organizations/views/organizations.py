"""The beginning and the end of an organization."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.organizations.access import get_membership
from dashboard.organizations.forms.organizations import DeleteForm, OrganizationForm
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import Permission
from dashboard.organizations.services.deletion import consequences_of
from dashboard.organizations.shell import landing_url


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = OrganizationForm(request.POST or None)
    organization = form.create(request.user) if request.method == "POST" else None
    if organization is None:
        return render(request, "organizations/create.html", {"form": form}, status=422 if form.errors else 200)
    messages.success(request, f"{organization.name} is ready. You are its Administrator.")
    return redirect("organization-settings", org_id=organization.org_id)


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, org_id: str) -> HttpResponse:
    """What would go and what stands in the way, and the confirmation that is typed."""
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    organization = membership.organization
    if request.method == "GET":
        return _render_delete(request, membership, DeleteForm(organization=organization))
    form = DeleteForm(request.POST, organization=organization)
    if not form.delete():
        return _render_delete(request, membership, form, status=422)
    messages.success(request, f"{organization.name} is deleted.")
    return redirect("home")


def _render_delete(
    request: HttpRequest, membership: Membership, form: DeleteForm, *, status: int = 200
) -> HttpResponse:
    context = {"form": form, "consequences": consequences_of(membership.organization), "home": landing_url(membership)}
    return render(request, "organizations/delete.html", context, status=status)
