"""A basis as content to hash, and as a PDF."""

import hashlib
import json
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from django.utils import translation

from billing.models import BasisLine, Seller
from billing.queries import BasisPage
from companies.models import Company

LAYOUT_VERSION = 1  # part of a cached PDF's name: a new layout makes new files


def describe_seller(seller: Seller) -> dict[str, str]:
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


def get_pdf(page: BasisPage, language: str) -> bytes:
    """Return the document, rendered once for each content and language."""
    content = page.basis.content_sha256 or hash_content(page)
    name = f"billing/bases/{content}-{language}-{LAYOUT_VERSION}.pdf"
    if default_storage.exists(name):
        with default_storage.open(name) as file:
            return bytes(file.read())
    pdf = render_pdf(page, language)
    default_storage.save(name, ContentFile(pdf))
    return pdf


def render_pdf(page: BasisPage, language: str) -> bytes:
    """Render the document "Fakturaunderlag" as accessible PDF, from our own files alone."""
    # Slow to load, and a web process renders few: https://doc.courtbouillon.org/weasyprint
    from weasyprint import CSS, HTML  # noqa: PLC0415
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    with translation.override(language):
        html = render_to_string(
            "billing/pdf/basis.html", {"page": page, "basis": page.basis, "language": language}
        )
    files = {
        "base_url": f"{(settings.BASE_DIR / 'static').as_uri()}/",
        "url_fetcher": URLFetcher(allowed_protocols=("file",)),
    }
    fonts = FontConfiguration()
    sheet = CSS(string=render_to_string("billing/pdf/basis.css"), font_config=fonts, **files)
    pdf: bytes = HTML(string=html, **files).write_pdf(
        stylesheets=[sheet], font_config=fonts, pdf_variant="pdf/ua-1"
    )
    return pdf


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
