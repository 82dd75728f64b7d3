"""Signed request objects (RFC 9101), as FAPI 2.0 Message Signing narrows them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from jwt.types import Options

from oidc.models import ClientProfile
from oidc.protocol.errors import ProtocolError
from oidc.protocol.jose import load_public_key
from oidc.protocol.metadata import FAPI_ALGS
from oidc.protocol.parameters import MAX_LENGTH
from oidc.protocol.remote_keys import get_client_keys

MAX_LIFE = timedelta(minutes=60)
CLOCK_SKEW = timedelta(seconds=30)
_OF_THE_JWT = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})


def read_request_object(text: str, client: ClientProfile, *, at: datetime) -> Mapping[str, str]:
    """Return the parameters that a client signed; nothing beside them counts (RFC 9101 6.3).

    Raises: ProtocolError.
    """
    try:
        claims = _decode(text, get_client_keys(client, signed=text))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _invalid("The signature or form is not valid.") from error
    name = client.client_id_text
    if claims["iss"] != name or claims.get("client_id", name) != name:
        raise _invalid("It is another client's.")
    audience = claims["aud"]
    if settings.OIDC_ISSUER not in (audience if isinstance(audience, list) else [audience]):
        raise _invalid("It is meant for somebody else.")
    _check_times(claims["nbf"], claims["exp"], at)
    if {"request", "request_uri"} & set(claims):
        raise _invalid("It holds another request.")
    sent = {name: value for name, value in claims.items() if name not in _OF_THE_JWT}
    if not all(map(str.isprintable, sent)):
        raise _invalid("A parameter has a name that can't be right.")
    return {name: _read_value(value) for name, value in sent.items() if value not in ("", None)}


def _decode(text: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    header = jwt.get_unverified_header(text)
    alg, kid = header.get("alg"), header.get("kid")
    fitting = [key for key in keys if kid is None or key.get("kid") == kid]
    if alg not in FAPI_ALGS or len(fitting) != 1 or fitting[0].get("alg", alg) != alg:
        raise ValueError("key")
    # The times are compared with the request's instant, below; PyJWT would ask the wall clock.
    options: Options = {
        "verify_aud": False,
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_sub": False,
        "verify_jti": False,
        "require": ["iss", "aud", "exp", "nbf"],
    }
    public = load_public_key(fitting[0], alg)
    return jwt.decode(text, public, algorithms=[alg], options=options)


def _check_times(nbf: object, exp: object, at: datetime) -> None:
    now, skew = at.timestamp(), CLOCK_SKEW.total_seconds()
    life = MAX_LIFE.total_seconds() + skew
    if not isinstance(nbf, int | float) or not isinstance(exp, int | float):
        raise _invalid("Its times are no numbers.")
    if not (now - life < nbf <= now + skew and now - skew < exp <= now + life):
        raise _invalid("It is expired, or not valid yet, or valid too long.")


def _read_value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) > MAX_LENGTH or not text.isprintable():
        raise _invalid("A parameter has a value that can't be right.")
    return text


def _invalid(description: str) -> ProtocolError:
    return ProtocolError("invalid_request_object", description)
