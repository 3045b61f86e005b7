"""Sessions of which the database knows only digests and sealed data, so that a copy of it opens nobody's account.

The cookie carries a secret; everything on the server, allauth's list of sessions included, knows a session by the
digest of that secret. Documented extension point: https://docs.djangoproject.com/en/5.2/topics/http/sessions/
"""

import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.middleware import SessionMiddleware
from django.core import signing
from django.http import HttpRequest, HttpResponse

from dashboard.lib.sealing import BrokenSealError, seal, unseal

SECRET_BYTES = 32
KEY_CHARS = 40  # of hex, which is the width of Django's column: 160 bits
SALT = "dashboard.lib.sessions"


class SessionStore(DatabaseStore):
    """`secret` is what belongs into the cookie; None for a session that was opened by its key alone."""

    secret: str | None = None

    def _get_new_session_key(self) -> str:
        self.secret = secrets.token_urlsafe(SECRET_BYTES)
        return digest(self.secret)

    def encode(self, session_dict: dict[str, Any]) -> str:
        plain: str = signing.dumps(session_dict, salt=SALT, serializer=self.serializer, compress=True)
        return seal(plain)

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """What cannot be opened is an empty session, as Django has it: the person logs in again."""
        text = session_data.decode() if isinstance(session_data, bytes) else session_data
        try:
            opened: dict[str, Any] = signing.loads(unseal(text), salt=SALT, serializer=self.serializer)
        except (BrokenSealError, signing.BadSignature):
            return {}
        return opened


class SecretCookieMiddleware(SessionMiddleware):
    """Django's, but for what stands in the cookie."""

    def process_request(self, request: HttpRequest) -> None:
        secret = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = SessionStore(digest(secret) if secret else None)
        request.session.secret = secret
        request.opened_session = request.session  # type: ignore[attr-defined]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value and cookie.value == request.session.session_key:
            response.cookies[settings.SESSION_COOKIE_NAME] = _secret_of(request)
        return response


def _secret_of(request: HttpRequest) -> str:
    """Allauth may put a new store in the place of the first, made from the key alone; the first knows the secret."""
    key = request.session.session_key
    stores: tuple[SessionStore, ...] = (request.session, request.opened_session)  # type: ignore[assignment, attr-defined]
    return next(store.secret for store in stores if store.secret and digest(store.secret) == key)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:KEY_CHARS]
