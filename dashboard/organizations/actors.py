"""Who is acting: the person or the API key behind the current request, and from where."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse

from dashboard.organizations.models import ApiKey, Organization, User

OPERATOR = "Operator"
SERVER = "Server"
ADMIN = "admin"
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@dataclass(frozen=True)
class Actor:
    """`name` is what the log shows; an operator of the server is not named to its organizations."""

    name: str
    user: User | None = None
    api_key: ApiKey | None = None
    ip: str | None = None


class ActorMiddleware:
    """Keeps the request at hand for the services that write the activity log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def current() -> Actor:
    """The actor of the request that is being answered; outside of one it is the server itself."""
    request = _request.get()
    if request is None:
        return Actor(SERVER)
    key = getattr(request, "auth", None)  # ninja leaves there what authenticated the call
    if isinstance(key, ApiKey):
        return Actor(str(key), api_key=key, ip=_ip_of(request))
    user = getattr(request, "user", None)  # read last: it opens the session, which a call with a key never does
    if not isinstance(user, User):
        return Actor(SERVER, ip=_ip_of(request))
    match = getattr(request, "resolver_match", None)
    if match and match.app_name == ADMIN:
        return Actor(OPERATOR)
    return Actor(user.email, user=user, ip=_ip_of(request))


def of_person(user: User | None) -> Actor:
    """A named person, for what is done in somebody's name outside of a request of theirs."""
    return on_behalf_of(user=user)


def on_behalf_of(*, user: User | None = None, api_key: ApiKey | None = None) -> Actor:
    """Whoever sent the current request; where nobody did who is known, the key or the person who is given."""
    actor = current()
    if actor.name != SERVER:
        return actor
    if api_key:
        return Actor(str(api_key), api_key=api_key, ip=actor.ip)
    return Actor(user.email, user=user, ip=actor.ip) if user else actor


def of_organization(organization: Organization) -> Actor:
    """For the log of another organization, which learns of no person and no address here."""
    return Actor(str(organization))


def _ip_of(request: HttpRequest) -> str | None:
    """The address as far as the trusted proxies tell it; none is no reason to refuse what is being logged."""
    try:
        ip: str = get_adapter().get_client_ip(request)
    except (PermissionDenied, ImproperlyConfigured):
        return None
    return ip.partition("%")[0]  # PostgreSQL's inet knows no zone
