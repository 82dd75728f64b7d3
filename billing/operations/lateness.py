"""A run that is late: staff hear of it in office hours, since nobody loses a service by it.

Billing is a staff process, tier 3: it is watched less than what customers use, and wakes nobody.
"""

from datetime import date, datetime, timedelta
from typing import Final

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
from billing.events import BasisEvent
from billing.notifications import send_late_run
from billing.queries import find_oldest_unexplained, list_billing_staff
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
    told = Event.objects.filter(action=BasisEvent.RUN_LATE, occurred_at__gte=local_midnight(today))
    if since is None or told.exists():
        return None
    audit(BasisEvent.RUN_LATE, actor=actor, now=now, data={"since": since})
    for person in list_billing_staff():
        send_late_run(person, since=since, today=today)
    return since
