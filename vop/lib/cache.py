"""Django's Redis cache, whose clients are kept, and which counts by one command."""

import functools
from collections.abc import Sequence
from typing import Any, cast

from django.core.cache.backends import redis

# Under each key stand the marks of what was counted, by when. Full ones stay as they are, and so
# do those after them: the limits of the sign-in library, which asked one after the other.
_TAKE = """
for place, key in ipairs(KEYS) do
  local amount, seconds = tonumber(ARGV[2 * place + 1]), tonumber(ARGV[2 * place + 2])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[1] - seconds)
  if redis.call('ZCARD', key) >= amount then return 0 end
  redis.call('ZADD', key, ARGV[1], ARGV[2])
  redis.call('PEXPIRE', key, math.ceil(seconds * 1000))
end
return 1
"""
_GIVE_BACK = "for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end"


class _KeptClient(redis.RedisCacheClient):
    """Django makes a client for every command, which costs more than the command itself."""

    _kept: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:  # noqa: ARG002
        """Return the one client: there is one server, and its pool serves any number of threads."""
        if self._kept is None:
            self._kept = super().get_client(write=True)
        return self._kept

    @functools.cached_property
    def take(self) -> Any:
        return self.get_client().register_script(_TAKE)

    @functools.cached_property
    def give_back(self) -> Any:
        return self.get_client().register_script(_GIVE_BACK)


class RedisCache(redis.RedisCache):
    """For one server (REDIS_URL); its commands share a client for as long as the thread lives."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _KeptClient

    @property
    def _client(self) -> _KeptClient:
        return cast("_KeptClient", self._cache)

    def take(self, rates: Sequence[tuple[str, int, float]], *, mark: str, now: float) -> bool:
        """Count a mark under each name, up to the first that has so many of the last seconds.

        Tell whether all had room. Nobody comes in between.
        """
        keys = [self.make_and_validate_key(name) for name, _amount, _seconds in rates]
        limits = [value for _name, *limit in rates for value in limit]
        return bool(self._client.take(keys=keys, args=[repr(now), mark, *limits]))

    def give_back(self, names: Sequence[str], *, mark: str) -> None:
        """Take a mark out again."""
        keys = [self.make_and_validate_key(name) for name in names]
        self._client.give_back(keys=keys, args=[mark])
