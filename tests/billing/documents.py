"""Bases that were never saved, of any shape that the engine can make, for what is rendered."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from billing import engine
from billing.engine.periods import part_cents
from billing.models import BasisLine, InvoiceBasis, Plan, Subscription, VatTotal
from billing.operations import Charge, gather
from billing.queries import BasisPage, list_lines
from companies.models import Company
from vop.lib.db import use_case
from vop.lib.money import from_cents, to_cents

SELLER: dict[str, Any] = {
    "name": "vop AB", "org_number": "5599990013", "vat_number": "SE559999001301",
    "street": "Storgatan 1", "postcode": "111 22", "city": "Stockholm", "country": "SE",
    "email": "faktura@vop.example", "bankgiro": "991-2346", "payment_days": 30,
    "series_prefix": "U",
}  # fmt: skip
CUSTOMER: dict[str, Any] = {
    "name": "Acme AB", "org_number": "556016-0680", "vat_number": "SE556016068001",
    "country": "SE", "recipient": "Ekonomi", "street": "Gatan 2", "postcode": "222 33",
    "city": "Lund", "invoice_country": "SE", "email": "faktura@acme.example", "reference": "",
}  # fmt: skip
FINNISH = CUSTOMER | {
    "name": "Suomi Oy", "org_number": "1234567-1", "vat_number": "FI12345671", "country": "FI",
    "invoice_country": "FI",
}  # fmt: skip
NORWEGIAN = CUSTOMER | {
    "name": "Norge AS", "org_number": "923 609 016", "vat_number": "", "country": "NO",
    "invoice_country": "NO",
}  # fmt: skip
DANISH = CUSTOMER | {
    "name": "Danmark ApS", "org_number": "13585628", "vat_number": "DK13585628", "country": "DK",
    "invoice_country": "DK",
}  # fmt: skip
DAY = date(2026, 11, 25)


@dataclass(frozen=True)
class Sold:
    """A line to be: days [a, b) of a period of n, at a price for each of some units."""

    quantity: int = 3
    unit_price: str = "149"
    days: tuple[int, int, int] = (0, 30, 30)
    rate: str = "25"
    category: engine.VatCategory = engine.VatCategory.STANDARD
    is_credit: bool = False
    text: str = "Bokföring, Bas"


def make_page(
    *sold: Sold,
    currency: str = "SEK",
    seller: dict[str, Any] = SELLER,
    customer: dict[str, Any] = CUSTOMER,
    po_number: str = "",
    fx_rate: str = "",
) -> BasisPage:
    """A basis as it would be approved, added up by the engine."""
    basis = InvoiceBasis(
        company=Company(name=customer["name"]),
        billing_date=DAY,
        currency=currency,
        state=InvoiceBasis.State.APPROVED,
        series="U2026",
        number=17,
        seller_snapshot=seller,
        customer_snapshot=customer,
        content_sha256="a" * 64,
        po_number=po_number,
    )
    lines = [_make_line(basis, position, one) for position, one in enumerate(sold or [Sold()], 1)]
    totals = engine.total([line.as_terms() for line in lines], currency)
    basis.kind = totals.kind
    basis.net_cents, basis.vat_cents = totals.net_cents, totals.vat_cents
    basis.rounding_cents, basis.payable_cents = totals.rounding_cents, totals.payable_cents
    if fx_rate:
        basis.fx_rate, basis.fx_date, basis.fx_source = Decimal(fx_rate), DAY, "Riksbanken"
        basis.vat_sek_cents = to_cents(from_cents(totals.vat_cents) * basis.fx_rate)
    parts = [
        VatTotal(
            basis=basis,
            category=part.category.value,
            rate=part.rate,
            base_cents=part.base_cents,
            vat_cents=part.vat_cents,
        )
        for part in totals.vat
    ]
    return BasisPage(basis, lines, parts)


def _make_line(basis: InvoiceBasis, position: int, sold: Sold) -> BasisLine:
    first, end, length = sold.days
    anchored = engine.Period(DAY, DAY + timedelta(days=length))
    period = engine.Period(DAY + timedelta(days=first), DAY + timedelta(days=end))
    sign = -1 if sold.is_credit else 1
    price = Decimal(sold.unit_price)
    return BasisLine(
        basis=basis,
        position=position,
        subscription=Subscription(company=basis.company),
        plan=Plan(code="bas", currency=basis.currency),
        price_id=uuid.uuid4(),
        reason="credit" if sold.is_credit else "renewal",
        period_start=period.start,
        period_end=period.end,
        anchored_start=anchored.start,
        anchored_end=anchored.end,
        quantity=sign * sold.quantity,
        unit_price=price,
        net_cents=sign * part_cents(price * sold.quantity, period, anchored),
        vat_category=sold.category.value,
        vat_rate=Decimal(sold.rate),
        text=sold.text,
        cause="renewal",
        cause_on=DAY,
    )


def credit_the_rest(charged: InvoiceBasis, *, now: datetime) -> InvoiceBasis:
    """A draft that gives back everything on a saved basis."""
    [line] = list_lines(charged)
    cause = engine.Cause("cancel", line.period_start)
    credit = engine.Standing(line.as_terms(), line.period_end).credit_from(line.period_start, cause)
    charge = Charge.of(
        line.subscription,
        payer=charged.company,
        currency=charged.currency,
        lines=[credit],
        change_id=line.change_id,
    )
    plans = {line.plan.code: line.plan}
    bases = use_case(gather)([charge], plans=plans, billing_date=charged.billing_date, now=now)
    return bases[charge.key]


@st.composite
def sales(draw: st.DrawFn) -> Sequence[Sold]:
    """Lines of any shape at the Swedish rates, charges and credits mixed."""
    return draw(st.lists(_lines(), min_size=1, max_size=8))


@st.composite
def _lines(draw: st.DrawFn) -> Sold:
    length = draw(st.integers(1, 366))
    first = draw(st.integers(0, length - 1))
    price = draw(st.decimals("0", "99999", places=4))
    return Sold(
        quantity=draw(st.integers(1, 10_000)),
        unit_price=str(price),
        days=(first, draw(st.integers(first + 1, length)), length),
        rate=draw(st.sampled_from(["25", "12", "6"])),
        is_credit=draw(st.booleans()),
    )
