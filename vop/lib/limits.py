"""Counting in the cache, for rate limits: rough at the edges of a window, shared by processes."""

from django.core.cache import cache


def count(name: str, *, seconds: int) -> int:
    """Count one more under a name; return how many there were in this window of seconds."""
    cache.add(name, 0, seconds)
    try:
        return int(cache.incr(name))
    except ValueError:  # it expired between the two
        return 1
