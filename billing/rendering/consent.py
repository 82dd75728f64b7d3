"""The text of a consent to pay: what a firm says yes to, made from its parties alone."""

from typing import Final

from django.template.loader import render_to_string
from django.utils.translation import get_language

from companies.models import Company
from companies.operations import Consent

CONSENT_VERSION: Final = "2026-11"


def make_payer_consent(firm: Company, client: Company, *, method: str) -> Consent:
    """Return what a person who reads this page now would agree to, in their language."""
    text = render_to_string("billing/payer_consent.txt", {"firm": firm, "client": client})
    return Consent(
        text=text.strip() + "\n",
        version=CONSENT_VERSION,
        language=get_language() or "sv",
        method=method,
    )
