"""What allauth asks of us: who may sign up, where its e-mails lead, and how a second factor's secrets are kept."""

import logging
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.emailkit import valid_email_or_none
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

from dashboard.lib.errors import DashboardError
from dashboard.lib.sealing import BrokenSealError, seal, unseal
from dashboard.organizations import queries
from dashboard.organizations.models import User

# Where the page of an invitation leaves the address that its secret link was sent to.
INVITATION_KEY = "invitation_email"
OPEN, INVITE_ONLY = "open", "invite-only"
# How often a session's last use is written down, so that a busy page costs no write a request.
SEEN_NOTED = 60  # seconds
# What a provider gives to one client of IPv6.
CLIENT_BITS = 64

logger = logging.getLogger(__name__)


def invited_address(request: HttpRequest) -> str:
    """The address whose invitation was opened in this browser and still waits; empty for none."""
    email = str(request.session.get(INVITATION_KEY, ""))
    return email if email and queries.is_invited(email) else ""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": "Too many failed attempts. Wait five minutes, or reset your password.",
        "email_password_mismatch": "No account has this e-mail and password. Check both, or reset your password.",
        "incorrect_password": "This is not your password.",
        "same_as_current": "This is your e-mail already.",
        "rate_limited": "Too many attempts. Wait a minute and try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGN_UP == OPEN or (settings.SIGN_UP == INVITE_ONLY and bool(invited_address(request)))

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """The link of an invitation is a secret that was sent to its address alone."""
        return email.lower() == invited_address(request) or bool(super().is_email_verified(request, email))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        super().send_mail(template_prefix, email, {"sign_up_is_open": settings.SIGN_UP == OPEN, **context})

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """What it tells of is done already, and stays done where no e-mail can be sent."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except OSError:  # of the connection, and all of smtplib's
            logger.exception("A notification could not be sent.")

    def get_reset_password_from_key_url(self, key: str) -> str:
        return _at_base_url(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _at_base_url(super().get_email_confirmation_url(request, emailconfirmation))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failures count for an address at a client, so that a stranger cannot lock somebody out by their address."""
        address = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{address}:{_network_of(self.get_client_ip(request))}"


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """OpenID Connect."""

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        lowered = (valid_email_or_none(data.get("email")) or "").lower()
        user: User = super().populate_user(request, sociallogin, data | {"email": lowered})
        return user

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Raises the page that tells a stranger which address the provider named."""
        if settings.SIGN_UP == OPEN or (settings.SIGN_UP == INVITE_ONLY and _is_invited(request, sociallogin)):
            return True
        context = {"provider": sociallogin.provider.name, "known_as": sociallogin.user.email}
        raise ImmediateHttpResponse(render(request, "account/signup_closed.html", context, status=403))


class UnreadableFactorError(DashboardError):
    code = "second_factor_unreadable"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "This server cannot read your second factor any more, because its SECRET_KEY was changed. "
            "Ask its operator to remove your authenticators in the admin panel, then log in and set them up again."
        )


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """The seeds of one-time and recovery codes lie sealed in the database."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is wrong or was used already. Enter the one that is shown now.",
    }

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return unseal(encrypted_text)
        except BrokenSealError:
            logger.error("A second factor cannot be read: it was sealed with another SECRET_KEY.")
            raise UnreadableFactorError from None

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        return f"Passkey {Authenticator.objects.filter(user=user, type=type).count() + 1}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": settings.MFA_TOTP_ISSUER}


class SessionActivityMiddleware:
    """Writes down that a session is in use, at most once a minute.

    In place of allauth's, which writes at every request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self._note(request)
        return self.get_response(request)

    def _note(self, request: HttpRequest) -> None:
        key = request.session.session_key
        if key and request.user.is_authenticated and cache.add(f"session-seen:{key}", True, SEEN_NOTED):
            UserSession.objects.create_from_request(request)


class ProviderErrorsMiddleware:
    """A page where an OpenID Connect provider cannot be asked at the start of a log-in; allauth has it for the end."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """No provider has a NUL in its name, and PostgreSQL breaks when it is asked for one."""
        if "\0" in str(kwargs.get("provider_id", "")):
            raise Http404

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        match = request.resolver_match
        if not isinstance(exception, RequestException) or not match or match.url_name != "openid_connect_login":
            return None
        logger.error("The OpenID Connect provider %s does not answer.", match.kwargs["provider_id"], exc_info=exception)
        return render(request, "socialaccount/authentication_error.html", status=502)


def _is_invited(request: HttpRequest, sociallogin: SocialLogin) -> bool:
    """By the link that was opened here, or by an open invitation to an address that the provider has verified."""
    email = sociallogin.user.email
    if not email or email == invited_address(request):
        return bool(email)
    is_verified = any(one.verified and one.email.lower() == email for one in sociallogin.email_addresses)
    return is_verified and queries.is_invited(email)


def _network_of(ip: str) -> str:
    """An address of IPv4; of IPv6 the network, in which each client has as many addresses as it likes."""
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, CLIENT_BITS), strict=False))


def _at_base_url(url: str) -> str:
    """A link for an e-mail, whatever host name the request came by."""
    return urljoin(f"{settings.BASE_URL}/", urlsplit(url).path)
