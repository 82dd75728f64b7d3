import uuid
from datetime import date, datetime
from decimal import Decimal

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from billing.models import BasisLine, InvoiceBasis, Order, Plan, Subscription
from billing.operations import (
    NoSellerError,
    NotForSaleError,
    PreviewChangedError,
    buy_plan,
    set_price,
)
from billing.queries import preview_order
from companies.models import Company, Membership
from services.access import Access, effective_access
from services.models import Entitlement, Service
from services.operations import AlreadyEntitledError
from tests.factories.billing import buy, make_plan, make_terms, make_vat_rate
from tests.factories.companies import SYSTEM
from tests.factories.services import entitle, make_service
from vop.lib import jobs


def test_purchase_gives_subscription_access_line_events_and_mail(
    alice: User, acme: Company, alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    order = buy(alice_in_acme, plan, quantity=3, take_seat=True, now=now)

    subscription = order.subscription
    assert (subscription.quantity, subscription.paid_quantity) == (3, 3)
    assert subscription.billed_through == date(2026, 12, 23)
    basis = InvoiceBasis.objects.get()
    assert (basis.company, basis.billing_date, basis.state) == (acme, date(2026, 11, 23), "draft")
    assert (basis.net_cents, basis.vat_cents) == (44700, 11175)
    assert (basis.rounding_cents, basis.payable_cents) == (25, 55900)
    line = BasisLine.objects.get()
    assert (line.reason, line.quantity, line.net_cents) == ("new", 3, 44700)
    assert (line.period_start, line.period_end) == (date(2026, 11, 23), date(2026, 12, 23))
    assert line.change is not None
    assert line.change.kind == "subscribe"
    assert isinstance(effective_access(alice, acme, plan.service, now), Access)
    assert Entitlement.objects.get().seat_limit == 3
    told = Event.objects.for_company(acme.pk).values_list("action", flat=True)
    assert {"order.placed", "subscription.created", "basis.created", "service.activated"} <= set(
        told
    )
    jobs.run_all(now=timezone.now())
    assert [message.to for message in mail.outbox] == [[alice.email]], "its main contact, once"


def test_purchase_costs_what_was_previewed(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    preview = preview_order(alice_in_acme.company, plan, 7, at=now)

    order = buy(alice_in_acme, plan, quantity=7, now=now)

    basis = InvoiceBasis.objects.get()
    assert basis.payable_cents == preview.now.payable_cents
    assert order.preview["now"]["payable_cents"] == basis.payable_cents
    assert preview.renews_on == order.subscription.billed_through


def test_second_click_finds_the_first_order(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    key = uuid.uuid4()

    first = buy(alice_in_acme, plan, now=now, request_key=key)
    second = buy(alice_in_acme, plan, now=now, request_key=key)

    assert first == second
    assert Order.objects.count() == Subscription.objects.count() == BasisLine.objects.count() == 1


def test_price_changed_meanwhile_is_told(
    alice: User, acme: Company, plan: Plan, now: datetime
) -> None:
    shown = preview_order(acme, plan, 3, at=now).sha256
    set_price(
        plan=plan,
        unit_price=Decimal("159.00"),
        valid_from=date(2026, 11, 23),
        existing_from=None,
        actor=SYSTEM,
        now=now,
    )

    with pytest.raises(PreviewChangedError):
        buy_plan(
            company=acme,
            plan=plan,
            quantity=3,
            buyer=alice,
            preview_sha256=shown,
            request_key=uuid.uuid4(),
            actor=SYSTEM,
            now=now,
        )

    assert not Order.objects.exists()
    assert not Event.objects.filter(action="order.placed").exists()


def test_service_that_the_company_has_is_not_sold_again(
    acme: Company, alice_in_acme: Membership, plan: Plan, service: Service, now: datetime
) -> None:
    entitle(acme, service)

    with pytest.raises(AlreadyEntitledError):
        buy(alice_in_acme, plan, now=now)

    assert not Subscription.objects.exists()


def test_plan_withdrawn_meanwhile_is_not_sold(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    Plan.objects.filter(pk=plan.pk).update(is_offered=False)

    with pytest.raises(NotForSaleError):
        buy(alice_in_acme, plan, now=now)


def test_nothing_is_sold_without_a_seller(
    db: None, alice_in_acme: Membership, now: datetime
) -> None:
    make_vat_rate()
    make_terms()
    plan = make_plan(make_service())

    with pytest.raises(NoSellerError):
        buy(alice_in_acme, plan, now=now)

    assert not Order.objects.exists()


def test_trial_charges_nothing_and_renews_when_it_ends(
    alice_in_acme: Membership, service: Service, now: datetime
) -> None:
    plan = make_plan(service, code="prova", trial_days=30)

    order = buy(alice_in_acme, plan, now=now)

    assert not InvoiceBasis.objects.exists()
    assert order.subscription.trial_until == date(2026, 12, 23)
    assert order.subscription.billed_through == date(2026, 12, 23)
    assert order.preview["at_renewal"]["net_cents"] == 44700


def test_two_purchases_of_a_day_share_a_basis(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    other = make_plan(
        make_service(slug="lon", name="Lön"), code="lon", price="99.90", pricing="flat"
    )

    buy(alice_in_acme, plan, quantity=1, now=now)
    order = buy(alice_in_acme, other, quantity=1, now=now)

    basis = InvoiceBasis.objects.get()
    assert list(basis.lines.values_list("position", "net_cents").order_by("position")) == [
        (1, 14900),
        (2, 9990),
    ]
    assert (basis.net_cents, basis.vat_cents, basis.payable_cents) == (24890, 6223, 31100)
    assert order.subscription.entitlement.seat_limit is None
