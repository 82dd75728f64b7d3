"""What happens to mandates by a date alone: they end, and before that both sides are reminded."""

from datetime import datetime, timedelta

from auditlog.actors import Actor
from companies import notifications
from companies.events import MandateEvent
from companies.models import Mandate
from companies.operations.mandate_rules import audit_mandate, load_mandate
from companies.operations.mandates import end, settle
from vop.lib.clock import local_date
from vop.lib.db import use_case

REMINDERS = {"month_reminder_at": timedelta(days=30), "week_reminder_at": timedelta(days=7)}


def settle_overdue(*, now: datetime) -> int:
    """Settle what ended by a date, each in a transaction of its own; return how many."""
    found = Mandate.objects.overdue(now).order_by("valid_until", "pk")
    return sum(_settle_one(mandate=mandate, now=now) for mandate in list(found[:500]))


def remind_of_ends(*, now: datetime) -> int:
    """Tell both sides of mandates that end within 30 and within 7 days, once each."""
    count = 0
    for field, ahead in REMINDERS.items():
        due = Mandate.objects.in_force(now).filter(
            **{field: None}, valid_until__lte=now + ahead, ended_at=None
        )
        for mandate in list(due.order_by("valid_until", "pk")[:500]):
            count += _remind(mandate=mandate, field=field, ahead=ahead, now=now)
    return count


@use_case
def _settle_one(*, mandate: Mandate, now: datetime) -> bool:
    current = load_mandate(mandate)
    if current.settled_at is not None or not current.is_over(now):
        return False
    system = Actor.system()
    if current.ended_at is None:
        was_asked = current.approved_at is None
        reason = Mandate.End.LAPSED if was_asked else Mandate.End.EXPIRED
        at = current.answer_by if was_asked else current.valid_until
        end(current, at=at, reason=reason, actor=system, now=now)
    settle(current, actor=system, now=now)
    return True


@use_case
def _remind(*, mandate: Mandate, field: str, ahead: timedelta, now: datetime) -> bool:
    """Send one reminder; the row decides who sends it, however often this runs."""
    mine = Mandate.objects.filter(pk=mandate.pk, ended_at=None, **{field: None})
    if not mine.update(**{field: now}):
        return False
    current = Mandate.objects.with_parties().get(pk=mandate.pk)
    agreed = current.approved_at
    was_shorter = agreed is not None and agreed > current.valid_until - ahead
    nearer = current.valid_until <= now + REMINDERS["week_reminder_at"]
    if was_shorter or (nearer and field == "month_reminder_at"):
        return False  # it was never that far away, or the nearer reminder says it now
    days = (local_date(current.valid_until) - local_date(now)).days
    audit_mandate(
        MandateEvent.EXPIRY_WARNED,
        current,
        actor=Actor.system(),
        now=now,
        data={"until": current.valid_until, "days": days},
    )
    notifications.send_mandate_reminder(current, days=days, at=now)
    return True
