"""What leaves billing: the content of a basis, and that content in the formats of others."""

from billing.rendering.clients import list_client_cells, list_client_columns
from billing.rendering.consent import make_payer_consent
from billing.rendering.content import (
    describe_content,
    describe_customer,
    describe_seller,
    hash_body,
    hash_content,
    seal,
)
from billing.rendering.documents import describe_document, describe_receipt, describe_summary
from billing.rendering.payment import payment_reference
from billing.rendering.pdf import get_pdf, render_pdf
from billing.rendering.seats import share_out
from billing.rendering.sie import ForeignCurrencyError, NoAccountError, write_sie
from billing.rendering.tables import MOST_SHEET_ROWS, stream_csv, write_workbook
from billing.rendering.ubl import render_ubl
from billing.rendering.webhook import build_message, make_signing_secret, sign_message

__all__ = [
    "MOST_SHEET_ROWS",
    "ForeignCurrencyError",
    "NoAccountError",
    "build_message",
    "describe_content",
    "describe_customer",
    "describe_document",
    "describe_receipt",
    "describe_seller",
    "describe_summary",
    "get_pdf",
    "hash_body",
    "hash_content",
    "list_client_cells",
    "list_client_columns",
    "make_payer_consent",
    "make_signing_secret",
    "payment_reference",
    "render_pdf",
    "render_ubl",
    "seal",
    "share_out",
    "sign_message",
    "stream_csv",
    "write_sie",
    "write_workbook",
]
