"""Counting in the cache, for rate limits, shared by processes.

`count` is rough at the edges of a window of time; a `Window` slides, and can be given back.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache, caches
from django.core.files import locks

from vop.lib.cache import RedisCache


def count(name: str, *, seconds: int) -> int:
    """Count one more under a name; return how many there were in this window of seconds."""
    cache.add(name, 0, seconds)
    try:
        return int(cache.incr(name))
    except ValueError:  # it expired between the two
        return 1


@dataclass(frozen=True, slots=True)
class Window:
    """At most so many under a name, in any stretch of so many seconds."""

    name: str
    amount: int
    seconds: float

    @property
    def key(self) -> str:
        """Where it stands; a library's own limit of the same name has another form."""
        return f"window:{self.name}"


def take(windows: Sequence[Window]) -> str:
    """Count one in each, in order, up to the first that is full.

    Return its mark, with which it can be given back, or nothing when one was full.
    """
    mark, now = secrets.token_hex(8), time.time()
    if isinstance(backend := caches["default"], RedisCache):
        rates = [(each.key, each.amount, each.seconds) for each in windows]
        return mark if backend.take(rates, mark=mark, now=now) else ""
    return mark if all(_take_one(each, mark, now) for each in windows) else ""


def give_back(windows: Sequence[Window], mark: str) -> None:
    """Take back what was counted under a mark."""
    if isinstance(backend := caches["default"], RedisCache):
        backend.give_back([each.key for each in windows], mark=mark)
        return
    for each in windows:
        with _alone():
            kept = [seen for seen in cache.get(each.key, []) if seen[1] != mark]
            cache.set(each.key, kept, each.seconds)


def forget(windows: Sequence[Window]) -> None:
    """Start anew."""
    cache.delete_many([each.key for each in windows])


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other threads and processes of this machine out: a cache of files can't do so itself."""
    settings.VAR.mkdir(parents=True, exist_ok=True)
    with (settings.VAR / "limits.lock").open("w") as file:
        locks.lock(file, locks.LOCK_EX)
        yield  # closing the file lets the next one in


def _take_one(window: Window, mark: str, now: float) -> bool:
    with _alone():
        since = now - window.seconds
        kept = [seen for seen in cache.get(window.key, []) if seen[0] > since]
        if len(kept) >= window.amount:
            return False
        cache.set(window.key, [*kept, (now, mark)], window.seconds)
        return True
