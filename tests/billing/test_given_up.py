"""Staff hear of bases that don't arrive, in office hours; old calls go."""

from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.core import mail

from accounts.models import User
from billing.models import BasisDelivery, DeliveryAttempt, InvoiceBasis, Plan
from billing.operations import (
    approve_basis,
    disable_connection,
    purge_calls,
    record_delivery_attempt,
    replay_delivery,
    warn_of_given_up,
)
from companies.models import Membership
from tests.billing.accounts import connect
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM
from vop.lib import jobs
from vop.lib.clock import STOCKHOLM

MORNING = datetime(2026, 12, 1, 9, tzinfo=STOCKHOLM)  # a Tuesday


def deliver(seat: Membership, plan: Plan, now: datetime) -> BasisDelivery:
    buy(seat, plan, now=now)
    basis = approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)
    connection = connect(webhook_url="https://exempel.se/")
    return BasisDelivery.objects.create(connection=connection, basis=basis, created_at=now)


def call(delivery: BasisDelivery, status: int, now: datetime) -> None:
    record_delivery_attempt(delivery=delivery, status=status, error="", now=now)


def test_given_up_deliveries_are_told_once_a_day_in_office_hours_until_they_are_handled(
    alice_in_acme: Membership, plan: Plan, staff: User, now: datetime
) -> None:
    staff.groups.add(Group.objects.get(name="billing_ops"))
    delivery = deliver(alice_in_acme, plan, now)

    def warn(at: datetime) -> int:
        return warn_of_given_up(actor=SYSTEM, now=at)

    for _attempt in range(jobs.MAX_ATTEMPTS - 1):
        call(delivery, 500, now)
    assert warn(MORNING) == 0, "it is still being tried"
    call(delivery, 500, now)
    assert warn(MORNING.replace(hour=3)) == 0, "nobody is woken"
    assert warn(MORNING + timedelta(days=4)) == 0, "a Saturday"
    jobs.run_all(now=MORNING + timedelta(days=40))
    mail.outbox.clear()
    assert [warn(MORNING), warn(MORNING + timedelta(hours=1))] == [1, 0]
    assert warn(MORNING + timedelta(days=1)) == 1

    jobs.run_all(now=MORNING + timedelta(days=40))
    assert [message.to for message in mail.outbox] == [[staff.email]] * 2
    assert "/admin/billing/basisdelivery/" in mail.outbox[0].body
    replay_delivery(delivery=delivery, actor=SYSTEM, now=MORNING)
    assert warn(MORNING + timedelta(days=2)) == 0


def test_disabled_connection_warns_nobody(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    delivery = deliver(alice_in_acme, plan, now)
    disable_connection(connection=delivery.connection, actor=SYSTEM, now=now)
    delivery.refresh_from_db()

    assert delivery.given_up_at == now
    assert warn_of_given_up(actor=SYSTEM, now=MORNING) == 0


def test_old_calls_go_once_their_delivery_has_arrived(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    delivery = deliver(alice_in_acme, plan, now)
    call(delivery, 500, now)

    assert purge_calls(now=now + timedelta(days=91)) == 0, "it hasn't arrived"
    call(delivery, 204, now + timedelta(days=10))
    assert purge_calls(now=now + timedelta(days=89)) == 0
    assert purge_calls(now=now + timedelta(days=91)) == 1
    [left] = DeliveryAttempt.objects.all()
    assert left.status == 204
