"""The platform's own tasks: the bell, the sweep, and mail."""

from celery import shared_task
from django.utils import timezone

from vop.lib import jobs, mail


@shared_task(name="vop.run_job")
def run_job(*, job_id: int) -> None:
    jobs.run(job_id=job_id, now=timezone.now())


@shared_task(name="vop.sweep_jobs")
def sweep_jobs() -> None:
    jobs.sweep(now=timezone.now())


@shared_task(name="vop.purge_jobs")
def purge_jobs() -> None:
    jobs.purge(now=timezone.now())


@shared_task(name="vop.send_mail")
def send_mail(*, sealed: str) -> None:
    mail.send(sealed=sealed)
