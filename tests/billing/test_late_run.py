"""Staff hear of a run that is late, in office hours."""

from datetime import UTC, date, datetime, timedelta

from django.contrib.auth.models import Group
from django.core import mail

from accounts.models import User
from billing.models import Plan
from billing.operations import run_billing, warn_of_late_run
from companies.models import Membership
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM
from vop.lib import jobs
from vop.lib.clock import STOCKHOLM

LATER = datetime(2026, 12, 23, 5, 0, tzinfo=UTC)
DAY = date(2026, 12, 23)


def warn(*when: int) -> date | None:
    return warn_of_late_run(actor=SYSTEM, now=datetime(*when, tzinfo=STOCKHOLM))  # type: ignore[misc,arg-type]


def test_late_run_is_told_once_a_day_and_in_office_hours_only(
    alice_in_acme: Membership, plan: Plan, staff: User, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now)
    staff.groups.add(Group.objects.get(name="billing_ops"))
    jobs.run_all(now=LATER)
    mail.outbox.clear()

    assert warn(2026, 12, 23, 9) is None, "it isn't late before a day has passed"
    assert warn(2026, 12, 28, 3) is None, "nobody is woken"
    assert warn(2026, 12, 26, 9) is None, "a Saturday"
    assert warn(2026, 12, 28, 9) == DAY
    assert warn(2026, 12, 28, 10) is None

    jobs.run_all(now=LATER + timedelta(days=9))
    [message] = mail.outbox
    assert message.to == [staff.email]
    assert "23 dec. 2026" in message.body
    run_billing(as_of=date(2026, 12, 29), actor=SYSTEM, now=LATER + timedelta(days=6))
    assert warn(2026, 12, 29, 9) is None
