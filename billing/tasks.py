"""The hourly doorbell of the renewal run."""

from celery import shared_task
from django.utils import timezone

from auditlog.actors import Actor
from billing.operations import run_billing
from vop.lib.clock import local_date


@shared_task(name="billing.run_renewals")
def run_renewals() -> None:
    now = timezone.now()
    run_billing(as_of=local_date(now), actor=Actor.system("billing"), now=now)
