"""Asking VIES, the EU's register of VAT numbers, whether one is valid."""

import json
from dataclasses import dataclass
from typing import Final

from vop.lib.outbound import ForbiddenAddressError, UnreachableError, fetch

VIES_URL: Final = "https://ec.europa.eu/taxation_customs/vies/rest-api/ms/{country}/vat/{number}"
PATIENCE: Final = 10  # seconds
VIES_CODES: Final = {"GR": "EL"}  # VIES names Greece by its own language


@dataclass(frozen=True, slots=True)
class VatAnswer:
    """What a register said; `is_valid` is None when it couldn't say."""

    is_valid: bool | None
    receipt: str = ""


def ask_vies(vat_number: str) -> VatAnswer:
    """Ask VIES for a number with its country in front; a register that is down says nothing.

    `userError` is VALID or INVALID when the member state has answered; everything else means
    that it hasn't (MS_UNAVAILABLE, TIMEOUT, MS_MAX_CONCURRENT_REQ).
    """
    country = VIES_CODES.get(vat_number[:2], vat_number[:2])
    try:
        answer = fetch(VIES_URL.format(country=country, number=vat_number[2:]), seconds=PATIENCE)
        told = json.loads(answer.body)
    except (ForbiddenAddressError, UnreachableError, ValueError):
        return VatAnswer(None)
    return read_vies(told)


def read_vies(told: object) -> VatAnswer:
    """Read an answer of VIES, trusting nothing of its shape."""
    if not isinstance(told, dict):
        return VatAnswer(None)
    verdict = {"VALID": True, "INVALID": False}.get(str(told.get("userError")))
    return VatAnswer(verdict, str(told.get("requestIdentifier") or "")[:40])
