"""A basis as content: what is copied when it is approved, and what its hash covers."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from billing.models import BasisLine, InvoiceBasis, Seller, VatTotal
from billing.queries import BasisPage, LineRow, VatRow
from companies.models import Company

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def describe_seller(seller: Seller) -> dict[str, str | int]:
    """Return the seller as a basis copies it."""
    return {
        "name": seller.name,
        "org_number": seller.org_number,
        "vat_number": seller.vat_number,
        "street": seller.street,
        "postcode": seller.postcode,
        "city": seller.city,
        "country": seller.country,
        "email": seller.email,
        "bankgiro": seller.bankgiro,
        "payment_days": seller.payment_days,
        "series_prefix": seller.series_prefix,
    }


def describe_customer(company: Company) -> dict[str, str]:
    """Return the customer as a basis copies it."""
    return {
        "name": company.name,
        "org_number": company.formatted_org_number,
        "vat_number": company.vat_number,
        "country": company.country,
        "recipient": company.invoice_recipient,
        "street": company.invoice_street,
        "postcode": company.invoice_postcode,
        "city": company.invoice_city,
        "invoice_country": str(vars(company)["invoice_country"]),  # as stored: no look-up of names
        "email": company.invoice_email,
        "reference": company.invoice_reference,
        "delivery": company.invoice_delivery,
        "e_invoice_address": company.e_invoice_address,
    }


def describe_content(page: BasisPage) -> dict[str, Any]:
    """Return everything that a basis says, as JSON without anything that may vary by chance."""
    basis = page.basis
    return {
        "series": basis.series,
        "number": basis.number,
        **_describe_body(basis, page.lines, page.vat_totals),
    }


def hash_body(
    basis: InvoiceBasis,
    lines: Iterable[BasisLine | LineRow],
    vat_totals: Iterable[VatTotal | VatRow],
) -> str:
    """Return the SHA-256 of all that a basis says but its number, which comes last."""
    text = _encode(_describe_body(basis, lines, vat_totals))
    return hashlib.sha256(text.encode()).hexdigest()


def seal(body_sha256: str, series: str, number: int) -> str:
    """Return the hash of an issued basis: over its body and the number that it got."""
    return hashlib.sha256(f"{body_sha256} {series}-{number}".encode()).hexdigest()


def hash_content(page: BasisPage) -> str:
    """Return the SHA-256 of a basis's content: the same content, the same hash, for ever."""
    basis = page.basis
    body_sha256 = hash_body(basis, page.lines, page.vat_totals)
    return seal(body_sha256, basis.series, basis.number or 0)


def _describe_body(
    basis: InvoiceBasis,
    lines: Iterable[BasisLine | LineRow],
    vat_totals: Iterable[VatTotal | VatRow],
) -> dict[str, Any]:
    return {
        "id": str(basis.pk),
        "kind": basis.kind,
        "billing_date": str(basis.billing_date),
        "currency": basis.currency,
        "seller": basis.seller_snapshot,
        "customer": basis.customer_snapshot,
        "lines": [_describe_line(line) for line in lines],
        "vat": [
            {
                "category": part.category,
                "rate": f"{part.rate:.2f}",
                "base_cents": part.base_cents,
                "vat_cents": part.vat_cents,
            }
            for part in vat_totals
        ],
        "net_cents": basis.net_cents,
        "vat_cents": basis.vat_cents,
        "rounding_cents": basis.rounding_cents,
        "payable_cents": basis.payable_cents,
        "po_number": basis.po_number,
        "credits": str(basis.credits_id) if basis.credits_id else None,
        "vat_sek": _describe_vat_in_sek(basis),
    }


def _describe_vat_in_sek(basis: InvoiceBasis) -> dict[str, Any] | None:
    if basis.vat_sek_cents is None:
        return None
    return {
        "vat_cents": basis.vat_sek_cents,
        "rate": f"{basis.fx_rate:.6f}",
        "date": str(basis.fx_date),
        "source": basis.fx_source,
    }


def _describe_line(line: BasisLine | LineRow) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": str(line.id),
        "subscription": str(line.subscription_id),
        "price": str(line.price_id),
        "reason": line.reason,
        "period": [str(line.period_start), str(line.period_end)],
        "anchored": [str(line.anchored_start), str(line.anchored_end)],
        "quantity": line.quantity,
        "unit_price": f"{line.unit_price:.4f}",
        "net_cents": line.net_cents,
        "vat_category": line.vat_category,
        "vat_rate": f"{line.vat_rate:.2f}",
        "text": line.text,
        "cause": f"{line.cause} {line.cause_on}",
        "change": str(line.change_id) if line.change_id else None,
        "credits": str(line.credits_id) if line.credits_id else None,
    }
    if line.seats is not None:  # a line says what it has: hashes of before stay as they were
        told["seats"] = line.seats
    if line.discount_id is not None:
        told["discount"] = str(line.discount_id)
        told["discount_cents"] = line.discount_cents
    return told
