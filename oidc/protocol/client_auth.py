"""How a client says who it is (RFC 6749 2.3, RFC 7521, RFC 7523)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import jwt
from django.conf import settings
from jwt.types import Options

from oidc.models import AuthMethod, ClientProfile, Profile
from oidc.protocol.errors import ProtocolError, invalid_client
from oidc.protocol.jose import load_public_key
from oidc.protocol.metadata import ASSERTION_ALGS, FAPI_ALGS

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLOCK_SKEW = timedelta(seconds=30)
MAX_ASSERTION_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client showed: one method, its name, and the proof."""

    method: AuthMethod
    client_id: str
    proof: str = ""


def read_credentials(authorization: str, parameters: Mapping[str, str]) -> Credentials:
    """Return what a request shows; more than one method at once is refused (row 37).

    Raises: ProtocolError.
    """
    shown = [bool(authorization), "client_secret" in parameters, "client_assertion" in parameters]
    if sum(shown) > 1:
        raise ProtocolError("invalid_request", "Use one way of client authentication.")
    if authorization:
        return _read_basic(authorization, parameters)
    if "client_assertion" in parameters:
        return _read_assertion(parameters)
    client_id = parameters.get("client_id")
    if client_id is None:
        raise invalid_client("The client did not say who it is.")
    secret = parameters.get("client_secret")
    if secret is None:
        return Credentials(AuthMethod.NONE, client_id)
    return Credentials(AuthMethod.POST, client_id, secret)


def _read_basic(authorization: str, parameters: Mapping[str, str]) -> Credentials:
    scheme, _space, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("Use the Basic scheme.")
    try:
        text = base64.b64decode(token.strip(), validate=True).decode()
    except ValueError as error:  # not base64, not ASCII, or not UTF-8 within
        raise invalid_client("The Authorization header is malformed.") from error
    name, colon, secret = text.partition(":")
    client_id, secret = unquote_plus(name), unquote_plus(secret)
    if not colon or "\0" in text or parameters.get("client_id", client_id) != client_id:
        raise invalid_client("The Authorization header is malformed.")
    return Credentials(AuthMethod.BASIC, client_id, secret)


def _read_assertion(parameters: Mapping[str, str]) -> Credentials:
    assertion = parameters["client_assertion"]
    if parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise ProtocolError("invalid_request", "client_assertion_type is missing or unknown.")
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise invalid_client("The assertion is not a JWT.") from error
    client_id = claims.get("sub")
    # JSON may hold what no database can: NUL, half a surrogate pair.
    if not isinstance(client_id, str) or not client_id.isprintable():
        raise invalid_client("The assertion names no client.")
    if parameters.get("client_id", client_id) != client_id:
        raise invalid_client("The assertion names another client.")
    return Credentials(AuthMethod.PRIVATE_KEY_JWT, client_id, assertion)


def verify_assertion(
    assertion: str, client: ClientProfile, keys: list[dict[str, Any]], *, at: datetime
) -> tuple[str, datetime]:
    """Check a client's assertion; return its `jti` and its end, to be refused a second time.

    Raises: ProtocolError.
    """
    is_fapi = client.profile == Profile.FAPI2
    allowed = FAPI_ALGS if is_fapi else ASSERTION_ALGS
    try:
        header = jwt.get_unverified_header(assertion)
        claims = _decode(assertion, _choose_key(keys, header), header, allowed)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise invalid_client("The assertion is not valid.") from error
    name = client.client_id_text
    if claims["iss"] != name or claims["sub"] != name:
        raise invalid_client("The assertion is not the client's own.")
    if not isinstance(claims["jti"], str) or not claims["jti"].isprintable():
        raise invalid_client("The assertion's jti can't be right.")
    _check_audience(claims["aud"], only_issuer=is_fapi)
    return claims["jti"], _check_times(claims, at)


def _choose_key(keys: list[dict[str, Any]], header: Mapping[str, Any]) -> dict[str, Any]:
    kid = header.get("kid")
    fitting = [key for key in keys if kid is None or key.get("kid") == kid]
    if kid is None and len(fitting) != 1:
        raise ValueError("kid")
    if not fitting:
        raise ValueError("kid")
    return fitting[0]


def _decode(
    assertion: str, key: dict[str, Any], header: Mapping[str, Any], allowed: tuple[str, ...]
) -> dict[str, Any]:
    alg = header.get("alg")
    if alg not in allowed or key.get("alg", alg) != alg:
        raise ValueError("alg")
    # The times are compared with the request's instant, below; PyJWT would ask the wall clock.
    options: Options = {
        "verify_aud": False,
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "require": ["iss", "sub", "aud", "exp", "jti"],
    }
    return jwt.decode(assertion, load_public_key(key, alg), algorithms=[alg], options=options)


def _check_audience(audience: object, *, only_issuer: bool) -> None:
    issuer = settings.OIDC_ISSUER
    if only_issuer:  # FAPI 2.0 5.3.2.1: the issuer as a string, nothing else
        if audience != issuer:
            raise invalid_client("The assertion's audience must be the issuer.")
        return
    named = audience if isinstance(audience, list) else [audience]
    ours = {issuer, f"{issuer}/token", f"{issuer}/par"}  # RFC 7523 3, RFC 9126 2
    if not ours & {value for value in named if isinstance(value, str)}:
        raise invalid_client("The assertion is meant for somebody else.")


def _check_times(claims: Mapping[str, Any], at: datetime) -> datetime:
    now = at.timestamp()
    skew = CLOCK_SKEW.total_seconds()
    exp, nbf, iat = claims["exp"], claims.get("nbf", now), claims.get("iat", now)
    if not all(isinstance(value, int | float) for value in (exp, nbf, iat)):
        raise invalid_client("The assertion's times are no numbers.")
    is_current = now - skew < exp <= now + MAX_ASSERTION_LIFE.total_seconds() + skew
    if not is_current or nbf > now + skew or iat > now + skew:
        raise invalid_client("The assertion is expired, or not valid yet, or valid too long.")
    return datetime.fromtimestamp(exp + skew, tz=at.tzinfo)
