"""The doorbells of the renewal run and of what leaves billing."""

from celery import shared_task
from django.utils import timezone

from auditlog.actors import Actor
from billing.operations import deliver_basis as deliver
from billing.operations import plan_deliveries as plan
from billing.operations import run_billing
from vop.lib.clock import local_date


@shared_task(name="billing.run_renewals")
def run_renewals() -> None:
    now = timezone.now()
    run_billing(as_of=local_date(now), actor=Actor.system("billing"), now=now)


@shared_task(name="billing.plan_deliveries")
def plan_deliveries() -> None:
    plan(now=timezone.now())


@shared_task(name="billing.deliver_basis")
def deliver_basis(*, delivery_id: str) -> None:
    deliver(delivery_id=delivery_id, now=timezone.now())
