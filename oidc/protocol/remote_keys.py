"""The public keys of a client, from its registration or from the address that it named."""

import json
import logging
from typing import Any

from django.conf import settings
from django.core.cache import cache

from oidc.models import ClientProfile
from vop.lib.crypto import digest
from vop.lib.outbound import MAX_BYTES, ForbiddenAddressError, UnreachableError, fetch

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 3
REMEMBERED_SECONDS = 300
_OK = 200


def get_client_keys(client: ClientProfile) -> list[dict[str, Any]]:
    """Return a client's public keys; none when its address doesn't answer."""
    document = client.jwks if client.jwks is not None else _fetch_remembered(client.jwks_uri)
    keys = document.get("keys") if isinstance(document, dict) else None
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _fetch_remembered(uri: str) -> object:
    name = f"oidc.jwks.{digest(uri)}"
    document = cache.get(name)
    if document is None:
        document = _fetch(uri)
        cache.set(name, document, REMEMBERED_SECONDS if document else 15)
    return document


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
