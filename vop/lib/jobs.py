"""Work after the commit (design rule 20).

`enqueue` writes a row in the caller's transaction. The queue only rings the bell: a worker claims
the row, runs the task that it names, and marks it done. A sweep rings again for what the bell
missed, so that losing Redis, or any process at any moment, loses nothing. A task can run again
after a crash between its effect and the mark, so tasks are idempotent.
"""

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import Task, current_app
from django.db import transaction
from django.db.models import Count, Min
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules

from vop.lib.db import StepOutsideUseCaseError, in_use_case
from vop.lib.outbox.models import Job

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 12  # the last waits about 17 hours; together a day and a half
KEEP_DONE = timedelta(days=7)
STUCK_AFTER = timedelta(minutes=5)
_BELL = "vop.run_job"


class UnknownTaskError(LookupError):
    """No task of that name is registered: look for a typing error or a missing tasks.py."""


def enqueue(
    task: str, *, run_at: datetime | None = None, key: str | None = None, **kwargs: Any
) -> None:
    """Have `task` run once this transaction is committed, at `run_at` or at once.

    `kwargs` must be JSON. A `key` that was used before makes the call do nothing, so that the
    same fact never starts the same work twice.

    Raises: StepOutsideUseCaseError, UnknownTaskError.
    """
    if not in_use_case():
        raise StepOutsideUseCaseError(task)
    find_task(task)
    now = timezone.now()
    values = {"kwargs": kwargs, "created_at": now, "run_at": run_at or now}
    if key is None:
        job = Job.objects.create(task=task, **values)
    else:
        job, created = Job.objects.get_or_create(key=key, defaults={"task": task, **values})
        if not created:
            return
    if job.run_at <= now:
        transaction.on_commit(functools.partial(_ring, job.pk), robust=True)


def find_task(name: str) -> Task[Any, Any]:
    """Return the registered task of that name.

    Raises: UnknownTaskError.
    """
    _load_tasks()
    task = current_app.tasks.get(name)
    if task is None:
        raise UnknownTaskError(name)
    return task


def run(*, job_id: int, now: datetime) -> bool:
    """Claim a job and run it; tell whether it was ours to run.

    A failure is written on the row and tried again later, twice as late each time.
    """
    claimed = Job.objects.due(now).filter(pk=job_id).update(leased_until=now + LEASE)
    if not claimed:
        return False
    job = Job.objects.get(pk=job_id)
    try:
        find_task(job.task).run(**job.kwargs)
    except Exception as error:
        logger.exception("Job %s failed: %s", job.pk, job.task)
        _put_back(job, error, now)
        return True
    # The arguments go with the work: they may name a person.
    Job.objects.filter(pk=job.pk).update(done_at=now, leased_until=None, kwargs={}, error="")
    return True


def sweep(*, now: datetime, limit: int = 500) -> int:
    """Ring again for every due job that no worker has; return how many."""
    ids = list(Job.objects.due(now).order_by("run_at", "pk").values_list("pk", flat=True)[:limit])
    for job_id in ids:
        _ring(job_id)
    return len(ids)


def purge(*, now: datetime) -> int:
    """Delete jobs done more than a week ago; what was given up stays for a person to see."""
    return Job.objects.filter(done_at__lt=now - KEEP_DONE).delete()[0]


def is_stuck(*, now: datetime) -> bool:
    """Tell whether work waits that should have been done long ago: no worker, or one too few."""
    return Job.objects.due(now).filter(run_at__lt=now - STUCK_AFTER).exists()


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: jobs whose time has come, for how long the first of them, and the given up."""

    due: int
    oldest_due: timedelta
    given_up: int


def measure(*, now: datetime) -> Backlog:
    """Count what waits."""
    found = Job.objects.due(now).aggregate(count=Count("pk"), first=Min("run_at"))
    waited = now - found["first"] if found["first"] else timedelta()
    return Backlog(found["count"], waited, Job.objects.exclude(given_up_at=None).count())


def is_queue_reachable() -> bool:
    """Tell whether the bell can be rung."""
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:  # noqa: BLE001 (whatever the broker's library raises)
        logger.warning("The queue is away: %s", error)
        return False
    return True


def run_all(*, now: datetime) -> int:
    """Run everything that is due in this process, also what it causes; for commands and tests."""
    count = 0
    while ids := list(Job.objects.due(now).order_by("run_at", "pk").values_list("pk", flat=True)):
        count += sum(run(job_id=job_id, now=now) for job_id in ids)
    return count


def _put_back(job: Job, error: Exception, now: datetime) -> None:
    attempts = job.attempts + 1
    values: Mapping[str, Any] = {
        "attempts": attempts,
        "leased_until": None,
        "error": f"{type(error).__name__}: {error}"[:2000],
        "run_at": now + timedelta(seconds=15 * 2**attempts),
        "given_up_at": now if attempts >= MAX_ATTEMPTS else None,
    }
    Job.objects.filter(pk=job.pk).update(**values)


def _ring(job_id: int) -> None:
    try:
        find_task(_BELL).apply_async(kwargs={"job_id": job_id}, retry=False)
    except Exception as error:  # noqa: BLE001 (the row is safe; the sweep rings again)
        logger.warning("The queue is away (%r); job %s waits for the sweep", error, job_id)


@functools.cache
def _load_tasks() -> None:
    """Import every tasks.py.

    Celery's own import_default_modules() sets Django up once more: in a worker, whose stderr is
    by then the log itself, that sends the log into itself, and it is never heard of again.
    """
    autodiscover_modules("tasks")
