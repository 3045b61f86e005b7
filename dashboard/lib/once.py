"""A form that is sent twice, by a double click or a reload, does its work once."""

from django.core.cache import cache

REMEMBERED_SECONDS = 24 * 60 * 60


def claim(purpose: str, token: str) -> bool:
    """Whether this is the first to come with the token; a form without one is always the first."""
    return not token or cache.add(_name(purpose, token), 1, REMEMBERED_SECONDS)


def give_back(purpose: str, token: str) -> None:
    """After what was claimed failed: the same form may be sent again."""
    cache.delete(_name(purpose, token))


def _name(purpose: str, token: str) -> str:
    return f"once:{purpose}:{token}"
