"""Commands on invitations: invite, send again, cancel, accept. The token stands in the e-mail and nowhere else."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.lib.ids import digest_secret, new_token
from dashboard.organizations import actors, audit, queries
from dashboard.organizations.access import NOT_VALID
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import AuditEvent, Invitation, Membership, Organization, User
from dashboard.organizations.roles import Role
from dashboard.organizations.services.members import add_member

log = logging.getLogger(__name__)

LIFE = timedelta(days=7)
OPEN_MOST = 100
# Of one organization or one person together: this server is no means to mail strangers.
MAILS_AN_HOUR = 50
MAILS_AN_ADDRESS = 5
HOUR = timedelta(hours=1)
MAIL_ACTIONS = (Action.MEMBER_INVITED, Action.MEMBER_INVITATION_RESENT)
ENDED = "This invitation is not open any more."


@dataclass(frozen=True)
class Sending:
    """What became of an invitation's e-mail; the invitation stands either way."""

    invitation: Invitation
    was_sent: bool


def invite(organization: Organization, email: str, role: Role, *, invited_by: User) -> Sending:
    """Raises InvalidInputError at `email`. Call it outside of a transaction: the e-mail follows the commit."""
    email, token = email.strip().lower(), new_token()
    with transaction.atomic():
        lock_live(organization)
        _check_address(organization, email)
        _check_rate(organization, email, invited_by)
        invitation = Invitation.objects.create(
            organization=organization, email=email, role=role, invited_by=invited_by, **_terms(token)
        )
        _record(invitation, Action.MEMBER_INVITED, invited_by)
    return _send(invitation, token)


def resend(invitation: Invitation, *, invited_by: User) -> Sending:
    """With a new link for another seven days; the old one dies. Call it outside of a transaction.

    Raises InvalidInputError where too many e-mails were sent, NotFoundError where it ended.
    """
    token = new_token()
    with transaction.atomic():
        lock_live(invitation.organization)
        _check_rate(invitation.organization, invitation.email, invited_by)
        terms = {**_terms(token), "invited_by": invited_by}
        if Invitation.objects.open().filter(pk=invitation.pk).update(**terms) != 1:
            raise NotFoundError(ENDED)
        _record(invitation, Action.MEMBER_INVITATION_RESENT, invited_by)
    invitation.refresh_from_db()
    return _send(invitation, token)


@transaction.atomic
def cancel(invitation: Invitation) -> bool:
    """Whether this call ended it; an invitation ends once."""
    if Invitation.objects.open().filter(pk=invitation.pk).update(cancelled_at=timezone.now()) != 1:
        return False
    _record(invitation, Action.MEMBER_INVITATION_CANCELLED, None)
    return True


@transaction.atomic
def accept(invitation: Invitation, user: User) -> Membership:
    """The membership; the one there is where the person joined before. Raises NotFoundError where it ended."""
    lock_live(invitation.organization)
    accepted = Invitation.objects.acceptable().filter(pk=invitation.pk).update(accepted_at=timezone.now()) == 1
    member = queries.find_membership(user, invitation.organization.org_id)
    if member is not None:
        return member
    if not accepted:
        raise NotFoundError(NOT_VALID)
    return add_member(invitation.organization, user, Role(invitation.role))


def prints_emails() -> bool:
    """Whether e-mails go to the console of this server, where its operator reads them."""
    return str(settings.EMAIL_BACKEND).startswith("django.core.mail.backends.console.")


# --- Limits ------------------------------------------------------------------------------------------------


def _check_address(organization: Organization, email: str) -> None:
    if queries.is_member(organization, email):
        raise InvalidInputError(f"{email} is a member already.", field="email")
    invitations = Invitation.objects.open().filter(organization=organization)
    if invitations.filter(email__iexact=email).exists():
        raise InvalidInputError(
            f"{email} has an invitation already. Send it again, or cancel it, from the list of invitations.",
            field="email",
        )
    if invitations.count() >= OPEN_MOST:
        raise InvalidInputError(f"{OPEN_MOST} invitations are open, the most there may be. Cancel some.", field="email")


def _check_rate(organization: Organization, email: str, invited_by: User) -> None:
    """By the log's lines, which no cache forgets."""
    of_them = Q(organization=organization) | Q(user=invited_by)
    recent = AuditEvent.objects.filter(of_them, action__in=MAIL_ACTIONS, created_at__gt=timezone.now() - HOUR)
    if recent.filter(subject=email).count() >= MAILS_AN_ADDRESS:
        raise InvalidInputError(
            f"{email} was sent {MAILS_AN_ADDRESS} e-mails within the hour. Try again later.", field="email"
        )
    if recent.count() >= MAILS_AN_HOUR:
        raise InvalidInputError(
            f"{MAILS_AN_HOUR} invitations an hour are the most. Try again in an hour.", field="email"
        )


# --- The row and its e-mail --------------------------------------------------------------------------------


def _terms(token: str) -> "dict[str, object]":
    now = timezone.now()
    return {"digest": digest_secret(token), "sent_at": now, "expires_at": now + LIFE}


def _record(invitation: Invitation, action: Action, by: User | None) -> None:
    details: dict[str, str | int] = {"role": invitation.role}
    audit.record(invitation.organization, action, invitation.email, actor=actors.of_person(by), details=details)


def _send(invitation: Invitation, token: str) -> Sending:
    """A mail server that refuses or is away must not lose the invitation: it can be sent again."""
    url = settings.BASE_URL + reverse("invitation", args=[token])
    context = {"invitation": invitation, "role": Role(invitation.role), "url": url}
    try:
        send_mail(
            " ".join(render_to_string("organizations/email/invitation_subject.txt", context).split()),
            render_to_string("organizations/email/invitation.txt", context),
            None,
            [invitation.email],
        )
    except Exception:
        log.exception("the e-mail of invitation %s could not be sent", invitation.pk)
        return Sending(invitation, was_sent=False)
    return Sending(invitation, was_sent=True)
