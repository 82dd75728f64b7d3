"""The page of a basis: what a tiered line says, and how much a long one asks of the database."""

import re
from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from billing import engine
from billing.models import BasisLine, InvoiceBasis, Plan, Subscription
from billing.operations import (
    approve_basis,
    credit_basis,
    record_vat_answer,
    release_held_bases,
)
from billing.protocol import VatAnswer
from billing.queries import get_basis_page
from billing.rendering import render_ubl, share_out
from companies.models import Membership
from services.models import Service
from tests.billing.einvoice import find_faults
from tests.billing.test_pages import SignIn
from tests.billing.test_ubl import read
from tests.factories.billing import buy, copy_line, make_plan, make_vat_rate, set_seats
from tests.factories.companies import SYSTEM
from tests.factories.services import make_service

TIERS = (engine.Tier(5, Decimal("99.00")), engine.Tier(20, Decimal("79.00")))
NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def tiered(service: Service) -> Plan:
    """490 kr with 5 seats, 99 kr for each up to the 20th, 79 kr for each further."""
    return make_plan(service, code="niva", price="490.00", pricing="tiered", tiers=TIERS)


@pytest.fixture
def portal(alice: User, sign_in: SignIn) -> Client:
    return sign_in(alice)


def read_page(portal: Client, basis: InvoiceBasis) -> str:
    page = portal.get(reverse("billing:basis", args=[basis.company_id, basis.pk]))
    return re.sub(r"\s+", " ", page.content.decode().replace(NBSP, " "))


def test_tiered_line_says_how_its_seats_make_its_price(
    portal: Client, alice_in_acme: Membership, tiered: Plan, now: datetime
) -> None:
    subscription = buy(alice_in_acme, tiered, quantity=23, now=now).subscription
    set_seats(subscription, 25, now=now)

    page = read_page(portal, InvoiceBasis.objects.get())

    assert "23 licenser: 5 ingår för 490,00 kr, 15 à 99,00 kr, 3 à 79,00 kr" in page
    assert "<small>2 licenser</small>" in page, "two more, at the difference"
    whole, added = BasisLine.objects.select_related("price").in_order()
    shares = share_out(whole)
    assert sum(one.unit_price * (1 if one.is_included else one.seats) for one in shares) == (
        whole.unit_price
    )
    assert share_out(added) == []


def test_few_seats_are_all_included(
    portal: Client, alice_in_acme: Membership, tiered: Plan, now: datetime
) -> None:
    buy(alice_in_acme, tiered, quantity=1, now=now)

    assert "1 licens: 1 ingår för 490,00 kr" in read_page(portal, InvoiceBasis.objects.get())


def test_tiered_line_keeps_the_rules_of_invoices(
    alice_in_acme: Membership, tiered: Plan, now: datetime
) -> None:
    """Quantity times price is the net (EN 16931); the seats stand beside."""
    subscription = buy(alice_in_acme, tiered, quantity=23, now=now).subscription
    set_seats(subscription, 25, now=now)
    basis = InvoiceBasis.objects.get()
    basis = approve_basis(basis=basis, actor=SYSTEM, now=now)

    document = render_ubl(get_basis_page(basis), [])

    assert find_faults(document) == []
    item = "cac:InvoiceLine/cac:Item/"
    assert read(document, f"{item}cbc:Description") == [
        "23 licenser: 5 ingår för 490, 15 à 99, 3 à 79"
    ]
    names = read(document, f"{item}cac:AdditionalItemProperty/cbc:Name")
    values = read(document, f"{item}cac:AdditionalItemProperty/cbc:Value")
    assert [value for name, value in zip(names, values, strict=True) if name == "seats"] == [
        "23", "2",
    ]  # fmt: skip
    for line in ("1", "2"):
        quantity = read(document, "cac:InvoiceLine/cbc:InvoicedQuantity")[int(line) - 1]
        price = read(document, "cac:InvoiceLine/cac:Price/cbc:PriceAmount")[int(line) - 1]
        net = read(document, "cac:InvoiceLine/cbc:LineExtensionAmount")[int(line) - 1]
        assert Decimal(quantity) * Decimal(price) == Decimal(net)
    credit = credit_basis(basis=basis, actor=SYSTEM, now=now)
    credit_lines = BasisLine.objects.filter(basis=credit).select_related("price").in_order()
    assert [one.seats for one in share_out(credit_lines[0])] == [5, 15, 3]


