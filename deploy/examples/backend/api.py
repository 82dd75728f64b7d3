"""What stands before a service's own API: is this access token good, and for what?"""

import hashlib
import os
import time
from typing import Any

import requests

ISSUER = os.environ["ISSUER"]
CLIENT = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
KEPT_SECONDS = 30  # an ended access may work on for that long; never more than 60

_kept: dict[str, tuple[float, dict[str, Any]]] = {}


def read_token(header: str) -> dict[str, Any]:
    """Return what the token of an Authorization header is worth; raises PermissionError."""
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise PermissionError("401: send Authorization: Bearer …")
    facts = introspect_or_remember(token)
    if not facts["active"]:
        raise PermissionError("401: invalid_token")
    return facts


def introspect_or_remember(token: str) -> dict[str, Any]:
    now = time.monotonic()
    for old in [name for name, (until, _facts) in _kept.items() if until < now]:
        _kept.pop(old, None)
    name = hashlib.sha256(token.encode()).hexdigest()  # a digest, so that no dump has tokens
    if name not in _kept:
        _kept[name] = (now + KEPT_SECONDS, introspect(token))
    return _kept[name][1]


def introspect(token: str) -> dict[str, Any]:
    answer = requests.post(f"{ISSUER}/introspect", {"token": token}, auth=CLIENT, timeout=10)
    answer.raise_for_status()
    facts: dict[str, Any] = answer.json()
    return facts
