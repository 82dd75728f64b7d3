import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from auditlog.models import Event
from billing.models import (
    BasisLine,
    BillingRun,
    BillingRunItem,
    InvoiceBasis,
    Plan,
    Subscription,
    VatRate,
)
from billing.operations import (
    RunReport,
    SubscriptionOverError,
    cancel_subscription,
    run_billing,
    set_price,
)
from billing.queries import get_run_totals, preview_run
from companies.models import Company, Membership
from services.models import Seat, Service
from services.operations import withdraw_service
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, set_seats
from tests.factories.companies import SYSTEM, make_company
from vop.lib import jobs

LATER = datetime(2026, 12, 23, 5, 0, tzinfo=UTC)
RENEWAL = date(2026, 12, 23)


def run(at: datetime = LATER, as_of: date | None = None) -> RunReport:
    return run_billing(as_of=as_of or at.date(), actor=SYSTEM, now=at)


@pytest.fixture
def subscription(alice_in_acme: Membership, plan: Plan, now: datetime) -> Subscription:
    """3 seats, bought today and renewed on 23 December."""
    return buy(alice_in_acme, plan, quantity=3, take_seat=True, now=now).subscription


@pytest.fixture
def two_customers(
    subscription: Subscription,
    mallory: User,
    other: Company,
    membership_of: Callable[[User, Company], Membership],
    plan: Plan,
    now: datetime,
) -> tuple[Subscription, Subscription]:
    theirs = buy(membership_of(mallory, other), plan, quantity=2, now=now).subscription
    return subscription, theirs


def test_run_bills_what_is_due(subscription: Subscription, acme: Company) -> None:
    report = run()

    subscription.refresh_from_db()
    assert (report.billed, report.parked, report.lines, report.nets) == (1, 0, 1, {"SEK": 44700})
    assert subscription.billed_through == date(2027, 1, 23)
    line = BasisLine.objects.get(reason="renewal")
    assert (line.period_start, line.period_end) == (RENEWAL, date(2027, 1, 23))
    assert line.run == report.run
    assert line.basis.billing_date == RENEWAL
    [renewed] = Event.objects.for_company(acme.pk).filter(action="subscription.renewed")
    assert renewed.data["net_cents"] == 44700


def test_run_finds_nothing_before_the_day(subscription: Subscription) -> None:
    report = run(LATER - timedelta(days=1))

    assert report.run is None
    assert not BillingRun.objects.exists()


def test_run_twice_bills_once(subscription: Subscription) -> None:
    run()
    second = run()

    assert (second.billed, second.lines) == (0, 0)
    assert BasisLine.objects.filter(reason="renewal").count() == 1


def test_late_run_bills_each_period_with_its_own_price(
    subscription: Subscription, plan: Plan, now: datetime
) -> None:
    set_price(
        plan=plan,
        unit_price=Decimal("159.00"),
        valid_from=date(2026, 12, 1),
        existing_from=date(2027, 1, 1),
        actor=SYSTEM,
        now=now,
    )

    run(datetime(2027, 3, 1, 5, 0, tzinfo=UTC))

    lines = BasisLine.objects.filter(reason="renewal").order_by("period_start")
    assert [(line.period_start, line.net_cents) for line in lines] == [
        (date(2026, 12, 23), 44700),
        (date(2027, 1, 23), 47700),
        (date(2027, 2, 23), 47700),
    ]
    assert {line.basis.billing_date for line in lines} == {date(2027, 3, 1)}


def test_customer_that_fails_is_parked_and_the_run_goes_on(
    two_customers: tuple[Subscription, Subscription], acme: Company
) -> None:
    ours, theirs = two_customers
    Company.objects.filter(pk=acme.pk).update(country="NO")  # no VAT rate is set for Norway

    report = run()

    assert (report.billed, report.parked) == (1, 1)
    parked = BillingRunItem.objects.get(state="parked")
    assert parked.company == acme
    assert "no VAT rate for standard in NO" in parked.error
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert ours.billed_through == RENEWAL
    assert theirs.billed_through > RENEWAL

    Company.objects.filter(pk=acme.pk).update(country="SE")
    again = run()

    assert (again.billed, again.parked) == (1, 0)
    parked.refresh_from_db()
    assert (parked.state, parked.error, parked.attempts) == ("done", "", 2)
    assert again.run is not None
    totals = get_run_totals(again.run)
    assert (totals.due, totals.billed, totals.parked) == (2, 2, 0)