def test_long_basis_asks_the_database_no_more_than_a_short_one(
    portal: Client, alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    def count(lines: int) -> int:
        basis = InvoiceBasis.objects.get()
        assert basis.lines.count() == lines
        with CaptureQueriesContext(connection) as asked:
            page = read_page(portal, basis)
        assert page.count("#event-") == lines, "each line leads to what made it"
        return len(asked)

    def grow(subscription: Subscription, times: int) -> None:
        for more in range(times):
            subscription = set_seats(subscription, 4 + more, now=now)

    first = buy(alice_in_acme, plan, now=now).subscription
    read_page(portal, InvoiceBasis.objects.get())
    short = count(1)
    grow(first, 30)
    for number in range(10):
        service = make_service(slug=f"tjanst-{number}", name=f"Tjänst {number}")
        buy(alice_in_acme, make_plan(service, code=f"plan-{number}"), now=now)

    assert count(41) == short <= 15


def test_basis_with_hundreds_of_lines_shows_them_page_by_page(
    portal: Client, alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now)
    basis = InvoiceBasis.objects.get()
    copy_line(basis, 249)
    address = reverse("billing:basis", args=[basis.company_id, basis.pk])

    first, last = (portal.get(address, {"page": page}).content.decode() for page in (1, 3))

    assert first.count('<th scope="row"') == 100
    assert 'href="?page=2#lines"' in first
    assert last.count('<th scope="row"') == 50
    assert "Sida 3 av 3" in re.sub(r"\s+", " ", last)
    csv = portal.get(reverse("billing:basis_csv", args=[basis.company_id, basis.pk]))
    assert len(csv.content.decode().splitlines()) == 251, "a file is whole"


def test_credit_says_what_it_credits_and_leads_back(
    portal: Client, alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, quantity=2, now=now)
    basis = InvoiceBasis.objects.get()
    approve_basis(basis=basis, actor=SYSTEM, now=now)
    basis.refresh_from_db()
    credit = credit_basis(basis=basis, actor=SYSTEM, now=now)

    page, credited = read_page(portal, credit), read_page(portal, basis)

    assert f'id="credited">{basis.label}</a>' in page
    assert "Preliminär kredit" in page
    assert "Kredit 23 nov. 2026" in re.sub("<time[^>]*>", "", page)
    assert ">\N{MINUS SIGN}2</td>" in page
    assert reverse("billing:basis", args=[basis.company_id, credit.pk]) in credited


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (VatAnswer(is_valid=None), "har bekräftat FI01120389"),
        (VatAnswer(is_valid=False), "känner inte till FI01120389"),
    ],
)
def test_basis_that_waits_for_a_vat_number_says_so(
    portal: Client,
    alice_in_acme: Membership,
    plan: Plan,
    now: datetime,
    answer: VatAnswer,
    told: str,
) -> None:
    acme = alice_in_acme.company
    acme.country, acme.vat_number = "FI", "FI01120389"
    acme.save()
    make_vat_rate(country="FI", rate="25.5")
    buy(alice_in_acme, plan, now=now)
    record_vat_answer(vat_number="FI01120389", answer=answer, actor=SYSTEM, now=now)

    page = read_page(portal, InvoiceBasis.objects.get())

    assert told in page
    assert "Momsreg.nr FI01120389" in page
    record_vat_answer(
        vat_number="FI01120389", answer=VatAnswer(is_valid=True), actor=SYSTEM, now=now
    )
    release_held_bases(actor=SYSTEM, now=now)
    assert 'id="basis-waits"' not in read_page(portal, InvoiceBasis.objects.get())
