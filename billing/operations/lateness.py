"""A run that is late, a basis that doesn't arrive: staff hear of it in office hours.

Billing is a staff process, tier 3: nobody loses a service by it, it is watched less than what
customers use, and wakes nobody.
"""

from datetime import date, datetime, timedelta
from typing import Final

from auditlog.actors import Actor
from auditlog.events import EventType
from auditlog.models import Event
from auditlog.operations import audit
from billing.events import BasisEvent, ErpEvent
from billing.notifications import send_deliveries_given_up, send_late_run
from billing.queries import count_given_up, find_oldest_unexplained, list_billing_staff
from vop.lib.clock import STOCKHOLM, local_date, local_midnight
from vop.lib.db import use_case

OPENS, CLOSES, FRIDAY = 8, 17, 4
PATIENCE: Final = timedelta(days=1)  # a preview waits for a person, and people for the morning


def is_office_hour(now: datetime) -> bool:
    """Tell whether somebody is at work, in Stockholm: Monday to Friday, 8 to 17."""
    local = now.astimezone(STOCKHOLM)
    return local.weekday() <= FRIDAY and OPENS <= local.hour < CLOSES


@use_case
def warn_of_late_run(*, actor: Actor, now: datetime) -> date | None:
    """Tell billing's staff, once a day, since when something waits to be billed; or nobody.

    Who is parked or skipped stands among the exceptions and isn't late.
    """
    today = local_date(now)
    if not is_office_hour(now):
        return None
    since = find_oldest_unexplained(today - PATIENCE)
    if since is None or _is_told_today(BasisEvent.RUN_LATE, today):
        return None
    audit(BasisEvent.RUN_LATE, actor=actor, now=now, data={"since": since})
    for person in list_billing_staff():
        send_late_run(person, since=since, today=today)
    return since


@use_case
def warn_of_given_up(*, actor: Actor, now: datetime) -> int:
    """Tell billing's staff, once a day, how many bases the accounts wouldn't take; or nobody.

    They hear of it every day until each is handed over again or its connection is disabled.
    """
    today = local_date(now)
    if not is_office_hour(now) or _is_told_today(ErpEvent.GIVEN_UP, today):
        return 0
    count = count_given_up()
    if count:
        audit(ErpEvent.GIVEN_UP, actor=actor, now=now, data={"count": count})
        for person in list_billing_staff():
            send_deliveries_given_up(person, count=count, today=today)
    return count


def _is_told_today(event: EventType, today: date) -> bool:
    since = local_midnight(today)
    return Event.objects.filter(action=event, occurred_at__gte=since).exists()
