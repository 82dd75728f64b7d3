"""Bases and their lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from billing import engine
from billing.models import BasisLine, InvoiceBasis, Seller, VatTotal
from companies.models import Company


@dataclass(frozen=True, slots=True)
class BasisPage:
    """A basis with everything that its page, its PDF and its hash need."""

    basis: InvoiceBasis
    lines: Sequence[BasisLine]
    vat_totals: Sequence[VatTotal]

    @property
    def is_reverse_charged(self) -> bool:
        """Whether the buyer accounts for VAT on any of it."""
        return any(
            part.category == engine.VatCategory.REVERSE_CHARGE.value for part in self.vat_totals
        )


def get_basis_page(basis: InvoiceBasis) -> BasisPage:
    """Load a basis's lines and sums."""
    vat_totals = VatTotal.objects.filter(basis=basis).order_by("-rate", "category", "pk")
    return BasisPage(basis, list_lines(basis), list(vat_totals))


def list_lines(basis: InvoiceBasis) -> Sequence[BasisLine]:
    """List the lines of a basis with what their texts need."""
    return list(
        BasisLine.objects.filter(basis=basis)
        .select_related("plan__service", "subscription__company", "change", "run")
        .in_order()
    )


def list_bases(company: Company) -> QuerySet[InvoiceBasis]:
    """List what a company is to pay, newest first."""
    return InvoiceBasis.objects.for_company(company.pk).newest_first()


def get_draft(
    company: Company, billing_date: date, currency: str, split_by: str
) -> InvoiceBasis | None:
    """Return the basis that gathers the lines of a day, if there is one."""
    return (
        InvoiceBasis.objects.drafts()
        .for_company(company.pk)
        .filter(billing_date=billing_date, currency=currency, split_by=split_by)
        .first()
    )


def get_current_seller() -> Seller | None:
    """Return who sells today."""
    return Seller.objects.filter(is_current=True).first()
