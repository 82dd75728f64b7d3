"""What the account room does on its own."""

from celery import shared_task
from django.utils import timezone

from accounts import operations


@shared_task(name="accounts.purge_sessions")
def purge_sessions() -> None:
    operations.purge_sessions(now=timezone.now())
