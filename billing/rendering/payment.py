"""When a basis is to be paid, and what the customer writes on the payment."""

from datetime import date, timedelta

from billing.models import InvoiceBasis
from vop.lib.giro import LONGEST_OCR, make_ocr

_NUMBER_WIDTH = 7  # a fixed place for the number: no two bases of a seller get the same reference


def due_date(basis: InvoiceBasis) -> date | None:
    """Return when it is to be paid, by the terms that were copied; None when none were."""
    days = basis.seller_snapshot.get("payment_days")
    return None if days is None else basis.billing_date + timedelta(days=days)


def payment_reference(basis: InvoiceBasis) -> str:
    """Return the OCR reference of a numbered basis; nothing when its series is too long for one.

    Letters of the series become two digits each (A is 10), as in IBAN.
    """
    series = "".join(str(int(char, 36)) for char in basis.series if char.isalnum())
    number = f"{series}{basis.number:0{_NUMBER_WIDTH}}"
    return make_ocr(number) if len(number) + 2 <= LONGEST_OCR else ""
