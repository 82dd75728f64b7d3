"""Another plan, now or at the renewal, and what bases refer to."""

import uuid
from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from billing.models import BasisLine, InvoiceBasis, Plan, Subscription, SubscriptionChange
from billing.operations import (
    CancelledPlanError,
    NotForSaleError,
    PreviewChangedError,
    SamePlanError,
    cancel_subscription,
    change_plan,
    change_references,
    run_billing,
)
from billing.queries import list_subscription_rows, preview_plan
from companies.models import Company, Membership
from services.models import Service
from tests.billing.test_pages import SignIn, hidden_fields
from tests.factories.billing import buy, make_plan, set_seats
from tests.factories.companies import SYSTEM
from tests.factories.services import make_service

IN_TEN_DAYS = datetime(2026, 12, 3, 9, 30, tzinfo=UTC)


@pytest.fixture
def subscription(alice_in_acme: Membership, plan: Plan, now: datetime) -> Subscription:
    """3 seats at 149 kr, 23 November to 23 December."""
    return buy(alice_in_acme, plan, quantity=3, take_seat=True, now=now).subscription


@pytest.fixture
def portal(alice: User, sign_in: SignIn) -> Client:
    return sign_in(alice)


@pytest.fixture
def dearer(service: Service) -> Plan:
    return make_plan(service, code="proffs", name="Proffs", price="249.00")


@pytest.fixture
def cheaper(service: Service) -> Plan:
    return make_plan(service, code="liten", name="Liten", price="99.00")


@pytest.fixture
def flat(service: Service) -> Plan:
    return make_plan(service, code="alla", name="Alla", price="99.00", pricing="flat")


def change(
    subscription: Subscription, plan: Plan, *, wait: bool = False, now: datetime = IN_TEN_DAYS
) -> Subscription:
    subscription.refresh_from_db()
    return change_plan(
        subscription=subscription,
        plan=plan,
        wait=wait,
        preview_sha256=preview_plan(subscription, plan, wait=wait, at=now).sha256,
        request_key=uuid.uuid4(),
        actor=SYSTEM,
        now=now,
    )


def test_dearer_plan_begins_today_and_the_rest_of_the_old_is_credited(
    subscription: Subscription, plan: Plan, dearer: Plan, acme: Company
) -> None:
    changed = change(subscription, dearer)

    assert (changed.plan, changed.term, changed.billed_through) == (dearer, 1, date(2026, 12, 23))
    # 20 of 30 days: 447.00 - R(447 * 10 / 30) = 298.00 back, 747.00 - 249.00 = 498.00 instead.
    lines = BasisLine.objects.exclude(reason="new").order_by("position")
    assert [(line.reason, line.net_cents) for line in lines] == [
        ("credit", -298_00), ("change", 498_00),
    ]  # fmt: skip
    assert {line.change for line in lines} == {SubscriptionChange.objects.get(kind="change_plan")}
    [event] = Event.objects.for_company(acme.pk).filter(action="subscription.plan_changed")
    assert event.data["changes"] == {"plan": [plan.name, dearer.name]}
    assert event.data["net_cents"] == 200_00


def test_cheaper_plan_waits_for_the_renewal_and_can_be_taken_back(
    subscription: Subscription, plan: Plan, cheaper: Plan, acme: Company
) -> None:
    changed = change(subscription, cheaper)

    assert (changed.plan, changed.next_plan) == (plan, cheaper)
    assert BasisLine.objects.count() == 1
    [row] = list_subscription_rows(acme, at=IN_TEN_DAYS)
    assert (row.next_cents, row.may_change_plan) == (297_00, True)

    change(subscription, plan)
    subscription.refresh_from_db()
    assert subscription.next_plan is None


def test_plan_that_waited_is_billed_by_the_run(subscription: Subscription, dearer: Plan) -> None:
    change(subscription, dearer, wait=True)
    renewed = datetime(2026, 12, 23, 5, tzinfo=UTC)
    run_billing(as_of=date(2026, 12, 23), actor=SYSTEM, now=renewed)

    subscription.refresh_from_db()
    assert subscription.plan == dearer
    assert BasisLine.objects.get(reason="renewal").net_cents == 747_00


def test_leaving_a_flat_plan_gives_a_seat_to_everybody_who_has_one(
    alice_in_acme: Membership, flat: Plan, plan: Plan, now: datetime
) -> None:
    subscription = buy(alice_in_acme, flat, take_seat=True, now=now).subscription
    assert subscription.entitlement.seat_limit is None

    changed = change(subscription, plan)

    assert (changed.plan, changed.quantity) == (plan, 1)
    changed.entitlement.refresh_from_db()
    assert changed.entitlement.seat_limit == 1


def test_going_to_a_flat_plan_lifts_the_limit(subscription: Subscription, flat: Plan) -> None:
    flat.prices.update(unit_price=999)
    change(subscription, flat)

    subscription.entitlement.refresh_from_db()
    assert subscription.entitlement.seat_limit is None


