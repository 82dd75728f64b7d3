"""SIE 4I: balanced vouchers on the seller's accounts, in code page 437."""

import io
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings

from accounts.models import User
from billing import engine
from billing.models import BAS_ACCOUNTS, LedgerAccount, Seller
from billing.operations import AccountExistsError, AccountFacts, save_ledger_account
from billing.queries import Accounts, BasisPage, load_accounts
from billing.rendering import ForeignCurrencyError, NoAccountError, write_sie
from services.models import Service
from tests.billing.books import read_fields, read_sie
from tests.billing.documents import CUSTOMER, FINNISH, NORWEGIAN, Sold, make_page, sales
from tests.factories.companies import LONG_AGO, SYSTEM

REVERSE = engine.VatCategory.REVERSE_CHARGE


def write(*pages: BasisPage, accounts: Accounts, name: str = "vop AB") -> bytes:
    file = io.BytesIO()
    seller = Seller(name=name, org_number="5599990013")
    write_sie(file, pages, seller=seller, accounts=accounts, made_on=date(2026, 11, 25))
    return file.getvalue()


@pytest.fixture
def bas(db: None) -> Accounts:
    """As it is before staff said anything."""
    return load_accounts()


def amounts(**by_account: str) -> dict[str, Decimal]:
    return {account.removeprefix("a"): Decimal(text) for account, text in by_account.items()}


@pytest.mark.parametrize(
    ("booked", "voucher"),
    [
        (make_page(), amounts(a1510="559", a3001="-447", a2611="-111.75", a3740="-0.25")),
        (
            make_page(Sold(is_credit=True)),
            amounts(a1510="-559", a3001="447", a2611="111.75", a3740="0.25"),
        ),
        (
            make_page(Sold(unit_price="100", quantity=1), Sold(unit_price="100", rate="12"),
                      Sold(unit_price="100", rate="6")),
            amounts(a1510="779", a3001="-100", a2611="-25", a3002="-300", a2621="-36",
                    a3003="-300", a2631="-18"),
        ),
        (
            make_page(Sold(rate="0", category=REVERSE, unit_price="100"), customer=FINNISH),
            amounts(a1510="300", a3308="-300"),
        ),
        (
            make_page(Sold(rate="0", unit_price="100"), customer=NORWEGIAN),
            amounts(a1510="300", a3305="-300"),
        ),
        (make_page(Sold(rate="0", unit_price="100")), amounts(a1510="300", a3004="-300")),
        (make_page(Sold(), Sold(is_credit=True)), {}),
    ],
)  # fmt: skip
def test_basis_is_booked_by_its_vat(
    booked: BasisPage, voucher: dict[str, Decimal], bas: Accounts
) -> None:
    assert read_sie(write(booked, accounts=bas)) == [voucher]


@settings(max_examples=60, deadline=None)
@given(sales(), sales())
def test_every_voucher_is_balanced(one: Sequence[Sold], other: Sequence[Sold]) -> None:

    accounts = Accounts({(*key, None): account for key, account in BAS_ACCOUNTS.items()})
    pages = [make_page(*one), make_page(*other)]
    vouchers = read_sie(write(*pages, accounts=accounts))

    for page, voucher in zip(pages, vouchers, strict=True):
        payable = Decimal(page.basis.payable_cents) / 100
        assert voucher.get("1510", Decimal(0)) == payable


def test_text_is_code_page_437_on_one_line(bas: Accounts) -> None:
    customer = CUSTOMER | {"name": 'Åsa "Öl" – Łódź €\r\n#TRANS 1510 {} 1'}
    file = write(make_page(customer=customer), accounts=bas, name="Bolaget \\ Ähå AB")

    assert len(read_sie(file)) == 1
    lines = file.decode("cp437").split("\r\n")
    [voucher] = [line for line in lines if line.startswith("#VER")]
    assert read_fields(voucher)[4] == 'U2026-17 Åsa "Öl" - ?ódz ?#TRANS 1510 {} 1'
    assert b'#FNAMN "Bolaget / \x8eh\x86 AB"' in file
    assert b'#ORGNR "559999-0013"' in file


