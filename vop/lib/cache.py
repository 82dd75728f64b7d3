"""Django's Redis cache, whose clients are kept."""

from typing import Any

from django.core.cache.backends import redis


class _KeptClient(redis.RedisCacheClient):
    """Django makes a client for every command, which costs more than the command itself."""

    _kept: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:  # noqa: ARG002
        """Return the one client: there is one server, and its pool serves any number of threads."""
        if self._kept is None:
            self._kept = super().get_client(write=True)
        return self._kept


class RedisCache(redis.RedisCache):
    """For one server (REDIS_URL); its commands share a client for as long as the thread lives."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _KeptClient