def test_plans_that_cannot_be_had_are_refused(
    subscription: Subscription, plan: Plan, dearer: Plan, cheaper: Plan, now: datetime
) -> None:
    foreign = make_plan(make_service(slug="annan", name="Annan"), code="annan")
    Plan.objects.filter(pk=cheaper.pk).update(is_offered=False)

    def refuse(wanted: Plan, error: type[Exception]) -> None:
        with pytest.raises(error):
            change_plan(
                subscription=subscription, plan=wanted, wait=False, preview_sha256="",
                request_key=uuid.uuid4(), actor=SYSTEM, now=now,
            )  # fmt: skip

    refuse(plan, SamePlanError)
    refuse(foreign, NotForSaleError)
    refuse(cheaper, NotForSaleError)
    cancel_subscription(subscription=subscription, actor=SYSTEM, now=now)
    refuse(dearer, CancelledPlanError)
    assert BasisLine.objects.count() == 1


def test_preview_that_no_longer_holds_changes_nothing(
    subscription: Subscription, dearer: Plan
) -> None:
    seen = preview_plan(subscription, dearer, wait=False, at=IN_TEN_DAYS).sha256
    set_seats(subscription, 4, now=IN_TEN_DAYS)

    with pytest.raises(PreviewChangedError):
        change_plan(
            subscription=subscription, plan=dearer, wait=False, preview_sha256=seen,
            request_key=uuid.uuid4(), actor=SYSTEM, now=IN_TEN_DAYS,
        )  # fmt: skip

    subscription.refresh_from_db()
    assert subscription.plan.code == "bokforing-bas"


def test_same_form_twice_changes_once(subscription: Subscription, dearer: Plan) -> None:
    seen = preview_plan(subscription, dearer, wait=False, at=IN_TEN_DAYS).sha256
    key = uuid.uuid4()
    for _time in range(2):
        change_plan(
            subscription=subscription, plan=dearer, wait=False, preview_sha256=seen,
            request_key=key, actor=SYSTEM, now=IN_TEN_DAYS,
        )  # fmt: skip

    assert BasisLine.objects.count() == 3


def test_plan_is_changed_by_form_preview_and_confirmation(
    portal: Client, acme: Company, subscription: Subscription, dearer: Plan
) -> None:
    url = reverse("billing:plan", args=[acme.pk, subscription.pk])
    assert "Proffs" in portal.get(url).content.decode()
    assert portal.post(url, {}).status_code == 422
    assert portal.post(url, {"plan": "okänd"}).status_code == 422
    preview = portal.post(url, {"plan": "proffs"})
    assert preview.status_code == 200
    back = portal.post(url, hidden_fields(preview))
    assert back.status_code == 200
    form = back.context["form"]
    assert (form["plan"].value(), bool(form["wait"].value())) == ("proffs", False)

    confirm = reverse("billing:confirm_plan", args=[acme.pk, subscription.pk])
    assert portal.post(confirm, {"plan": "proffs"}).status_code == 422
    done = portal.post(confirm, hidden_fields(preview))

    assert done.status_code == 302
    subscription.refresh_from_db()
    assert subscription.plan == dearer


def test_references_are_on_coming_bases(
    portal: Client, acme: Company, subscription: Subscription
) -> None:
    url = reverse("billing:references", args=[acme.pk, subscription.pk])
    assert portal.get(url).status_code == 200
    assert portal.post(url, {"po_number": "x" * 41}).status_code == 422

    done = portal.post(url, {"po_number": "PO-7", "reference": "Kajsa"})
    run_billing(
        as_of=subscription.billed_through, actor=SYSTEM, now=datetime(2027, 1, 23, 5, tzinfo=UTC)
    )

    assert done.status_code == 302
    assert InvoiceBasis.objects.order_by("billing_date").values_list("po_number", flat=True)[1] == (
        "PO-7"
    )
    [event] = Event.objects.for_company(acme.pk).filter(action="subscription.references_changed")
    assert event.data == {"fields": ["po_number", "reference"]}, "a reference may be a name"
    assert event.personal.data["changes"] == {
        "po_number": ["", "PO-7"], "reference": ["", "Kajsa"],
    }  # fmt: skip


def test_subscription_gets_a_basis_of_its_own_when_asked(
    portal: Client, acme: Company, subscription: Subscription, alice_in_acme: Membership
) -> None:
    other = make_plan(make_service(slug="lon", name="Lön"), code="lon")
    buy(alice_in_acme, other, now=timezone.now())
    url = reverse("billing:references", args=[acme.pk, subscription.pk])
    shared = {"po_number": "", "reference": ""}

    portal.post(url, {**shared, "has_own_basis": "on"})
    assert 'name="has_own_basis"' in portal.get(url).content.decode()
    run_at = datetime(2027, 1, 25, 5, tzinfo=UTC)
    run_billing(as_of=date(2027, 1, 25), actor=SYSTEM, now=run_at)

    renewed = BasisLine.objects.filter(reason="renewal")
    mine = renewed.filter(subscription=subscription).values_list("basis__split_by", flat=True)
    assert set(mine) == {str(subscription.pk)}
    assert not renewed.exclude(subscription=subscription).exclude(basis__split_by="").exists()
    [event] = Event.objects.for_company(acme.pk).filter(action="subscription.references_changed")
    assert event.data == {"fields": ["consolidate"]}
    portal.post(url, shared)
    subscription.refresh_from_db()
    assert subscription.consolidate


def test_references_that_stay_are_no_event(subscription: Subscription, now: datetime) -> None:
    change_references(subscription=subscription, po_number="", reference="", actor=SYSTEM, now=now)

    assert not Event.objects.filter(action="subscription.references_changed").exists()
