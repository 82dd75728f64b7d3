"""What leaves billing: the content of a basis, and that content in the formats of others."""

from billing.rendering.content import (
    describe_content,
    describe_customer,
    describe_seller,
    hash_content,
)
from billing.rendering.pdf import get_pdf, render_pdf

__all__ = [
    "describe_content",
    "describe_customer",
    "describe_seller",
    "get_pdf",
    "hash_content",
    "render_pdf",
]
