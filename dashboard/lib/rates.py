"""How often something may be tried, counted in the cache: with Redis for every process, without it there is one."""

from django.core.cache import cache


def count(what: str, *, seconds: int) -> int:
    """Counts a try, and tells how many there were within the `seconds` that began with the first of them."""
    key = f"rate:{what}"
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key)
    except ValueError:  # the time ran out between the two
        cache.set(key, 1, seconds)
        return 1