def test_own_accounts_go_before_bas(service: Service, bas: Accounts) -> None:
    for facts in (
        AccountFacts("receivable", "", "1511", "Kundfordringar, tjänster"),
        AccountFacts("revenue", "S25", "3011", "Tjänster"),
        AccountFacts("revenue", "S25", "3012", "Bokföring", service=service),
    ):
        save_ledger_account(facts=facts, actor=SYSTEM, now=LONG_AGO)
    page = make_page(Sold(unit_price="100", quantity=1), Sold(unit_price="100", quantity=1))
    page.lines[0].plan.service = service

    [voucher] = read_sie(write(page, accounts=load_accounts()))

    assert voucher == amounts(a1511="250", a3011="-100", a3012="-100", a2611="-50")


def test_other_currency_is_booked_in_sek_and_balances(bas: Accounts) -> None:
    sold = [Sold(unit_price="10.01", quantity=1, rate=rate) for rate in ("25", "12", "6")]
    page = make_page(*sold, currency="EUR", fx_rate="11.0527")

    [voucher] = read_sie(write(page, accounts=bas))

    assert voucher == amounts(
        a1510="379.44", a3001="-110.64", a3002="-110.64", a3003="-110.64",
        a2611="-27.63", a2621="-13.26", a2631="-6.63",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (make_page(currency="EUR"), ForeignCurrencyError),
        (make_page(Sold(rate="25.5")), NoAccountError),
    ],
)
def test_what_cannot_be_booked_is_refused(
    refused: BasisPage, error: type[Exception], bas: Accounts
) -> None:
    with pytest.raises(error):
        write(refused, accounts=bas)


def test_part_without_an_account_is_named(bas: Accounts) -> None:
    without = Accounts({key: one for key, one in bas.rows.items() if one.number != "3740"})

    with pytest.raises(NoAccountError) as refused:
        write(make_page(), accounts=without)

    assert "U2026-17" in str(refused.value.message)


def test_purpose_has_one_account(db: None) -> None:
    facts = AccountFacts("revenue", "S25", "3011", "Tjänster")
    saved = save_ledger_account(facts=facts, actor=SYSTEM, now=LONG_AGO)
    with pytest.raises(AccountExistsError):
        save_ledger_account(facts=facts, actor=SYSTEM, now=LONG_AGO)

    moved = AccountFacts("revenue", "S12", "3012", "Tjänster")
    save_ledger_account(facts=moved, account=saved, actor=SYSTEM, now=LONG_AGO)

    assert [(row.vat, row.number) for row in LedgerAccount.objects.all()] == [("S12", "3012")]


def test_staff_says_where_it_is_booked(
    staff: User, sign_in_staff: Callable[[User], Client], service: Service
) -> None:
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    desk = sign_in_staff(staff)
    add = reverse("admin:billing_ledgeraccount_add")
    asked = {"purpose": "revenue", "vat": "S25", "number": "3011", "name": "Tjänster"}

    for wrong in (
        {"number": "301"},
        {"purpose": "gift"},
        {"purpose": "vat", "service": service.pk},
    ):
        assert desk.post(add, {**asked, **wrong}).status_code == 422
    assert desk.post(add, asked).status_code == 302
    assert desk.post(add, asked).status_code == 422
    account = LedgerAccount.objects.get()
    change = reverse("admin:billing_ledgeraccount_change", args=[account.pk])
    assert desk.get(change).status_code == 200
    assert desk.post(change, {**asked, "number": "3012"}).status_code == 302
    assert LedgerAccount.objects.get().number == "3012"
    assert "3012" in desk.get(reverse("admin:billing_ledgeraccount_changelist")).content.decode()
