"""The public keys of a client, from its registration or from the address that it named."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import jwt
from django.conf import settings
from django.core.cache import cache

from oidc.models import ClientProfile
from vop.lib.crypto import digest
from vop.lib.outbound import MAX_BYTES, ForbiddenAddressError, UnreachableError, fetch

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 3
REMEMBERED_SECONDS = 300
FAILURE_SECONDS = 15
LAST_SECONDS = 24 * 60 * 60  # what it said last is only used while somebody asks anew
AGAIN_SECONDS = 30  # between two looks for a key that nobody has seen
_OK = 200


def get_client_keys(client: ClientProfile, *, signed: str = "") -> list[dict[str, Any]]:
    """Return a client's public keys; none when its address doesn't answer.

    A client that rotates signs with the new key at once: when the header of the JWT `signed` names
    a key that isn't among the remembered ones, they are fetched anew (OpenID Connect Core 10.1.1).
    """
    if client.jwks is not None:
        return _list_keys(client.jwks)
    return _fetch_remembered(client.jwks_uri, _read_kid(signed))


def _fetch_remembered(uri: str, wanted: str | None) -> list[dict[str, Any]]:
    name = f"oidc.jwks.{digest(uri)}"
    keys: list[dict[str, Any]] | None = cache.get(name)
    if keys is None:
        last: list[dict[str, Any]] | None = cache.get(f"{name}.last")
        is_being_asked = not cache.add(f"{name}.asking", 1, TIMEOUT_SECONDS + 1)
        # One request waits for a client's server; more would take the threads that people sign
        # in on. They go by what it said last, for as long as the one waits.
        return last if last is not None and is_being_asked else _ask(uri, name)
    is_news = keys and wanted and wanted not in [key.get("kid") for key in keys]
    # The header is anybody's to write, so that an unknown name makes us ask once in a while only.
    if is_news and cache.add(f"{name}.again", 1, AGAIN_SECONDS):
        return _ask(uri, name, known=keys)
    return keys


def _ask(uri: str, name: str, known: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    keys = _list_keys(_fetch(uri)) or list(known)
    cache.set(name, keys, REMEMBERED_SECONDS if keys else FAILURE_SECONDS)
    cache.set(f"{name}.last", keys, LAST_SECONDS)
    cache.delete(f"{name}.asking")
    return keys


def _list_keys(document: object) -> list[dict[str, Any]]:
    keys = document.get("keys") if isinstance(document, dict) else None
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _read_kid(signed: str) -> str | None:
    try:
        kid = jwt.get_unverified_header(signed).get("kid")
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    return kid if isinstance(kid, str) else None


def _fetch(uri: str) -> object:
    try:
        answer = fetch(uri, seconds=TIMEOUT_SECONDS, inside=settings.OIDC_LOGOUT_ALLOWED_HOSTS)
        is_sound = answer.status == _OK and len(answer.body) <= MAX_BYTES
        return json.loads(answer.body) if is_sound else {}
    except ForbiddenAddressError:
        logger.warning("A client's key address is not fetched: it leads inside")
    except (UnreachableError, ValueError):
        logger.warning("A client's key address did not answer with a JWK set", exc_info=True)
    return {}
