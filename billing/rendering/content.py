"""A basis as content: what is copied when it is approved, and what its hash covers."""

import hashlib
import json
from typing import Any

from billing.models import BasisLine, Seller
from billing.queries import BasisPage
from companies.models import Company


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
        "invoice_country": str(company.invoice_country),
        "email": company.invoice_email,
        "reference": company.invoice_reference,
        "delivery": company.invoice_delivery,
        "e_invoice_address": company.e_invoice_address,
    }


def describe_content(page: BasisPage) -> dict[str, Any]:
    """Return everything that a basis says, as JSON without anything that may vary by chance."""
    basis = page.basis
    return {
        "id": str(basis.pk),
        "series": basis.series,
        "number": basis.number,
        "kind": basis.kind,
        "billing_date": str(basis.billing_date),
        "currency": basis.currency,
        "seller": basis.seller_snapshot,
        "customer": basis.customer_snapshot,
        "lines": [_describe_line(line) for line in page.lines],
        "vat": [
            {
                "category": part.category,
                "rate": f"{part.rate:.2f}",
                "base_cents": part.base_cents,
                "vat_cents": part.vat_cents,
            }
            for part in page.vat_totals
        ],
        "net_cents": basis.net_cents,
        "vat_cents": basis.vat_cents,
        "rounding_cents": basis.rounding_cents,
        "payable_cents": basis.payable_cents,
    }


def hash_content(page: BasisPage) -> str:
    """Return the SHA-256 of a basis's content: the same content, the same hash, for ever."""
    text = json.dumps(
        describe_content(page), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _describe_line(line: BasisLine) -> dict[str, Any]:
    return {
        "id": str(line.pk),
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
