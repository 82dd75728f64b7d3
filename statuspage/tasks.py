"""The clock and the printer of the status page."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from auditlog.actors import Actor
from statuspage import operations


@shared_task(name="statuspage.tick")
def tick() -> None:
    now = timezone.now()
    operations.advance_planned_updates(actor=Actor.system("clock"), now=now)
    if operations.is_publication_due(out=settings.STATUS_DIR, now=now):
        operations.publish_site(out=settings.STATUS_DIR, now=now)


@shared_task(name="statuspage.publish")
def publish() -> None:
    operations.publish_site(out=settings.STATUS_DIR, now=timezone.now())


@shared_task(name="statuspage.plan_updates")
def plan_updates() -> None:
    operations.plan_ordinary_updates(
        months=operations.PLANNED_MONTHS, actor=Actor.system("clock"), now=timezone.now()
    )
