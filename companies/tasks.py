"""What the queue asks of this room, and its regular work."""

import uuid

from celery import shared_task
from django.utils import timezone

from companies import operations


@shared_task(name="companies.settle_mandates")
def settle_mandates() -> None:
    operations.settle_overdue(now=timezone.now())


@shared_task(name="companies.remind_of_mandates")
def remind_of_mandates() -> None:
    operations.remind_of_ends(now=timezone.now())


@shared_task(name="companies.open_reviews")
def open_reviews() -> None:
    operations.open_reviews(now=timezone.now())


@shared_task(name="companies.remind_of_reviews")
def remind_of_reviews() -> None:
    operations.remind_of_reviews(now=timezone.now())


@shared_task(name="companies.close_due_reviews")
def close_due_reviews() -> None:
    operations.close_due_reviews(now=timezone.now())


@shared_task(name="companies.welcome_imported")
def welcome_imported(*, membership_ids: list[str]) -> None:
    operations.welcome_imported(membership_ids=[uuid.UUID(key) for key in membership_ids])
