"""Secrets that must be read again are kept sealed: a copy of the database without the SECRET_KEY opens none of them."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32
PURPOSE = b"finetunes-dashboard sealing"


class BrokenSealError(ValueError):
    """Not sealed with this server's SECRET_KEY, or changed since."""


def seal(text: str) -> str:
    """Encrypted and authenticated (Fernet), as URL-safe text."""
    return _cipher().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise BrokenSealError("Sealed with another SECRET_KEY, or damaged.") from None


def _cipher() -> Fernet:
    key = HKDF(SHA256(), KEY_BYTES, salt=None, info=PURPOSE).derive(settings.SECRET_KEY.encode())
    return Fernet(urlsafe_b64encode(key))
