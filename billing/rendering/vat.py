"""VAT as e-invoices and books tell it apart (the category codes of EN 16931)."""

from dataclasses import dataclass
from decimal import Decimal

from billing import engine
from billing.engine.catalogue import EU_COUNTRIES
from billing.models import InvoiceBasis, VatKey


@dataclass(frozen=True, slots=True)
class VatCode:
    """A category, and why nothing is charged where nothing is."""

    code: str
    reason_code: str = ""
    reason: str = ""

    def key_at(self, rate: Decimal) -> VatKey:
        """Return what accounts are found by.

        Raises: ValueError for a rate that has no account of its own.
        """
        return VatKey(f"S{write_number(rate)}" if self is STANDARD else self.code)


STANDARD = VatCode("S")
REVERSE_CHARGE = VatCode("AE", "VATEX-EU-AE", "Reverse charge")
EXPORT = VatCode("G", "VATEX-EU-G", "Export outside the EU")
EXEMPT = VatCode("E", "", "Exempt from VAT")


def classify_vat(category: str, rate: Decimal, basis: InvoiceBasis) -> VatCode:
    """Return the category of a line or a sum of a basis."""
    if category == engine.VatCategory.REVERSE_CHARGE.value:
        return REVERSE_CHARGE
    if rate > 0:
        return STANDARD
    is_inside = basis.customer_snapshot["country"] in EU_COUNTRIES
    return EXEMPT if is_inside else EXPORT


def write_number(number: Decimal) -> str:
    """Write a number without an exponent, and without decimals that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
