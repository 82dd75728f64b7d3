"""A basis as content: what is copied when it is approved, and what its hash covers."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from billing.models import InvoiceBasis, Seller, VatTotal
from billing.queries import BasisPage, LineContent, LineRow, VatRow
from companies.models import Company

# Where the keys of a line stand among what it says, until they are put there.
_LINE_KEY: Final = "\x00line"
_SUBSCRIPTION_KEY: Final = "\x00subscription"
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
        **_describe_body(basis, map(LineRow.read, page.lines), page.vat_totals),
    }


def hash_body(
    basis: InvoiceBasis, lines: Iterable[LineRow], vat_totals: Iterable[VatTotal | VatRow]
) -> str:
    """Return the SHA-256 of all that a basis says but its number, which comes last."""
    body = _encode(_describe_body(basis, (), vat_totals))
    # A quotation mark inside a text is escaped: nothing that was typed looks like this.
    text = body.replace('"lines":[]', f'"lines":[{",".join(map(_write_line, lines))}]', 1)
    return hashlib.sha256(text.encode()).hexdigest()


def seal(body_sha256: str, series: str, number: int) -> str:
    """Return the hash of an issued basis: over its body and the number that it got."""
    return hashlib.sha256(f"{body_sha256} {series}-{number}".encode()).hexdigest()


def hash_content(page: BasisPage) -> str:
    """Return the SHA-256 of a basis's content: the same content, the same hash, for ever."""
    basis = page.basis
    body_sha256 = hash_body(basis, map(LineRow.read, page.lines), page.vat_totals)
    return seal(body_sha256, basis.series, basis.number or 0)


def _describe_body(
    basis: InvoiceBasis, lines: Iterable[LineRow], vat_totals: Iterable[VatTotal | VatRow]
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


def _write_line(line: LineRow) -> str:
    """Return a line as JSON; renewals that say the same share all but their keys."""
    if line.change_id is not None or line.credits_id is not None:
        return _encode(_describe_line(line))
    before, between, after = _write_content(line.content)
    return f"{before}{line.id}{between}{line.subscription_id}{after}"


@lru_cache(maxsize=8192)
def _write_content(content: LineContent) -> Sequence[str]:
    """Return the JSON of a line around its key and its subscription's."""
    told = _describe_content(content)
    text = _encode({**told, "id": _LINE_KEY, "subscription": _SUBSCRIPTION_KEY})
    before, _key, rest = text.partition(_encode(_LINE_KEY)[1:-1])
    between, _key, after = rest.partition(_encode(_SUBSCRIPTION_KEY)[1:-1])
    return before, between, after


def _describe_line(line: LineRow) -> dict[str, Any]:
    return {
        "id": str(line.id),
        "subscription": str(line.subscription_id),
        **_describe_content(line.content),
        "change": str(line.change_id) if line.change_id else None,
        "credits": str(line.credits_id) if line.credits_id else None,
    }


def _describe_content(content: LineContent) -> dict[str, Any]:
    """Return what a line says, as one that nothing changed and that credits nothing."""
    told: dict[str, Any] = {
        "price": str(content.price_id),
        "reason": content.reason,
        "period": [str(content.period_start), str(content.period_end)],
        "anchored": [str(content.anchored_start), str(content.anchored_end)],
        "quantity": content.quantity,
        "unit_price": f"{content.unit_price:.4f}",
        "net_cents": content.net_cents,
        "vat_category": content.vat_category,
        "vat_rate": f"{content.vat_rate:.2f}",
        "text": content.text,
        "cause": f"{content.cause} {content.cause_on}",
        "change": None,
        "credits": None,
    }
    if content.seats is not None:  # a line says what it has: hashes of before stay as they were
        told["seats"] = content.seats
    if content.discount_id is not None:
        told["discount"] = str(content.discount_id)
        told["discount_cents"] = content.discount_cents
    return told
