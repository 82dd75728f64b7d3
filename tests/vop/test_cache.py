"""The Redis cache keeps its client, and stays Django's cache otherwise."""

import pytest
from django.conf import settings
from django.core.cache import caches

from vop.lib.cache import RedisCache


@pytest.mark.skipif(not settings.REDIS_URL, reason="without Redis the cache is files")
def test_redis_cache_counts_and_keeps_its_client() -> None:
    cache = caches["default"]
    assert isinstance(cache, RedisCache)
    client = cache._cache.get_client("counted", write=True)
    assert cache._cache.get_client("other") is client
    assert cache.add("counted", 1, 60)
    assert not cache.add("counted", 5, 60)
    assert cache.incr("counted") == 2
    assert cache.get("counted") == 2
    assert cache.delete("counted")
    assert cache.get("counted") is None
