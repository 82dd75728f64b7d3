"""Doorbells of the renewal run and of what leaves billing: what is due stands in the database."""

import uuid

from celery import shared_task
from django.utils import timezone

from auditlog.actors import Actor
from billing.operations import (
    check_vat_numbers,
    release_held_bases,
    ring_runs,
    tell_renewals,
    warn_of_given_up,
    warn_of_late_run,
    work_run,
)
from billing.operations import deliver_basis as deliver
from billing.operations import plan_deliveries as plan
from billing.operations import purge_calls as purge
from billing.queries import get_run
from vop.lib.clock import local_date

SYSTEM = Actor.system("billing")


@shared_task(name="billing.run_renewals")
def run_renewals() -> None:
    now = timezone.now()
    ring_runs(as_of=local_date(now), actor=SYSTEM, now=now)


@shared_task(name="billing.tell_renewals")
def tell_of_renewals() -> None:
    tell_renewals(actor=SYSTEM, now=timezone.now())


@shared_task(name="billing.work_run")
def work_on_run(*, run_id: str) -> None:
    work_run(run=get_run(uuid.UUID(run_id)), actor=SYSTEM, now=timezone.now())


@shared_task(name="billing.release_held")
def release_held() -> None:
    now = timezone.now()
    check_vat_numbers(actor=SYSTEM, now=now)
    release_held_bases(actor=SYSTEM, now=now)


@shared_task(name="billing.warn_of_late_run")
def warn_of_late() -> None:
    now = timezone.now()
    warn_of_late_run(actor=SYSTEM, now=now)
    warn_of_given_up(actor=SYSTEM, now=now)


@shared_task(name="billing.plan_deliveries")
def plan_deliveries() -> None:
    plan(now=timezone.now())


@shared_task(name="billing.deliver_basis")
def deliver_basis(*, delivery_id: str) -> None:
    deliver(delivery_id=delivery_id, now=timezone.now())


@shared_task(name="billing.purge_calls")
def purge_calls() -> None:
    purge(now=timezone.now())
