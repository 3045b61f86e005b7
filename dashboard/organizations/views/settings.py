"""The settings of an organization: its ID, name and avatar, and the way to its end."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.organizations import avatars
from dashboard.organizations.access import get_membership
from dashboard.organizations.forms.organizations import AvatarForm, OrganizationForm
from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Permission
from dashboard.organizations.services.organizations import remove_avatar

REMOVE = "remove"


@login_required
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_MEMBERS).organization
    if request.method == "GET":
        return _render(request, organization)
    form = OrganizationForm(request.POST)
    if not form.rename(organization):
        return _render(request, organization, form=form)
    messages.success(request, "The name is saved.")
    return redirect("organization-settings", org_id=org_id)


@login_required
@require_POST
def change_avatar(request: HttpRequest, org_id: str) -> HttpResponse:
    """A picture, or with `remove` none."""
    organization = get_membership(request, org_id, Permission.MANAGE_MEMBERS).organization
    if REMOVE in request.POST:
        remove_avatar(organization)
        messages.success(request, "The avatar is removed.")
        return redirect("organization-settings", org_id=org_id)
    form = AvatarForm(request.POST, request.FILES)
    if not form.change(organization):
        return _render(request, organization, avatar_form=form)
    messages.success(request, "The avatar is changed.")
    return redirect("organization-settings", org_id=org_id)


@login_required
@require_safe
def avatar(request: HttpRequest, org_id: str) -> FileResponse:
    return avatars.send(get_membership(request, org_id, Permission.SEE_CATALOG).organization)


def _render(
    request: HttpRequest,
    organization: Organization,
    *,
    form: OrganizationForm | None = None,
    avatar_form: AvatarForm | None = None,
) -> HttpResponse:
    context = {
        "form": form or OrganizationForm(initial={"name": organization.name}),
        "avatar_form": avatar_form or AvatarForm(),
    }
    return render(request, "organizations/settings.html", context, status=422 if form or avatar_form else 200)
