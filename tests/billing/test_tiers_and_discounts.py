"""Tiers and discounts from the catalogue to the basis, in the database."""

import hashlib
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from auditlog.models import Event
from billing import engine
from billing.models import BasisLine, Discount, InvoiceBasis, Plan, Subscription, VatRate
from billing.operations import (
    BadAmountError,
    BadDateError,
    BadTiersError,
    OverlappingDiscountError,
    approve_basis,
    end_discount,
    run_billing,
    set_discount,
    set_price,
)
from billing.queries import get_basis_page
from billing.rendering import describe_content, hash_content
from companies.models import Membership
from services.models import Service
from tests.factories.billing import buy, make_plan, set_seats
from tests.factories.companies import SYSTEM
from vop.lib.clock import local_date

TIERS = (engine.Tier(5, Decimal("99.00")), engine.Tier(20, Decimal("79.00")))
A_DAY = timedelta(days=1)


@pytest.fixture
def tiered(service: Service) -> Plan:
    """490 kr with 5 seats, 99 kr for each up to the 20th, 79 kr for each further."""
    return make_plan(service, code="niva", price="490.00", pricing="tiered", tiers=TIERS)


def give(of: Plan | Subscription, *, now: datetime, **facts: Any) -> Discount:
    today = local_date(now)
    asked = {
        "name": "Höst", "kind": "percent", "value": Decimal(25), "valid_from": today,
        "valid_to": today + timedelta(days=90), **facts,
    }  # fmt: skip
    return set_discount(of=of, **asked, actor=SYSTEM, now=now)


def test_tiered_purchase_and_added_seats_are_billed_by_tier(
    alice_in_acme: Membership, tiered: Plan
) -> None:
    now = timezone.now()
    order = buy(alice_in_acme, tiered, quantity=7, now=now)
    set_seats(order.subscription, 22, now=now)

    lines = BasisLine.objects.in_order().values_list("quantity", "seats", "net_cents")
    assert list(lines) == [(1, 7, 688_00), (1, 15, 13 * 99_00 + 2 * 79_00)]
    order.subscription.entitlement.refresh_from_db()
    assert order.subscription.entitlement.seat_limit == 22


def test_discount_of_the_plan_is_on_the_basis_and_in_its_hash(
    alice_in_acme: Membership, plan: Plan
) -> None:
    now = timezone.now()
    discount = give(plan, now=now)
    buy(alice_in_acme, plan, quantity=2, now=now)

    line = BasisLine.objects.select_related("discount").get()
    assert (line.net_cents, line.discount_cents, line.discount) == (223_50, 74_50, discount)
    basis = approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)
    page = get_basis_page(basis)
    assert hash_content(page) == basis.content_sha256
    assert describe_content(page)["lines"][0]["discount_cents"] == 74_50


def test_own_discount_lasts_until_its_end_and_added_seats_have_it(
    alice_in_acme: Membership, plan: Plan
) -> None:
    now = timezone.now()
    subscription = buy(alice_in_acme, plan, quantity=2, now=now).subscription
    renews = subscription.billed_through
    give(
        subscription, now=now, kind="amount", value=Decimal(100), valid_from=renews,
        valid_to=renews + A_DAY,
    )  # fmt: skip
    at = now + timedelta(days=(renews - local_date(now)).days)
    run_billing(as_of=renews, actor=SYSTEM, now=at)
    subscription.refresh_from_db()
    set_seats(subscription, 3, now=at)
    following = subscription.billed_through
    run_billing(as_of=following, actor=SYSTEM, now=at + (following - renews))

    nets = BasisLine.objects.order_by("period_start", "position").values_list(
        "net_cents", "discount_cents"
    )
    # 298 - 100, then one seat beside what is taken off already, then without.
    assert list(nets) == [(298_00, None), (198_00, 100_00), (149_00, 0), (447_00, None)]


def test_discount_is_told_to_the_company_it_is_for(alice_in_acme: Membership, plan: Plan) -> None:
    now = timezone.now()
    subscription = buy(alice_in_acme, plan, now=now).subscription
    discount = give(subscription, now=now)

    event = Event.objects.get(action="discount.set")
    assert (event.company_id, event.target_id) == (alice_in_acme.company_id, str(discount.pk))


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"valid_from": date(2020, 1, 1)}, BadDateError),
        ({"valid_to": date(2020, 1, 1)}, BadDateError),
        ({"value": Decimal(0)}, BadAmountError),
        ({"value": Decimal("100.01")}, BadAmountError),
        ({}, OverlappingDiscountError),
    ],
)
def test_discount_that_makes_no_sense_is_refused(
    plan: Plan, facts: dict[str, Any], error: type[Exception]
) -> None:
    now = timezone.now()
    give(plan, now=now)

    with pytest.raises(error):
        give(plan, now=now, **facts)

    assert Discount.objects.count() == 1


def test_ended_discount_leaves_room_for_another(plan: Plan) -> None:
    now = timezone.now()
    coming = give(plan, now=now, valid_from=local_date(now) + timedelta(days=10))

    ended = end_discount(discount=coming, actor=SYSTEM, now=now)

    assert ended.valid_to == ended.valid_from
    give(plan, now=now)
    with pytest.raises(BadDateError):
        end_discount(discount=ended, actor=SYSTEM, now=now)


def test_database_refuses_overlapping_discounts_and_rates(plan: Plan) -> None:
    now = timezone.now()
    discount = give(plan, now=now)
    rate = VatRate.objects.get()

    for row in (discount, rate):
        copy = type(row).objects.get(pk=row.pk)
        copy.pk, copy.valid_from = None, row.valid_from + A_DAY
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)
    later = Discount.objects.create(
        plan=plan, name="Sen", kind="amount", value=1, created_at=now,
        valid_from=discount.valid_to, valid_to=discount.valid_to + A_DAY,
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        Discount.objects.filter(pk=later.pk).update(valid_from=discount.valid_from)


@pytest.mark.parametrize(
    ("code", "tiers"),
    [
        ("niva", ()),
        ("niva", (TIERS[1], TIERS[0])),
        ("niva", (TIERS[0], TIERS[0])),
        ("bokforing-bas", TIERS),
    ],
)
def test_tiers_that_make_no_sense_are_refused(
    plan: Plan, tiered: Plan, code: str, tiers: tuple[engine.Tier, ...]
) -> None:
    now = timezone.now()

    with pytest.raises(BadTiersError):
        set_price(
            plan=Plan.objects.get(code=code),
            unit_price=Decimal(1),
            valid_from=local_date(now),
            existing_from=None,
            tiers=tiers,
            actor=SYSTEM,
            now=now,
        )


def test_line_of_shared_content_is_hashed_as_it_is_told(
    alice_in_acme: Membership, plan: Plan
) -> None:
    """A run writes most of a line's JSON once; the bytes are those of the whole."""
    now = timezone.now()
    order = buy(alice_in_acme, plan, quantity=2, now=now)
    give(order.subscription, now=now, name='"lines":[] \\u0000line')
    set_seats(order.subscription, 5, now=now)
    basis = approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)
    page = get_basis_page(basis)

    told = describe_content(page)
    del told["series"], told["number"]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == basis.body_sha256
