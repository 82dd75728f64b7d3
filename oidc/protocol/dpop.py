"""Proof that whoever shows a token also holds a key (RFC 9449)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
from jwt.types import Options

from oidc.protocol.errors import ProtocolError
from oidc.protocol.jose import encode_base64url, load_public_key, thumbprint
from oidc.protocol.metadata import DPOP_ALGS

PROOF_AGE = timedelta(seconds=60)  # to both sides: clocks differ
MAX_JTI = 256
_TYP = "dpop+jwt"
_MAX_PROOF = 8000
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_SHAPES: Mapping[str, Mapping[str, str]] = {
    "ES256": {"kty": "EC", "crv": "P-256"},
    "PS256": {"kty": "RSA"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
_END_OF_TIME = 1e11
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof proves: which key, and by which name it is refused a second time."""

    jkt: str
    jti: str
    expires_at: datetime


def verify_proof(text: str, *, method: str, url: str, at: datetime, token: str = "") -> Proof:
    """Check the DPoP header of a request to an address, with the access token shown along.

    Raises: ProtocolError.
    """
    # Two headers reach us joined by a comma, which no compact JWS has.
    if len(text) > _MAX_PROOF or not text.isascii() or "," in text:
        raise invalid_proof("Send one proof.")
    try:
        key, claims = _decode(text)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise invalid_proof("The proof is not valid.") from error
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti.isprintable() or not 0 < len(jti) <= MAX_JTI:
        raise invalid_proof("The proof's jti is missing or too long.")
    if claims.get("htm") != method or not _is_same_address(claims.get("htu"), url):
        raise invalid_proof("The proof is for another request.")
    if token and not _is_hash_of(claims.get("ath"), token):
        raise invalid_proof("The proof is for another access token.")
    return Proof(thumbprint(key), jti, _check_times(claims, at))


def invalid_proof(description: str) -> ProtocolError:
    """Return the refusal of RFC 9449 5."""
    return ProtocolError("invalid_dpop_proof", description)


def _decode(text: str) -> tuple[dict[str, str], dict[str, Any]]:
    header = jwt.get_unverified_header(text)
    alg, key = header.get("alg"), header.get("jwk")
    if header.get("typ") != _TYP or alg not in DPOP_ALGS or "crit" in header:
        raise ValueError("header")
    if not isinstance(key, dict) or _PRIVATE_MEMBERS & set(key):
        raise ValueError("jwk")
    if not all(isinstance(value, str) for value in key.values()):
        key = {name: value for name, value in key.items() if isinstance(value, str)}
    if any(key.get(name) != value for name, value in _SHAPES[alg].items()):
        raise ValueError("jwk")
    public = load_public_key(key, alg)
    # The times are compared with the request's instant, below; PyJWT would ask the wall clock.
    options: Options = {
        "verify_aud": False,
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_iss": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    return key, jwt.decode(text, public, algorithms=[alg], options=options)


def _is_same_address(shown: object, url: str) -> bool:
    """Compare without query and fragment, normalized (RFC 9449 4.3, RFC 3986 6.2.2)."""
    if not isinstance(shown, str):
        return False
    try:
        return _normalize(shown) == _normalize(url)
    except ValueError:
        return False


def _normalize(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("userinfo")
    port = parts.port if parts.port is not None else _PORTS.get(parts.scheme)
    return parts.scheme, parts.hostname, port, parts.path or "/"


def _is_hash_of(shown: object, token: str) -> bool:
    made = encode_base64url(hashlib.sha256(token.encode()).digest())
    return isinstance(shown, str) and shown.isascii() and hmac.compare_digest(shown, made)


def _check_times(claims: Mapping[str, Any], at: datetime) -> datetime:
    now, age = at.timestamp(), PROOF_AGE.total_seconds()
    iat = _read_time(claims.get("iat"))
    nbf, exp = _read_time(claims.get("nbf", now)), _read_time(claims.get("exp", now))
    # What a proof says of its own life may only shorten it.
    if abs(iat - now) > age or nbf > now + age or exp < now - age:
        raise invalid_proof("The proof is too old, or from the future.")
    return datetime.fromtimestamp(iat + age, tz=at.tzinfo) + timedelta(seconds=1)


def _read_time(value: object) -> float:
    # `not <` refuses NaN, too.
    if not isinstance(value, int | float) or value is True or not abs(value) < _END_OF_TIME:
        raise invalid_proof("The proof's times are missing or no numbers.")
    return value
