"""What this room does when people sign in."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from accounts.models import User
from accounts.signals import signed_in
from auditlog.models import Event
from auditlog.operations import show_event_to
from companies.queries import list_companies_of


@receiver(signed_in, sender=User)
def let_companies_see_sign_in(user: User, event: Event, now: datetime, **_kwargs: Any) -> None:
    """A sign-in concerns every company that the person is in."""
    show_event_to(event=event, company_ids=list_companies_of(user, at=now))
