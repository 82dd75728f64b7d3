"""A process whose threads each answer one request at a time, and which has no event loop."""

import threading

from django.core.cache import caches, close_caches
from django.core.signals import request_finished, request_started
from django.db import connections, reset_queries
from django.urls import base as urls
from django.utils import timezone
from django.utils.translation import trans_real as translations


def spare_event_loops() -> None:
    """Keep what belongs to a thread in Python's thread locals, and do nothing for nobody.

    Django keeps it in asgiref's, which look for an event loop at each of the twenty accesses of a
    small request: a fifth of what that takes in all. To be called before any thread starts and
    anything is connected.
    """
    for owner, name in (
        (connections, "_connections"),
        (caches, "_connections"),
        (urls, "_prefixes"),
        (urls, "_urlconfs"),
        (translations, "_active"),
        (timezone, "_active"),
    ):
        setattr(owner, name, threading.local())
    # Queries are only kept for who looks on; our caches have nothing to close (vop.lib.cache).
    request_started.disconnect(reset_queries)
    request_finished.disconnect(close_caches)
