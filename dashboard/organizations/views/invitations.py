"""Invitations: sent and ended by Administrators, opened from an e-mail by whoever they are for."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.lib.errors import InvalidInputError
from dashboard.lib.htmx import leave_form, render_page
from dashboard.organizations import queries
from dashboard.organizations.access import get_invitation, get_membership, open_invitation
from dashboard.organizations.accounts import INVITATION_KEY
from dashboard.organizations.forms.invitations import InviteForm
from dashboard.organizations.models import Invitation, User
from dashboard.organizations.roles import Permission, Role
from dashboard.organizations.services import invitations as services
from dashboard.organizations.services.invitations import LIFE, Sending, prints_emails
from dashboard.organizations.shell import landing_url
from dashboard.organizations.views.members import url_of_members

SIGN_UP_CLOSED = "closed"


@login_required
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest, org_id: str) -> HttpResponse:
    """The form, on a page of its own or, for htmx, in the dialog over the list."""
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    if request.method == "GET":
        return _render_form(request, InviteForm(), fragment="dialog")
    form = InviteForm(request.POST)
    sending = form.send(membership)
    if sending is None:
        return _render_form(request, form, fragment="form", status=422)
    return _tell(request, org_id, sending, f"{sending.invitation.email} is invited.")


@login_required
@require_POST
def resend(request: HttpRequest, org_id: str, invitation_id: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    invitation = get_invitation(membership.organization, invitation_id)
    try:
        sending = services.resend(invitation, invited_by=membership.user)
    except InvalidInputError as error:
        messages.error(request, error.message)
        return leave_form(request, url_of_members(request, org_id), refresh="#members")
    return _tell(request, org_id, sending, f"A new link for {invitation.email}; the one before is dead.")


@login_required
@require_POST
def cancel(request: HttpRequest, org_id: str, invitation_id: int) -> HttpResponse:
    membership = get_membership(request, org_id, Permission.MANAGE_MEMBERS)
    invitation = get_invitation(membership.organization, invitation_id)
    if services.cancel(invitation):
        messages.success(request, f"The invitation of {invitation.email} is cancelled. Its link is dead.")
    return leave_form(request, url_of_members(request, org_id), refresh="#members")


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Opened by the link from the e-mail, logged in or not; the POST joins."""
    found = open_invitation(token)
    if not isinstance(request.user, User):
        # Sign-up reads it: whoever opened the link from the e-mail has shown whose address it is.
        request.session[INVITATION_KEY] = found.email
        return _show(request, found, has_account=queries.has_account(found.email))
    if not queries.owns_address(request.user, found.email):
        return _show(request, found, is_other=True)
    if request.method == "GET":
        return _show(request, found, is_member=queries.is_member(found.organization, request.user.email))
    member = services.accept(found, request.user)
    messages.success(request, f"You belong to {member.organization.name}, as {Role(member.role).label}.")
    return redirect(landing_url(member))


def _show(
    request: HttpRequest,
    found: Invitation,
    *,
    has_account: bool = False,
    is_other: bool = False,
    is_member: bool = False,
) -> HttpResponse:
    context = {
        "invitation": found,
        "role": Role(found.role),
        "has_account": has_account,
        "is_other": is_other,
        "is_member": is_member,
        "is_closed": settings.SIGN_UP == SIGN_UP_CLOSED,
    }
    return render(request, "organizations/invitation.html", context)


def _tell(request: HttpRequest, org_id: str, sending: Sending, done: str) -> HttpResponse:
    if not sending.was_sent:
        email = sending.invitation.email
        messages.error(request, f"The e-mail to {email} could not be sent. The invitation is kept: use Resend.")
    elif prints_emails():
        messages.success(request, f"{done} The e-mail stands in the console of this server.")
    else:
        messages.success(request, f"{done} The e-mail is on its way.")
    return leave_form(request, reverse("members", args=[org_id]), refresh="#members")


def _render_form(request: HttpRequest, form: InviteForm, *, fragment: str, status: int = 200) -> HttpResponse:
    context = {"form": form, "prints_emails": prints_emails(), "days": LIFE.days}
    return render_page(request, "organizations/invite.html", context, fragment=fragment, status=status)