def test_run_stopped_in_the_middle_of_a_batch_goes_on_where_it_was(
    two_customers: tuple[Subscription, Subscription], monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def stop(*_args: object) -> None:
        raise KilledError

    monkeypatch.setattr("billing.queries.runs.BATCH_SIZE", 1)
    monkeypatch.setattr("billing.operations.runs.BATCH_SIZE", 1)
    with monkeypatch.context() as patch:
        patch.setattr("billing.operations.batches.update_rows", stop)
        with pytest.raises(KilledError):
            run()
    assert BillingRun.objects.get().state == "running"
    assert not BasisLine.objects.filter(reason="renewal").exists()

    report = run()

    assert report.billed == 2
    lines = BasisLine.objects.filter(reason="renewal")
    assert {line.subscription for line in lines} == set(two_customers)
    assert BillingRun.objects.get().finished_at is not None


def test_cancelled_subscription_ends_with_its_access(
    subscription: Subscription, acme: Company, now: datetime
) -> None:
    cancel_subscription(subscription=subscription, actor=SYSTEM, now=now)

    report = run()

    subscription.refresh_from_db()
    assert (report.lines, report.billed) == (0, 1)
    assert subscription.ended_on == RENEWAL
    assert not Seat.objects.in_force(LATER).exists()
    assert Event.objects.for_company(acme.pk).filter(action="subscription.ended").count() == 1
    assert run().run is None


def test_fewer_seats_hold_at_once_and_cost_less_from_the_renewal(
    subscription: Subscription, now: datetime
) -> None:
    set_seats(subscription, 1, now=now)
    subscription.entitlement.refresh_from_db()
    assert subscription.entitlement.seat_limit == 1, "or seats taken now would be free later"

    run()

    subscription.entitlement.refresh_from_db()
    assert subscription.entitlement.seat_limit == 1
    assert BasisLine.objects.get(reason="renewal").net_cents == 14900


def test_first_period_after_a_trial_is_new(
    alice_in_acme: Membership, service: Service, now: datetime
) -> None:
    buy(alice_in_acme, make_plan(service, code="prova", trial_days=30), now=now)

    run()

    line = BasisLine.objects.get()
    assert (line.reason, line.cause, line.period_start) == ("new", "subscribe", RENEWAL)


def test_preview_tells_what_the_run_does(
    two_customers: tuple[Subscription, Subscription],
) -> None:
    shown = {preview.company.pk: preview.nets["SEK"] for preview in preview_run(RENEWAL)}

    run()

    billed = InvoiceBasis.objects.filter(billing_date=RENEWAL)
    assert {basis.company_id: basis.net_cents for basis in billed} == shown


def test_missing_vat_rate_parks_everybody_with_a_reason(subscription: Subscription) -> None:
    VatRate.objects.update(valid_to=date(2026, 12, 1))

    report = run()

    assert (report.billed, report.parked) == (0, 1)


def test_task_previews_the_day_in_stockholm_and_bills_nothing(
    subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime(2026, 12, 22, 23, 30, tzinfo=UTC)  # 00:30 on the 23rd in Stockholm
    monkeypatch.setattr("django.utils.timezone.now", lambda: midnight)

    for _hour in range(2):
        jobs.find_task("billing.run_renewals").run()

    run = BillingRun.objects.get()
    assert (run.as_of, run.state, run.made_by) == (RENEWAL, "preview", "")
    assert len(run.preview_sha256) == 64
    assert not BasisLine.objects.filter(reason="renewal").exists()


def command(*args: str) -> dict[str, Any]:
    out = StringIO()
    call_command("run_billing", *args, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def test_command_previews_and_bills(subscription: Subscription) -> None:
    shown = command("--as-of", "2026-12-23", "--preview")
    assert not BillingRun.objects.exists()
    done = command("--as-of", "2026-12-23")

    assert shown == {**done, "preview": True, "run": None, "state": None}
    assert done["state"] == "billed"
    assert (done["customers"], done["lines"], done["net"], done["parked"]) == (1, 1, "447.00", [])


def test_command_tells_of_the_parked(subscription: Subscription) -> None:
    VatRate.objects.update(valid_to=date(2026, 12, 1))

    with pytest.raises(CommandError, match="1 parked"):
        command("--as-of", "2026-12-23")


def test_purchase_after_its_day_is_never_dated_back(subscription: Subscription) -> None:
    report = run(datetime(2027, 1, 5, 5, 0, tzinfo=UTC), as_of=RENEWAL)

    assert report.lines == 1
    assert InvoiceBasis.objects.filter(billing_date=date(2027, 1, 5)).count() == 1


def test_withdrawn_service_is_billed_no_further(subscription: Subscription, now: datetime) -> None:
    withdraw_service(
        entitlement=subscription.entitlement, actor=SYSTEM, now=now + timedelta(hours=1)
    )
    assert [customer.lines for customer in preview_run(RENEWAL)] == [[]]

    report = run()

    assert (report.lines, report.parked) == (0, 0)
    subscription.refresh_from_db()
    assert subscription.ended_on == RENEWAL
    assert BasisLine.objects.count() == 1
    assert run(LATER + timedelta(days=40)).lines == 0


def test_withdrawn_service_takes_no_more_seats(subscription: Subscription, now: datetime) -> None:
    withdraw_service(entitlement=subscription.entitlement, actor=SYSTEM, now=now)
    subscription.refresh_from_db()

    with pytest.raises(SubscriptionOverError):
        set_seats(subscription, 5, now=now + timedelta(hours=1))

    assert BasisLine.objects.count() == 1


def test_customers_with_the_same_terms_are_billed_each_for_their_own(
    subscription: Subscription,
    mallory: User,
    other: Company,
    membership_of: Callable[[User, Company], Membership],
    plan: Plan,
    now: datetime,
) -> None:
    """A run works out equal terms once, VAT included: a buyer abroad has others."""
    theirs = buy(membership_of(mallory, other), plan, quantity=3, now=now).subscription
    Company.objects.filter(pk=other.pk).update(country="DK", vat_number="DK13585628")

    report = run()

    assert report.nets == {"SEK": 2 * 44700}
    lines = BasisLine.objects.filter(reason="renewal").select_related("basis")
    told = {line.subscription_id: (line.basis.company_id, line.vat_category) for line in lines}
    assert told == {
        subscription.pk: (subscription.payer_id, "standard"),
        theirs.pk: (other.pk, "reverse_charge"),
    }
    renewed = Event.objects.filter(action="subscription.renewed")
    through = {event.company_id: event.data["through"] for event in renewed}
    assert through == {
        subscription.company_id: {str(subscription.pk): "2027-01-23"},
        other.pk: {str(theirs.pk): "2027-01-23"},
    }


def test_batch_asks_as_often_for_five_customers_as_for_one(
    subscription: Subscription, plan: Plan, now: datetime
) -> None:
    def bill() -> int:
        with CaptureQueriesContext(connection) as queries:
            run(LATER + timedelta(days=number), RENEWAL + timedelta(days=number))
        return len(queries)

    number = 0
    of_one = bill()
    for number, org_number in enumerate(
        ["5560360793", "5560747551", "5561234567", "5565475489", "5560125790"], start=1
    ):
        owner = make_user(email=f"p{number}@exempel.se", full_name=f"Pia {number}")
        company = make_company(name=f"Bolag {number} AB", owner=owner, org_number=org_number)
        buy(company.main_contact, plan, now=now)

    number = 1
    assert bill() == of_one
    assert BasisLine.objects.filter(reason="renewal").count() == 1 + 5
