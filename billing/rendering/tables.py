"""Bases as tables: CSV by Swedish conventions, and a workbook, of one basis or of a run.

CSV has semicolons, decimal commas, UTF-8 with a byte-order mark, and dates as ISO 8601 writes them.
A text that a spreadsheet would take for a formula is defused; a negative amount stays a number.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import IO, Any, Final, TypeAlias

import xlsxwriter
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.models import BasisLine, InvoiceBasis
from companies.models import Company
from vop.lib.money import from_cents
from vop.lib.tables import BYTE_ORDER_MARK, defuse

Cell: TypeAlias = str | int | Decimal | date | None

MOST_SHEET_ROWS: Final = 100_000  # a workbook beyond that takes minutes, and nobody scrolls it
LINE_HEADINGS: Final[Sequence[str | Promise]] = [
    _("Number"), _("Date"), _("Kind"), _("State"), _("Customer"), _("Org. no."),
    _("Your reference"), _("Purchase-order number"), _("Line"), pgettext_lazy("basis line", "What"),
    _("From"), _("To"), _("Quantity"), _("Price"), _("Net"), _("VAT, per cent"), _("Currency"),
    _("Because of"), _("on"),
]  # fmt: skip
BASIS_HEADINGS: Final[Sequence[str | Promise]] = [
    _("Number"), _("Date"), _("Kind"), _("State"), _("Customer"), _("Org. no."), _("VAT no."),
    _("Net"), _("VAT"), _("Rounding"), _("To pay"), _("Currency"), _("How invoices are sent"),
    _("E-invoice address"),
]  # fmt: skip
_WIDTH: Final = 16
_A_DAY: Final = timedelta(days=1)


def stream_csv(lines: Iterable[BasisLine]) -> Iterator[str]:
    """Write lines of bases as CSV, row by row: a run of any size passes through."""
    writer: Any = csv.writer(_Echo(), delimiter=";")
    yield BYTE_ORDER_MARK + writer.writerow([str(heading) for heading in LINE_HEADINGS])
    for line in lines:
        yield writer.writerow([_write(cell) for cell in describe_line(line)])


def write_workbook(
    file: IO[bytes], bases: Iterable[InvoiceBasis], lines: Iterable[BasisLine]
) -> None:
    """Write a workbook with a sheet of bases and one of their lines; every text stays a text."""
    book: Any = xlsxwriter.Workbook(file, {"constant_memory": True})
    formats = {
        "heading": book.add_format({"bold": True}),
        "amount": book.add_format({"num_format": "#,##0.00"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
    }
    _fill(book, gettext("Invoice bases"), BASIS_HEADINGS, map(describe_basis, bases), formats)
    _fill(book, gettext("Lines"), LINE_HEADINGS, map(describe_line, lines), formats)
    book.close()


def describe_line(line: BasisLine) -> Sequence[Cell]:
    """Return a line with what its basis says, under the headings."""
    basis = line.basis
    customer = basis.customer_snapshot
    return [
        *_describe_head(basis),
        customer["name"],
        customer["org_number"],
        customer["reference"],
        basis.po_number,
        line.position,
        line.text,
        line.period_start,
        line.period_end - _A_DAY,
        line.quantity,
        line.unit_price,
        from_cents(line.net_cents),
        line.vat_rate,
        basis.currency,
        line.cause,
        line.cause_on,
    ]


def describe_basis(basis: InvoiceBasis) -> Sequence[Cell]:
    """Return the sums of a basis, under the headings."""
    customer = basis.customer_snapshot
    return [
        *_describe_head(basis),
        customer["name"],
        customer["org_number"],
        customer["vat_number"],
        from_cents(basis.net_cents),
        from_cents(basis.vat_cents),
        from_cents(basis.rounding_cents),
        from_cents(basis.payable_cents),
        basis.currency,
        _name_delivery(customer.get("delivery", "")),
        customer.get("e_invoice_address", ""),
    ]


def _name_delivery(code: str) -> str:
    """Return how the customer wants invoices; bases of before they could say have nothing."""
    return str(Company.InvoiceDelivery(code).label) if code else ""


def _describe_head(basis: InvoiceBasis) -> Sequence[Cell]:
    number = "" if basis.is_draft else basis.label
    return [number, basis.billing_date, basis.get_kind_display(), basis.get_state_display()]


def _write(cell: Cell) -> str:
    if isinstance(cell, str):
        return defuse(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}".replace(".", ",")
    return "" if cell is None else str(cell)


def _fill(
    book: Any,
    title: str,
    headings: Sequence[str | Promise],
    rows: Iterable[Sequence[Cell]],
    formats: dict[str, Any],
) -> None:
    sheet = book.add_worksheet(title[:31])
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(headings) - 1, _WIDTH)
    for column, heading in enumerate(headings):
        sheet.write_string(0, column, str(heading), formats["heading"])
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            _put(sheet, number, column, cell, formats)


def _put(sheet: Any, row: int, column: int, cell: Cell, formats: dict[str, Any]) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cell)
    elif isinstance(cell, date):
        sheet.write_datetime(row, column, cell, formats["date"])
    elif isinstance(cell, Decimal):
        sheet.write_number(row, column, cell, formats["amount"])
    elif cell is not None:
        sheet.write_number(row, column, cell)


class _Echo:
    """Gives each row back instead of keeping it."""

    def write(self, text: str) -> str:
        return text
