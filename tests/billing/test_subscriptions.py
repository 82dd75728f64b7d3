import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from auditlog.models import Event
from billing.models import (
    BasisLine,
    BillingRun,
    InvoiceBasis,
    Plan,
    Subscription,
    SubscriptionChange,
)
from billing.operations import (
    CancelledAlreadyError,
    NotCancelledYetError,
    PreviewChangedError,
    SeatsTakenError,
    SeatsUnchangedError,
    SubscriptionOverError,
    cancel_subscription,
    change_seats,
    run_billing,
    undo_cancellation,
)
from billing.queries import list_subscription_rows, preview_seats
from companies.models import Company, Membership
from tests.factories.billing import buy, set_seats
from tests.factories.companies import SYSTEM

IN_TEN_DAYS = datetime(2026, 12, 3, 9, 30, tzinfo=UTC)


@pytest.fixture
def subscription(alice_in_acme: Membership, plan: Plan, now: datetime) -> Subscription:
    return buy(alice_in_acme, plan, quantity=3, take_seat=True, now=now).subscription


def test_added_seats_work_at_once_and_are_charged_by_the_day(
    subscription: Subscription, acme: Company
) -> None:
    set_seats(subscription, 5, now=IN_TEN_DAYS)

    subscription.refresh_from_db()
    subscription.entitlement.refresh_from_db()
    assert (subscription.quantity, subscription.paid_quantity) == (5, 5)
    assert subscription.entitlement.seat_limit == 5
    line = BasisLine.objects.get(reason="change")
    # 2 seats at 149.00 for 20 of 30 days: 298.00 - R(298.00 * 10 / 30) = 298.00 - 99.33
    assert (line.quantity, line.net_cents) == (2, 19867)
    assert line.basis.billing_date == date(2026, 12, 3)
    assert line.change == SubscriptionChange.objects.get(kind="change_quantity")
    [event] = Event.objects.for_company(acme.pk).filter(action="subscription.quantity_changed")
    assert (event.data["from"], event.data["to"], event.data["net_cents"]) == (3, 5, 19867)


def test_same_form_twice_changes_once(subscription: Subscription, now: datetime) -> None:
    key = uuid.uuid4()
    shown = preview_seats(subscription, 5, at=now).sha256
    for _click in range(2):
        change_seats(
            subscription=subscription,
            quantity=5,
            preview_sha256=shown,
            request_key=key,
            actor=SYSTEM,
            now=now,
        )

    assert BasisLine.objects.filter(reason="change").count() == 1


def test_seats_cost_what_was_shown_or_nothing_happens(
    subscription: Subscription, now: datetime
) -> None:
    shown = preview_seats(subscription, 5, at=now).sha256

    with pytest.raises(PreviewChangedError):
        change_seats(
            subscription=subscription,
            quantity=5,
            preview_sha256=shown,
            request_key=uuid.uuid4(),
            actor=SYSTEM,
            now=IN_TEN_DAYS,
        )

    assert not BasisLine.objects.filter(reason="change").exists()


def test_seats_that_make_no_sense_are_refused(subscription: Subscription, now: datetime) -> None:
    with pytest.raises(SeatsUnchangedError):
        set_seats(subscription, 3, now=now)
    with pytest.raises(ValueError, match="must be 1 or more"):
        set_seats(subscription, 0, now=now)


def test_fewer_seats_than_people_are_refused(subscription: Subscription, now: datetime) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(quantity=4)
    shown = preview_seats(subscription, 1, at=now)

    assert shown.is_fewer
    with pytest.raises(SeatsTakenError):
        change_seats(
            subscription=subscription,
            quantity=0,
            preview_sha256="",
            request_key=uuid.uuid4(),
            actor=SYSTEM,
            now=now,
        )


def test_change_on_a_day_when_the_run_is_late_bills_what_it_missed(
    subscription: Subscription,
) -> None:
    late = datetime(2027, 1, 2, 9, 0, tzinfo=UTC)

    set_seats(subscription, 4, now=late)

    lines = BasisLine.objects.exclude(reason="new").order_by("position")
    assert [(line.reason, line.quantity, line.period_start) for line in lines] == [
        ("renewal", 3, date(2026, 12, 23)),
        ("change", 1, date(2027, 1, 2)),
    ]
    assert {line.change.kind for line in lines if line.change} == {"change_quantity"}
    assert not BillingRun.objects.exists()
    assert run_billing(as_of=late.date(), actor=SYSTEM, now=late).run is None


def test_cancellation_runs_out_and_can_be_undone(
    subscription: Subscription, acme: Company, now: datetime
) -> None:
    cancel_subscription(subscription=subscription, actor=SYSTEM, now=now)

    subscription.refresh_from_db()
    [row] = list_subscription_rows(acme, at=now)
    assert subscription.cancel_on == date(2026, 12, 23)
    assert row.is_cancelled
    assert row.next_on is None
    with pytest.raises(CancelledAlreadyError):
        cancel_subscription(subscription=subscription, actor=SYSTEM, now=now)

    undo_cancellation(subscription=subscription, actor=SYSTEM, now=now)

    [row] = list_subscription_rows(acme, at=now)
    assert (row.next_on, row.next_cents) == (date(2026, 12, 23), 44700)
    with pytest.raises(NotCancelledYetError):
        undo_cancellation(subscription=subscription, actor=SYSTEM, now=now)
    kinds = SubscriptionChange.objects.order_by("recorded_at", "pk").values_list("kind", flat=True)
    assert sorted(kinds) == ["cancel", "subscribe", "undo_cancel"]
    told = Event.objects.for_company(acme.pk).values_list("action", flat=True)
    assert {"subscription.cancel_scheduled", "subscription.cancel_undone"} <= set(told)


def test_subscription_that_is_over_stays_over(subscription: Subscription, now: datetime) -> None:
    cancel_subscription(subscription=subscription, actor=SYSTEM, now=now)
    after = datetime(2026, 12, 23, 9, 0, tzinfo=UTC)

    with pytest.raises(SubscriptionOverError):
        undo_cancellation(subscription=subscription, actor=SYSTEM, now=after)
    with pytest.raises(SubscriptionOverError):
        cancel_subscription(subscription=subscription, actor=SYSTEM, now=after)


def test_list_takes_as_many_queries_for_many_as_for_one(
    subscription: Subscription,
    acme: Company,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(8):
        rows = list_subscription_rows(acme, at=now + timedelta(days=1))

    assert [(row.seats, row.taken, row.unused) for row in rows] == [(3, 1, 2)]
    assert InvoiceBasis.objects.count() == 1
