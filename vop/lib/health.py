"""What the platform needs to do its work, asked at /-/ready.

The answers are single words: an error's text names hosts and users, and stands in the log only.
"""

import logging
import uuid
from datetime import datetime

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection

from vop.lib import jobs

logger = logging.getLogger(__name__)

OK = "ok"
AWAY = "away"
LATE = "late"


def check_all(*, now: datetime) -> dict[str, str]:
    """Return a word for each thing that a request or the work after it rests on."""
    database = check_database()
    return {
        "database": database,
        "cache": check_cache(),
        "queue": OK if jobs.is_queue_reachable() else AWAY,
        "jobs": _check_jobs(now) if database == OK else AWAY,
    }


def check_database() -> str:
    """Ask the database for one row."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The database is away: %s", error)
        return AWAY
    return OK


def check_cache() -> str:
    """Write a value into the cache and read it back: rate limits count there."""
    key = f"health:{uuid.uuid4().hex}"
    try:
        cache.set(key, OK, timeout=10)
        found: object = cache.get(key)
        cache.delete(key)
    except Exception as error:  # noqa: BLE001 (whatever the cache's library raises)
        logger.warning("The cache is away: %s", error)
        return AWAY
    return OK if found == OK else AWAY


def _check_jobs(now: datetime) -> str:
    try:
        return LATE if jobs.is_stuck(now=now) else OK
    except (DatabaseError, InterfaceError):
        return AWAY
