import uuid
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from billing import engine
from billing.models import (
    TOLD_AHEAD,
    BasisLine,
    InvoiceBasis,
    Order,
    Plan,
    RenewalNotice,
    Seller,
    Subscription,
    Terms,
    VatRate,
)
from billing.operations import (
    PlanFacts,
    SellerFacts,
    TermsFacts,
    buy_plan,
    change_seats,
    publish_terms,
    save_plan,
    save_seller,
    set_price,
    set_vat_rate,
)
from billing.queries import preview_order, preview_seats
from companies.models import Company, Membership
from services.models import Service
from tests.factories.companies import LONG_AGO, SYSTEM


def make_seller(*, now: datetime = LONG_AGO) -> Seller:
    """Who sells."""
    facts = SellerFacts(
        name="vop AB",
        org_number="559999-0013",
        vat_number="SE559999001301",
        street="Storgatan 1",
        postcode="111 22",
        city="Stockholm",
        email="faktura@vop.example",
    )
    make_terms(now=now)
    return save_seller(facts=facts, actor=SYSTEM, now=now)


def make_terms(
    version: str = "2020-01", *, valid_from: date = date(2020, 1, 1), now: datetime = LONG_AGO
) -> Terms:
    """Terms of sale; those that there are already stay."""
    found = Terms.objects.filter(version=version).first()
    facts = TermsFacts(version, "Villkor på svenska.", "Terms in English.", valid_from)
    return found or publish_terms(facts=facts, actor=SYSTEM, now=now)


def make_vat_rate(
    *,
    rate: str = "25",
    country: str = "SE",
    vat_class: str = "standard",
    valid_from: date = date(1990, 7, 1),
    valid_to: date | None = None,
) -> VatRate:
    """A VAT rate; Sweden's standard unless told otherwise."""
    return set_vat_rate(
        vat_class=vat_class,
        country=country,
        rate=Decimal(rate),
        valid_from=valid_from,
        valid_to=valid_to,
        actor=SYSTEM,
        now=LONG_AGO,
    )


def make_plan(
    service: Service,
    *,
    code: str = "bokforing-bas",
    name: str = "Bas",
    price: str | None = "149.00",
    interval: str = "month",
    pricing: str = "per_unit",
    trial_days: int = 0,
    tiers: Sequence[engine.Tier] = (),
    now: datetime = LONG_AGO,
) -> Plan:
    """A plan with one price, from before anything else happened."""
    facts = PlanFacts(
        service=service,
        code=code,
        name=name,
        interval=interval,
        pricing=pricing,
        trial_days=trial_days,
    )
    plan = save_plan(facts=facts, actor=SYSTEM, now=now)
    if price is not None:
        set_price(
            plan=plan,
            unit_price=Decimal(price),
            valid_from=date(2020, 1, 1),
            existing_from=None,
            tiers=tiers,
            actor=SYSTEM,
            now=now,
        )
    return plan


def buy(
    membership: Membership,
    plan: Plan,
    *,
    quantity: int = 3,
    now: datetime,
    take_seat: bool = False,
    told: bool = True,
    request_key: uuid.UUID | None = None,
) -> Order:
    """A purchase as its member makes it: previewed, then confirmed; renewals are told of."""
    company: Company = membership.company
    order = buy_plan(
        company=company,
        plan=plan,
        quantity=quantity,
        buyer=membership.user,
        seat_for=membership if take_seat else None,
        preview_sha256=preview_order(company, plan, quantity, at=now).sha256,
        request_key=request_key or uuid.uuid4(),
        actor=SYSTEM,
        now=now,
    )
    if told:
        tell_of_all_renewals(order.subscription, now=now)
    return order


def tell_of_all_renewals(subscription: Subscription, *, now: datetime) -> None:
    """Notices of two years' renewals, as if they had all gone out: runs may renew it."""
    for month in range(1, 25):
        RenewalNotice.objects.get_or_create(
            subscription=subscription,
            renews_on=engine.boundary(subscription.anchor, 1, month),
            days_ahead=7,
            defaults={
                "quantity": subscription.quantity,
                "net_cents": 0,
                "told": [],
                "sent_at": now - TOLD_AHEAD,
            },
        )


def set_seats(subscription: Subscription, quantity: int, *, now: datetime) -> Subscription:
    """Another number of seats: previewed, then confirmed."""
    return change_seats(
        subscription=subscription,
        quantity=quantity,
        preview_sha256=preview_seats(subscription, quantity, at=now).sha256,
        request_key=uuid.uuid4(),
        actor=SYSTEM,
        now=now,
    )


def copy_line(basis: InvoiceBasis, times: int) -> None:
    """More lines on a draft that has one, as if something had been changed again and again."""
    line = basis.lines.get()
    fields = {field.attname: getattr(line, field.attname) for field in BasisLine._meta.fields}
    fields["reason"] = "change"
    BasisLine.objects.bulk_create(
        BasisLine(**{**fields, "id": uuid.uuid4(), "position": line.position + more})
        for more in range(1, times + 1)
    )
