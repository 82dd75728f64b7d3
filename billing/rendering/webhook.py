"""Messages to the accounts, signed as Standard Webhooks says (standardwebhooks.com, 1.0.0)."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from billing.models import InvoiceBasis
from billing.queries import BasisPage
from billing.rendering.documents import describe_document

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def make_signing_secret() -> str:
    """Make a secret of 256 random bits, written as the receiver's library takes it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def build_message(page: BasisPage, credited: Sequence[InvoiceBasis]) -> bytes:
    """Write the message that a basis was approved; a replay has the same bytes."""
    approved_at = page.basis.approved_at
    message = {
        "type": "basis.approved",
        "timestamp": None if approved_at is None else approved_at.isoformat(),
        "data": describe_document(page, credited),
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def sign_message(secret: str, *, key: str, body: bytes, at: datetime) -> Mapping[str, str]:
    """Return the headers of a message: its key, when it was sent, and the proof of both.

    `key` is the same for every attempt and every replay: the receiver does its work once a key.
    """
    seconds = str(int(at.timestamp()))
    signed = f"{key}.{seconds}.".encode() + body
    proof = hmac.new(base64.b64decode(secret.removeprefix(_PREFIX)), signed, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(proof.digest()).decode()}",
    }
