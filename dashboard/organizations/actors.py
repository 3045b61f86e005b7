"""Who is acting: the person or the API key behind the current request, and from where."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse

from dashboard.organizations.models import ApiKey, User

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
    ip = get_adapter().get_client_ip(request)
    key = getattr(request, "auth", None)  # ninja leaves there what authenticated the call
    if isinstance(key, ApiKey):
        return Actor(str(key), api_key=key, ip=ip)
    if not isinstance(request.user, User):
        return Actor(SERVER, ip=ip)
    if request.resolver_match and request.resolver_match.app_name == ADMIN:
        return Actor(OPERATOR)
    return Actor(request.user.email, user=request.user, ip=ip)


def of_person(user: User | None) -> Actor:
    """A named person, for what is done in somebody's name outside of a request of theirs."""
    actor = current()
    return Actor(user.email, user=user, ip=actor.ip) if user and actor.user is None else actor
