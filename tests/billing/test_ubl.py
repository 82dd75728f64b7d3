"""UBL by the rules of EN 16931 and Peppol, and by what those rules don't see."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from billing import engine
from billing.models import InvoiceBasis, Plan, Seller
from billing.operations import approve_basis
from billing.queries import get_basis_page, list_credited
from billing.rendering import describe_seller, payment_reference, render_ubl
from companies.models import Membership
from tests.billing.documents import (
    CUSTOMER,
    DANISH,
    DAY,
    FINNISH,
    NORWEGIAN,
    SELLER,
    Sold,
    credit_the_rest,
    make_page,
    sales,
)
from tests.billing.einvoice import find_faults
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM
from vop.lib.giro import has_length_digit, parse_ocr

CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
NO_ADDRESS = {"street": "", "city": "", "postcode": "", "invoice_country": ""}
REVERSE = engine.VatCategory.REVERSE_CHARGE


def read(document: bytes, path: str) -> Sequence[str]:
    """The texts at a path such as cac:TaxTotal/cbc:TaxAmount."""
    steps = path.replace("cbc:", CBC).replace("cac:", CAC)
    return [element.text or "" for element in etree.fromstring(document).iterfind(steps)]


def read_amount(document: bytes, path: str) -> Decimal:
    [text] = read(document, path)
    return Decimal(text)


@pytest.mark.parametrize(
    "sold",
    [
        [Sold()],
        [Sold(rate="25"), Sold(rate="12"), Sold(rate="6")],
        [Sold(quantity=7, unit_price="29.95", days=(13, 30, 30))],
        [Sold(quantity=7, unit_price="17.1143", days=(0, 1, 1))],
        [Sold(), Sold(quantity=1, days=(10, 30, 30), is_credit=True)],
        [Sold(is_credit=True)],
        [Sold(is_credit=True, days=(11, 28, 30)), Sold(quantity=1)],
        [Sold(unit_price="0")],
        [Sold(text="<Löner> & \x0btid")],
    ],
)
def test_swedish_basis_keeps_every_rule(sold: Sequence[Sold]) -> None:
    assert find_faults(render_ubl(make_page(*sold), [])) == []


@pytest.mark.parametrize(
    ("customer", "sold", "currency"),
    [
        (FINNISH, Sold(rate="0", category=REVERSE), "SEK"),
        (FINNISH, Sold(rate="0", category=REVERSE, is_credit=True), "EUR"),
        (DANISH, Sold(rate="0", category=REVERSE), "DKK"),
        (NORWEGIAN, Sold(rate="0"), "NOK"),
        (CUSTOMER, Sold(rate="0"), "SEK"),
        (CUSTOMER | {"vat_number": "", "recipient": "", "email": ""}, Sold(), "SEK"),
        (CUSTOMER | NO_ADDRESS, Sold(), "SEK"),
    ],
)
def test_every_kind_of_customer_keeps_every_rule(
    customer: dict[str, str], sold: Sold, currency: str
) -> None:
    document = render_ubl(make_page(sold, customer=customer, currency=currency), [])

    assert find_faults(document) == []


def test_basis_from_before_there_were_terms_keeps_every_rule() -> None:
    old = {name: SELLER[name] for name in SELLER if name not in {"bankgiro", "payment_days"}}
    document = render_ubl(make_page(seller=old), [])

    assert find_faults(document) == []
    assert read(document, "cbc:DueDate") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sales())
def test_any_basis_keeps_every_rule_and_adds_up_to_the_ore(sold: Sequence[Sold]) -> None:
    """The official rules let VAT be wrong by up to a krona; this doesn't."""
    page = make_page(*sold)
    document = render_ubl(page, [])

    assert find_faults(document) == []
    line = "CreditNote" if page.basis.kind == "credit" else "Invoice"
    nets = map(Decimal, read(document, f"cac:{line}Line/cbc:LineExtensionAmount"))
    sums = "cac:LegalMonetaryTotal/cbc:"
    assert sum(nets) == read_amount(document, f"{sums}LineExtensionAmount")
    part = "cac:TaxTotal/cac:TaxSubtotal/"
    bases, vats, rates = (
        [Decimal(text) for text in read(document, f"{part}{name}")]
        for name in ("cbc:TaxableAmount", "cbc:TaxAmount", "cac:TaxCategory/cbc:Percent")
    )
    assert vats == [
        (base * rate / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        for base, rate in zip(bases, rates, strict=True)
    ]
    gross = read_amount(document, f"{sums}TaxInclusiveAmount")
    assert gross == sum(bases) + sum(vats)
    payable = read_amount(document, f"{sums}PayableAmount")
    assert abs(payable - gross) <= Decimal("0.50")
    assert payable == int(payable)


def test_same_basis_gives_the_same_bytes() -> None:
    page = make_page(Sold(), Sold(rate="6"))

    assert render_ubl(page, []) == render_ubl(page, [])


def test_part_of_a_period_is_one_price_for_all_seats() -> None:
    """7 x 17.11 isn't 119.80: Peppol refuses more than two öre of difference (R120)."""
    document = render_ubl(make_page(Sold(quantity=7, unit_price="29.95", days=(13, 30, 30))), [])

    assert read(document, "cac:InvoiceLine/cbc:InvoicedQuantity") == ["7"]
    assert read(document, "cac:InvoiceLine/cac:Price/cbc:PriceAmount") == ["118.8"]
    assert read(document, "cac:InvoiceLine/cac:Price/cbc:BaseQuantity") == ["7"]


def test_invoice_says_where_and_when_to_pay() -> None:
    document = render_ubl(make_page(), [])
    [reference] = read(document, "cac:PaymentMeans/cbc:PaymentID")

    assert read(document, "cbc:DueDate") == [str(DAY + timedelta(days=30))]
    assert read(document, "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID") == ["9912346"]
    assert parse_ocr(reference) == reference
    assert has_length_digit(reference)
    assert reference.startswith("3020260000017")  # U is 30, as in IBAN; then year and number


def test_series_too_long_for_an_ocr_has_none() -> None:
    basis = make_page().basis
    basis.series = "LANGNAMN2026"

    assert payment_reference(basis) == ""


def test_order_number_and_reference_come_through() -> None:
    with_order = render_ubl(make_page(po_number="PO-17"), [])
    assert find_faults(with_order) == []
    referred = render_ubl(make_page(customer=CUSTOMER | {"reference": "Eva, ekonomi"}), [])
    neither = render_ubl(make_page(), [])

    assert read(with_order, "cac:OrderReference/cbc:ID") == ["PO-17"]
    assert read(referred, "cbc:BuyerReference") == ["Eva, ekonomi"]
    assert read(neither, "cbc:BuyerReference") == ["556016-0680"]


@pytest.mark.parametrize("is_credit", [False, True])
def test_vat_in_another_currency_is_told_in_sek_too(is_credit: bool) -> None:  # noqa: FBT001
    sold = Sold(unit_price="10", is_credit=is_credit)
    document = render_ubl(make_page(sold, currency="EUR", fx_rate="11.05"), [])

    assert find_faults(document) == []
    assert read(document, "cbc:TaxCurrencyCode") == ["SEK"]
    assert read(document, "cac:TaxTotal/cbc:TaxAmount") == ["7.50", "82.88"]


def test_credit_has_positive_amounts_and_names_what_it_credits(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, quantity=3, now=now)
    charged = approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)
    credit = approve_basis(basis=credit_the_rest(charged, now=now), actor=SYSTEM, now=now)

    document = render_ubl(get_basis_page(credit), list_credited(credit))

    assert find_faults(document) == []
    [named] = read(document, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID")
    assert named == charged.label
    assert read_amount(document, "cac:LegalMonetaryTotal/cbc:PayableAmount") == Decimal(559)


def drop(pattern: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, "", text, count=1, flags=re.DOTALL)


def change(pattern: str, to: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, to, text, count=1, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (drop("<cbc:BuyerReference>.*?</cbc:BuyerReference>"), "PEPPOL-EN16931-R003"),
        (drop("<cac:InvoiceLine>.*</cac:InvoiceLine>"), "XSD"),
        (change("112.00|111.75", "999.00"), "BR-CO-"),
        (change('"SEK">149<', '"SEK">150<'), "PEPPOL-EN16931-R120"),
        (change(">9912346<", ">991234<"), "SE-R-00"),
        (change(">25<", ">24<"), "SE-R-006"),
        (change("<cbc:IssueDate>2026-11-25</cbc:IssueDate>", ""), "XSD"),
    ],
)
def test_judge_sees_what_is_wrong(spoil: Callable[[str], str], rule: str) -> None:
    document = spoil(render_ubl(make_page(), []).decode())

    assert any(rule in fault for fault in find_faults(document.encode()))


def test_seller_of_these_tests_is_like_a_real_one(seller: Seller) -> None:
    assert set(describe_seller(seller)) == set(SELLER)


def test_buyer_is_reached_where_they_said() -> None:
    """BT-49: the address that the customer named, or else what their number makes of it."""
    endpoint = "cac:AccountingCustomerParty/cac:Party/cbc:EndpointID"
    named = make_page(Sold(), customer=CUSTOMER | {"e_invoice_address": "0088:7300010000001"})

    assert find_faults(render_ubl(named, [])) == []
    assert read(render_ubl(named, []), endpoint) == ["7300010000001"]
    assert read(render_ubl(make_page(Sold()), []), endpoint) == ["5560160680"]
