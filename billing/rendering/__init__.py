"""What leaves billing: the content of a basis, and that content in the formats of others."""

from billing.rendering.content import (
    describe_content,
    describe_customer,
    describe_seller,
    hash_content,
)
from billing.rendering.payment import payment_reference
from billing.rendering.pdf import get_pdf, render_pdf
from billing.rendering.ubl import render_ubl

__all__ = [
    "describe_content",
    "describe_customer",
    "describe_seller",
    "get_pdf",
    "hash_content",
    "payment_reference",
    "render_pdf",
    "render_ubl",
]
