"""Signatures: of URLs (a path, the second at which it expires, and an HMAC over both) and of webhooks."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlencode

SAMPLE_SECONDS = 600


def sign_path(key: str, path: str, *, seconds: int = SAMPLE_SECONDS) -> str:
    """`path` with `se` (epoch seconds of expiry) and `sig` in its query.

    BFL's URLs of samples live for ten minutes too and name both alike; their form is Azure's, and clients only follow.
    """
    expiry = str(int(time.time()) + seconds)
    return f"{path}?{urlencode({'se': expiry, 'sig': _signature(key, path, expiry)})}"


def is_signed(key: str, path: str, query: Mapping[str, str]) -> bool:
    """Whether the query carries a signature of this path that has not expired."""
    expiry = query.get("se", "")
    genuine = hmac.compare_digest(_signature(key, path, expiry).encode(), query.get("sig", "").encode())
    return genuine and expiry.isdecimal() and int(expiry) > time.time()


def sign_body(secret: str, body: bytes) -> str:
    """The value of `X-BFL-Signature`: an HMAC of the body as it is sent."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _signature(key: str, path: str, expiry: str) -> str:
    return hmac.new(key.encode(), f"{path}\n{expiry}".encode(), hashlib.sha256).hexdigest()
