"""Work after the commit: written with the change, done once, never lost (design rule 20)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Barrier

import pytest
from celery import shared_task
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks

from vop.lib import jobs
from vop.lib.db import StepOutsideUseCaseError, use_case
from vop.lib.outbox.models import Job

done: list[str] = []
SOON = datetime.now(UTC) + timedelta(days=1)


@shared_task(name="tests.note")
def note(*, word: str) -> None:
    done.append(word)


@shared_task(name="tests.fail")
def fail(*, word: str) -> None:
    raise RuntimeError(word)


@shared_task(name="tests.note_twice")
def note_twice(*, word: str) -> None:
    """Do something, and have more done after."""
    done.append(word)
    enqueue(word=f"{word} again")


@pytest.fixture(autouse=True)
def nothing_done() -> Iterator[None]:
    done.clear()
    yield
    done.clear()


@use_case
def enqueue(
    *, task: str = "tests.note", word: str = "hello", run_at: datetime | None = None,
    key: str | None = None,
) -> None:  # fmt: skip
    if task == "tests.fail":
        jobs.enqueue("tests.fail", run_at=run_at, key=key, word=word)
    elif task == "tests.note_twice":
        jobs.enqueue("tests.note_twice", run_at=run_at, key=key, word=word)
    else:
        jobs.enqueue("tests.note", run_at=run_at, key=key, word=word)


@pytest.mark.django_db
def test_job_waits_for_the_commit_and_is_done_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as bells:
        enqueue()
    job = Job.objects.get()
    assert (job.task, job.kwargs, job.done_at, len(bells), done) == (
        "tests.note",
        {"word": "hello"},
        None,
        1,
        [],
    )

    assert jobs.run(job_id=job.pk, now=SOON)
    assert not jobs.run(job_id=job.pk, now=SOON)

    job.refresh_from_db()
    assert done == ["hello"]
    assert (job.done_at, job.leased_until) == (SOON, None)
    assert job.kwargs == {}, "what was to be done may name a person"


@pytest.mark.django_db
def test_job_of_a_change_that_was_undone_never_was() -> None:
    @use_case
    def change() -> None:
        jobs.enqueue("tests.note", word="hello")
        raise LookupError

    with pytest.raises(LookupError):
        change()

    assert not Job.objects.exists()


@pytest.mark.django_db
def test_job_is_refused_outside_a_use_case() -> None:
    with pytest.raises(StepOutsideUseCaseError):
        jobs.enqueue("tests.note", word="hello")


@pytest.mark.django_db
def test_job_of_an_unknown_task_is_refused_where_it_is_written() -> None:
    name = "tests.nothing"
    with pytest.raises(jobs.UnknownTaskError):
        use_case(jobs.enqueue)(name)
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_key_makes_the_same_work_start_once() -> None:
    enqueue(word="first", key="invoice-7")
    jobs.run_all(now=SOON)
    enqueue(word="second", key="invoice-7")
    jobs.run_all(now=SOON)

    assert done == ["first"]


@pytest.mark.django_db
def test_job_waits_for_its_time(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as bells:
        enqueue(run_at=SOON + timedelta(hours=1))

    assert bells == []
    assert jobs.sweep(now=SOON) == 0
    assert not jobs.run(job_id=Job.objects.get().pk, now=SOON)
    assert jobs.run_all(now=SOON + timedelta(hours=1)) == 1


@pytest.mark.django_db
def test_failed_job_comes_back_later_each_time_and_is_given_up() -> None:
    enqueue(task="tests.fail", word="no luck")
    job = Job.objects.get()
    now = SOON
    waits = []
    for _attempt in range(jobs.MAX_ATTEMPTS):
        assert jobs.run(job_id=job.pk, now=now)
        assert not jobs.run(job_id=job.pk, now=now), "it waits"
        job.refresh_from_db()
        waits.append(job.run_at - now)
        now = job.run_at

    assert [later / sooner for sooner, later in pairwise(waits)] == [2.0] * 11
    assert job.given_up_at is not None
    assert job.done_at is None
    assert job.error == "RuntimeError: no luck"
    assert jobs.sweep(now=now + timedelta(days=9)) == 0


@pytest.mark.django_db
def test_job_of_a_worker_that_died_is_taken_over_when_its_lease_ends() -> None:
    enqueue()
    job = Job.objects.get()
    Job.objects.update(leased_until=SOON + jobs.LEASE)  # claimed, and then nothing more was heard

    assert not jobs.run(job_id=job.pk, now=SOON)
    assert jobs.sweep(now=SOON) == 0
    assert jobs.sweep(now=SOON + jobs.LEASE) == 1
    assert jobs.run(job_id=job.pk, now=SOON + jobs.LEASE)
    assert done == ["hello"]


@pytest.mark.django_db
def test_run_all_does_what_work_causes_too() -> None:
    enqueue(task="tests.note_twice")

    assert jobs.run_all(now=SOON) == 2
    assert done == ["hello", "hello again"]


@pytest.mark.django_db
def test_purge_keeps_what_was_given_up() -> None:
    enqueue(word="old")
    enqueue(word="new")
    enqueue(word="lost")
    old, new, lost = Job.objects.order_by("pk")
    Job.objects.filter(pk=old.pk).update(done_at=SOON - jobs.KEEP_DONE - timedelta(seconds=1))
    Job.objects.filter(pk=new.pk).update(done_at=SOON - jobs.KEEP_DONE)
    Job.objects.filter(pk=lost.pk).update(given_up_at=SOON - timedelta(days=90))

    assert jobs.purge(now=SOON) == 1
    assert set(Job.objects.values_list("pk", flat=True)) == {new.pk, lost.pk}


@pytest.mark.django_db
def test_work_is_stuck_after_five_minutes() -> None:
    enqueue()
    due = Job.objects.get().run_at

    assert not jobs.is_stuck(now=due + timedelta(minutes=5))
    assert jobs.is_stuck(now=due + timedelta(minutes=5, seconds=1))
    jobs.run_all(now=due)
    assert not jobs.is_stuck(now=due + timedelta(minutes=6))


@pytest.mark.django_db(transaction=True)
def test_two_workers_claim_a_job_once() -> None:
    enqueue()
    job = Job.objects.get()
    barrier = Barrier(4)

    def work(_number: int) -> bool:
        try:
            barrier.wait(timeout=10)
            return jobs.run(job_id=job.pk, now=SOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(work, range(4)))

    assert sorted(claimed) == [False, False, False, True]
    assert done == ["hello"]
