"""Two at once, with threads and real locks, on whichever database the run has."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from vop.lib.errors import DomainError


def at_once(*works: Callable[[], object]) -> list[str]:
    """Run them in threads of their own, from one starting shot; return how each ended."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], object]) -> str:
        try:
            barrier.wait(timeout=10)
            work()
        except DomainError as error:
            return type(error).__name__
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return sorted(pool.map(run, works))
