"""Identifiers and secrets: how they are drawn and how secrets are stored."""

import hashlib
import secrets

# Crockford's base 32: no i, l, o or u, so that an id survives being read aloud.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ORG_ID_LENGTH = 10
API_KEY_PREFIX = "bfl_"


def new_org_id() -> str:
    """Ten characters, 50 bits: short enough to type, too many to guess.

    BFL's form is not known. What counts is that none has a slash: in `{org_id}/{name}` the first one ends it.
    """
    return "".join(secrets.choice(ALPHABET) for _ in range(ORG_ID_LENGTH))


def new_api_key() -> str:
    """`bfl_` and 256 random bits, the shape that BFL's own clients expect."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def new_token() -> str:
    """256 random bits for a link that is itself the leave."""
    return secrets.token_urlsafe(32)


def digest_secret(secret: str) -> str:
    """SHA-256 in hex; enough for a secret that is itself high-entropy, and fast on every call."""
    return hashlib.sha256(secret.encode()).hexdigest()
