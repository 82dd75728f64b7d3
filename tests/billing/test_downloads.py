"""What staff and customers take out of billing by hand."""

import csv
import io
import uuid
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from accounts.models import User
from billing.admin import downloads
from billing.models import BillingRun, InvoiceBasis, Plan, Seller, VatRate
from billing.operations import approve_basis, run_billing
from billing.rendering import stream_csv, write_workbook
from companies.models import Membership
from tests.billing.accounts import Erp, connect
from tests.billing.books import read_sie
from tests.billing.documents import CUSTOMER, Sold, make_page
from tests.billing.einvoice import find_faults
from tests.factories.billing import buy, make_vat_rate
from tests.factories.companies import SYSTEM
from vop.lib.clock import local_date

BACKEND = "accounts.adapter.SignInBackend"


@pytest.fixture
def clerk(staff: User, sign_in_staff: Callable[[User], Client]) -> Client:
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    return sign_in_staff(staff)


@pytest.fixture
def draft(alice_in_acme: Membership, plan: Plan) -> InvoiceBasis:
    buy(alice_in_acme, plan, now=timezone.now())
    return InvoiceBasis.objects.get()


@pytest.fixture
def basis(draft: InvoiceBasis) -> InvoiceBasis:
    return approve_basis(basis=draft, actor=SYSTEM, now=timezone.now())


def test_staff_takes_a_basis_as_ubl(clerk: Client, basis: InvoiceBasis) -> None:
    page = clerk.get(reverse("admin:billing_invoicebasis_change", args=[basis.pk]))
    url = reverse("admin:billing_invoicebasis_ubl", args=[basis.pk])
    assert url in page.content.decode()

    sent = clerk.get(url)

    assert find_faults(sent.content) == []
    assert sent.headers["Content-Type"] == "application/xml"
    assert sent.headers["Content-Disposition"] == f'attachment; filename="{basis.label}.xml"'


def test_draft_has_no_ubl(clerk: Client, draft: InvoiceBasis) -> None:
    page = clerk.get(reverse("admin:billing_invoicebasis_change", args=[draft.pk]))
    url = reverse("admin:billing_invoicebasis_ubl", args=[draft.pk])

    assert url not in page.content.decode()
    assert clerk.get(url).status_code == 404
    assert (
        clerk.get(reverse("admin:billing_invoicebasis_ubl", args=[uuid.uuid4()])).status_code == 404
    )


def test_staff_without_the_right_takes_nothing(
    staff: User, sign_in_staff: Callable[[User], Client], basis: InvoiceBasis
) -> None:
    client = sign_in_staff(staff)

    assert client.get(reverse("admin:billing_invoicebasis_ubl", args=[basis.pk])).status_code == 403


def read_csv(content: bytes) -> list[list[str]]:
    text = content.decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=";"))


def test_member_takes_the_lines_of_a_basis(
    client: Client, alice_in_acme: Membership, basis: InvoiceBasis
) -> None:
    client.force_login(alice_in_acme.user, backend=BACKEND)
    page = client.get(reverse("billing:basis", args=[basis.company_id, basis.pk]))
    url = reverse("billing:basis_csv", args=[basis.company_id, basis.pk])
    assert url in page.content.decode()

    sent = client.get(url, headers={"Accept-Language": "sv"})
    heading, line = read_csv(sent.content)

    row = dict(zip(heading, line, strict=True))
    assert (row["Nummer"], row["Antal"], row["Netto"], row["Pris"]) == (
        basis.label, "3", "447,00", "149,0000",
    )  # fmt: skip
    assert row["Från"] == str(basis.billing_date)
    assert sent.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_member_sees_what_the_accounts_made_of_it(
    client: Client, alice_in_acme: Membership, basis: InvoiceBasis
) -> None:
    Erp.of(connect()).acknowledge(basis)
    client.force_login(alice_in_acme.user, backend=BACKEND)

    page = client.get(reverse("billing:basis", args=[basis.company_id, basis.pk])).content.decode()

    assert "F-1001" in page
    assert "OCR 1234567806" in page


def test_text_that_looks_like_a_formula_is_defused_and_numbers_stay() -> None:
    customer = CUSTOMER | {"name": "=HYPERLINK(0)", "reference": "@SUM(1)"}
    page = make_page(Sold(), Sold(is_credit=True, text="+46 8"), customer=customer)

    _heading, first, second = read_csv("".join(stream_csv(page.lines)).encode())

    assert (first[4], first[6]) == ("'=HYPERLINK(0)", "'@SUM(1)")
    assert second[9] == "'+46 8"
    assert (second[12], second[14]) == ("-3", "-447,00")


