"""The keys of this process: read from the database twice a minute, parsed once."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import jwt
from django.conf import settings
from jwt.types import Options

from oidc.models import SigningKey
from oidc.protocol.documents import PublicDocument
from oidc.protocol.jose import TYP_OF_ID_TOKENS, Signer, load_signer
from oidc.queries import list_signing_keys


class _Ring(threading.local):
    read_at: float = float("-inf")
    keys: Sequence[SigningKey] = ()
    document: PublicDocument | None = None  # the JWKS of those keys, written when first asked for


_ring = _Ring()


def list_published_keys(at: datetime) -> Sequence[SigningKey]:
    """List the keys that the JWKS shows at an instant."""
    if time.monotonic() - _ring.read_at >= settings.OIDC_KEYS_REMEMBERED_SECONDS:
        _ring.keys = list_signing_keys(at=at)
        _ring.document = None
        _ring.read_at = time.monotonic()
    return _ring.keys


def write_jwks(at: datetime) -> PublicDocument | None:
    """Write the JWKS of an instant (RFC 7517 5), or nothing before there is a key."""
    keys = list_published_keys(at)
    if keys and _ring.document is None:
        _ring.document = PublicDocument.write({"keys": [key.public_jwk for key in keys]})
    return _ring.document


def find_signer(alg: str, at: datetime) -> Signer | None:
    """Return the key that signs with an algorithm at an instant: the newest active one."""
    for key in list_published_keys(at):
        if key.alg == alg and key.active_from <= at < key.retiring_from:
            return load_signer(key.kid, key.alg, key.private_sealed)
    return None


def forget_keys() -> None:
    """Read the keys anew at the next use."""
    _ring.read_at = float("-inf")


def read_own_jwt(token: str, *, at: datetime) -> dict[str, Any] | None:
    """Return the claims of an ID token of ours, expired or not, or nothing (row 11)."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TYP_OF_ID_TOKENS:  # what else we sign is never an ID token
            return None
        key = next(key for key in list_published_keys(at) if key.kid == header.get("kid"))
        options: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(
            token,
            jwt.PyJWK(key.public_jwk),
            algorithms=[key.alg],
            issuer=settings.OIDC_ISSUER,
            options=options,
        )
    except (jwt.PyJWTError, StopIteration, ValueError):
        return None
    return claims
