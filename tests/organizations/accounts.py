"""A browser that walks through the account pages: its forms, its second factors, and the links in its e-mails."""

import re
import time
from datetime import timedelta
from uuid import uuid4

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core import mail
from django.test import Client
from django.utils import timezone

from dashboard.lib.sessions import SessionStore, digest
from dashboard.organizations.accounts import INVITATION_KEY
from dashboard.organizations.models import Invitation, User
from dashboard.organizations.roles import Role
from tests.factories import PASSWORD, make_organization

LOGIN = "/account/login/"
SIGN_UP = "/account/signup/"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NEW_PASSWORD = "quiet harbour lights"


def enter_password(client: Client, email: str, password: str = PASSWORD, **data: str) -> str:
    """Logs in by the form; where that leads, or nothing where it was refused."""
    response = client.post(LOGIN, {"login": email, "password": password, **data})
    return response.headers.get("location", "")


def sign_up(client: Client, email: str, **data: str) -> str:
    fields = {"email": email, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, **data}
    return client.post(SIGN_UP, fields).headers.get("location", "")


def invite(client: Client, email: str) -> Invitation:
    """As the page of an invitation leaves it, before anybody has an account."""
    now = timezone.now()
    invitation = Invitation.objects.create(
        organization=make_organization(), email=email, role=Role.VIEWER, digest=uuid4().hex, sent_at=now,
        expires_at=now + timedelta(days=1),
    )  # fmt: skip
    session = SessionStore()
    session[INVITATION_KEY] = email
    session.save()
    assert session.secret
    client.cookies["sessionid"] = session.secret
    return invitation


def session_of(client: Client) -> SessionStore:
    return SessionStore(digest(client.cookies["sessionid"].value))


def is_logged_in(client: Client) -> bool:
    return client.get("/account/email/").status_code == 200


def link_in(message: mail.EmailMessage) -> str:
    found = re.search(r"https?://\S+", str(message.body))
    assert found
    return found.group()


def path_of(link: str) -> str:
    return re.sub(r"^https?://[^/]+", "", link)


def code_now(secret: str = SECRET) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def give_second_factor(user: User) -> list[str]:
    """An authenticator app and recovery codes; the codes."""
    TOTP.activate(user, SECRET)
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes
