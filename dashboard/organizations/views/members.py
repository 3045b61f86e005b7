"""The members of an organization: who they are, their roles, and how they leave."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from dashboard.lib.errors import InvalidInputError
from dashboard.lib.htmx import leave_form, render_page, wants_fragment
from dashboard.organizations import queries
from dashboard.organizations.access import get_member, get_membership
from dashboard.organizations.forms.members import RoleForm
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission, Role, may
from dashboard.organizations.services import members as services
from dashboard.organizations.services.invitations import LIFE, prints_emails


@dataclass(frozen=True)
class Row:
    """A member and, for whoever may change it, the form of the role."""

    member: Membership
    form: RoleForm | None
    is_self: bool


@login_required
@require_safe
def members(request: HttpRequest, org_id: str) -> HttpResponse:
    """Every member sees who else belongs; Administrators see invitations and the controls as well."""
    return _render(request, get_membership(request, org_id, Permission.SEE_CATALOG))


@login_required
@require_POST
def change_role(request: HttpRequest, org_id: str, member_id: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    member = get_member(membership.organization, member_id)
    form = RoleForm(request.POST, member=member)
    changed = form.save()
    if changed is None:
        return _render(request, membership, refused=form)
    if changed:
        messages.success(request, f"{member.user.email} is {Role(form.cleaned_data['role']).label} now.")
    if member.pk == membership.pk:
        return _leave_page(request, url_of_members(request, org_id))
    return leave_form(request, url_of_members(request, org_id), refresh="#members")


@login_required
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, org_id: str, member_id: int) -> HttpResponse:
    """The question, on a page of its own or in the dialog over the list; and the answer."""
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    member = get_member(membership.organization, member_id)
    if member.pk == membership.pk:
        return _leave(request, membership)
    if request.method == "GET":
        return _ask(request, member)
    try:
        services.remove_member(member)
    except InvalidInputError as error:
        return _ask(request, member, error.message)
    messages.success(request, f"{member.user.email} is no longer a member.")
    return leave_form(request, url_of_members(request, org_id), refresh="#members")


@login_required
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, org_id: str) -> HttpResponse:
    return _leave(request, get_membership(request, org_id, Permission.SEE_CATALOG))


def url_of_members(request: HttpRequest, org_id: str) -> str:
    """The list, on the page of it that the form stood on."""
    page = request.GET.get("page", "")
    return reverse("members", args=[org_id]) + (f"?page={page}" if page.isdecimal() else "")


def _leave(request: HttpRequest, membership: Membership) -> HttpResponse:
    if request.method == "GET":
        return _ask(request, membership, is_self=True)
    try:
        services.leave(membership)
    except InvalidInputError as error:
        return _ask(request, membership, error.message, is_self=True)
    messages.success(request, f"You left {membership.organization.name}.")
    return _leave_page(request, reverse("home"))


def _leave_page(request: HttpRequest, url: str) -> HttpResponse:
    """The whole page: what the person may do here has changed."""
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)


def _ask(request: HttpRequest, member: Membership, refusal: str = "", *, is_self: bool = False) -> HttpResponse:
    context = {"member": member, "refusal": refusal, "is_self": is_self}
    status = 422 if refusal else 200
    return render_page(request, "organizations/remove.html", context, fragment="dialog", status=status)


def _render(request: HttpRequest, membership: Membership, *, refused: RoleForm | None = None) -> HttpResponse:
    organization, manages = membership.organization, may(membership.role, Permission.MANAGE_MEMBERS)
    page = Paginator(queries.list_members(organization), queries.PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [_row(member, membership, manages, refused) for member in page],
        "invitations": queries.list_invitations(organization) if manages else [],
        "prints_emails": manages and prints_emails(),
        "days": LIFE.days,
    }
    status = 422 if refused else 200
    return render_page(request, "organizations/members.html", context, fragment="members", status=status)


def _row(member: Membership, viewer: Membership, manages: bool, refused: RoleForm | None) -> Row:
    kept = refused if refused and refused.member.pk == member.pk else None
    form = (kept or RoleForm(member=member)) if manages else None
    return Row(member, form, is_self=member.pk == viewer.pk)