@pytest.fixture
def run(alice_in_acme: Membership, plan: Plan) -> BillingRun:
    """Renews a purchase of 40 days ago; the basis of the purchase has its number."""
    buy(alice_in_acme, plan, now=timezone.now() - timedelta(days=40))
    approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=timezone.now())
    now = timezone.now()
    run_billing(as_of=local_date(now), actor=SYSTEM, now=now)
    return BillingRun.objects.get()


def take(desk: Client, run: BillingRun, kind: str) -> bytes:
    sent = desk.get(reverse(f"admin:billing_billingrun_{kind}", args=[run.pk]))
    assert f'filename="fakturaunderlag-{run.as_of}' in sent.headers["Content-Disposition"]
    return b"".join(sent)


def test_staff_takes_a_run_as_csv_and_workbook(clerk: Client, run: BillingRun) -> None:
    renewal = InvoiceBasis.objects.drafts().get()
    approve_basis(basis=renewal, actor=SYSTEM, now=timezone.now())
    renewal.refresh_from_db()

    _heading, *rows = read_csv(take(clerk, run, "csv"))
    book = load_workbook(io.BytesIO(take(clerk, run, "xlsx")))

    assert [row[0] for row in rows] == [renewal.label]
    bases, lines = book.worksheets
    assert [cell.value for cell in bases[2]][:2] == [
        renewal.label,
        datetime.combine(renewal.billing_date, time()),
    ]
    assert bases.cell(2, 11).value == 559
    assert lines.cell(2, 15).value == 447
    assert lines.max_row == 2


def test_workbook_keeps_texts_texts() -> None:
    page = make_page(Sold(text="=1+1"), customer=CUSTOMER | {"name": "=CMD()"})
    file = io.BytesIO()
    write_workbook(file, [page.basis], page.lines)

    bases, lines = load_workbook(file).worksheets

    assert (bases.cell(2, 5).value, bases.cell(2, 5).data_type) == ("=CMD()", "s")
    assert (lines.cell(2, 10).value, lines.cell(2, 10).data_type) == ("=1+1", "s")


def test_staff_takes_a_run_as_ubl(clerk: Client, run: BillingRun) -> None:
    assert zipfile.ZipFile(io.BytesIO(take(clerk, run, "ubl"))).namelist() == []
    renewal = InvoiceBasis.objects.drafts().get()
    approve_basis(basis=renewal, actor=SYSTEM, now=timezone.now())
    renewal.refresh_from_db()

    archive = zipfile.ZipFile(io.BytesIO(take(clerk, run, "ubl")))

    assert archive.namelist() == [f"{renewal.label}.xml"]
    assert find_faults(archive.read(f"{renewal.label}.xml")) == []


def test_staff_takes_a_run_as_vouchers(clerk: Client, run: BillingRun) -> None:
    approve_basis(basis=InvoiceBasis.objects.drafts().get(), actor=SYSTEM, now=timezone.now())

    sent = take(clerk, run, "sie")

    assert read_sie(sent) == [
        {"1510": Decimal(559), "2611": Decimal("-111.75"), "3001": Decimal(-447),
         "3740": Decimal("-0.25")}
    ]  # fmt: skip
    assert b'#ORGNR "559999-0013"' in sent


@pytest.fixture
def odd_rate(seller: Seller) -> VatRate:
    """One that no account is for."""
    return make_vat_rate(rate="26", valid_from=date(2020, 1, 1))


def test_run_that_cannot_be_booked_is_told(
    clerk: Client, odd_rate: VatRate, run: BillingRun
) -> None:
    approve_basis(basis=InvoiceBasis.objects.drafts().get(), actor=SYSTEM, now=timezone.now())
    url = reverse("admin:billing_billingrun_sie", args=[run.pk])

    told = clerk.get(url, follow=True)

    assert "26 %" in str(next(iter(get_messages(told.wsgi_request))))


def test_run_that_is_too_large_is_told(
    clerk: Client, run: BillingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST_SHEET_ROWS", 0)
    url = reverse("admin:billing_billingrun_xlsx", args=[run.pk])

    told = clerk.get(url, follow=True)

    assert "CSV" in str(next(iter(get_messages(told.wsgi_request))))


def test_run_is_for_staff_with_the_right(
    staff: User, sign_in_staff: Callable[[User], Client], run: BillingRun
) -> None:
    desk = sign_in_staff(staff)
    for kind in ("csv", "xlsx", "ubl", "sie"):
        url = reverse(f"admin:billing_billingrun_{kind}", args=[run.pk])
        assert desk.get(url).status_code == 403


def test_run_that_is_not_there_is_not_found(clerk: Client) -> None:
    for kind in ("csv", "xlsx", "ubl", "sie"):
        url = reverse(f"admin:billing_billingrun_{kind}", args=[uuid.uuid4()])
        assert clerk.get(url).status_code == 404


def test_run_of_any_size_is_read_with_few_questions(
    clerk: Client, run: BillingRun, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        take(clerk, run, "csv")
