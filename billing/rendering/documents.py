"""A basis as the API and the webhook tell of it."""

from collections.abc import Sequence
from typing import Any

from billing.models import ErpReceipt, InvoiceBasis
from billing.queries import BasisPage
from billing.rendering.content import describe_content
from billing.rendering.payment import due_date, payment_reference
from vop.lib.money import from_cents


def describe_document(page: BasisPage, credited: Sequence[InvoiceBasis]) -> dict[str, Any]:
    """Return an approved basis with all that the accounts need to invoice it.

    Only what was fixed at the approval: the same basis gives the same answer, for ever.
    """
    basis = page.basis
    due = due_date(basis)
    return {
        **describe_summary(basis),
        "due_date": None if due is None else str(due),
        "payment_reference": payment_reference(basis),
        "credits": [{"id": str(one.pk), "number": one.label} for one in credited],
        "content": describe_content(page),
    }


def describe_summary(basis: InvoiceBasis) -> dict[str, Any]:
    """Return what a list tells of an approved basis; amounts are decimal strings."""
    return {
        "id": str(basis.pk),
        "number": basis.label,
        "kind": basis.kind,
        "billing_date": str(basis.billing_date),
        "customer": {
            "name": basis.customer_snapshot["name"],
            "org_number": basis.customer_snapshot["org_number"],
        },
        "currency": basis.currency,
        "net": str(from_cents(basis.net_cents)),
        "vat": str(from_cents(basis.vat_cents)),
        "rounding": str(from_cents(basis.rounding_cents)),
        "payable": str(from_cents(basis.payable_cents)),
        "sha256": basis.content_sha256,
    }


def describe_receipt(receipt: ErpReceipt | None) -> dict[str, Any] | None:
    """Return what the accounts said of a basis, or nothing as long as they said nothing."""
    if receipt is None:
        return None
    return {
        "invoice_number": receipt.invoice_number,
        "payable": str(from_cents(receipt.payable_cents)),
        "currency": receipt.currency,
        "ocr": receipt.ocr,
        "received_at": receipt.received_at.isoformat(),
    }
