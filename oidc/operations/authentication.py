"""Who a client is: asked at token, introspection and revocation."""

import hmac
import logging
from datetime import datetime

from oidc.models import AuthMethod, ClientProfile, UsedAssertion
from oidc.models.clients import SECRET_METHODS
from oidc.protocol.client_auth import Credentials, verify_assertion
from oidc.protocol.errors import ProtocolError, invalid_client
from oidc.protocol.remote_keys import get_client_keys
from oidc.queries import Caller, KnownClient, find_known_client
from vop.lib.crypto import digest
from vop.lib.db import use_case

logger = logging.getLogger(__name__)


# By client_id and digest of the secret that it showed last: only those who proved themselves.
_remembered: dict[tuple[str, str], Caller] = {}
_MOST_REMEMBERED = 10_000


def recall_client(credentials: Credentials) -> Caller | None:
    """Return a client that showed this very secret to this process before, if it did.

    Nothing may be refused, written or told until a statement has confirmed that it still stands.
    """
    if credentials.method not in SECRET_METHODS:
        return None
    key = credentials.client_id, digest(credentials.proof)
    found = _remembered.get(key)
    if found is None or found.profile.auth_method != credentials.method:
        return None
    return Caller(found.known, found.secret, is_confirmed=False)


def authenticate_client(*, credentials: Credentials, now: datetime) -> Caller:
    """Return the client that showed its one registered proof.

    Raises: ProtocolError.
    """
    found = find_known_client(credentials.client_id, at=now)
    if found is None:  # perhaps a secret in the wrong place, so the log doesn't say what was sent
        logger.info("A client that is not registered was not authenticated")
        raise invalid_client("The client is unknown.")
    try:
        secret = _check_proof(found, credentials, now)
    except ProtocolError as error:
        name = found.profile.client_id_text
        logger.info("Client %s was not authenticated: %s", name, error.description)
        raise
    _remember(found, secret)
    return Caller(found, secret)


def _remember(found: KnownClient, secret: str) -> None:
    if not found.secrets.get(secret):  # proven without a secret, or a database without versions
        return
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    key = found.profile.client_id_text, secret
    _remembered[key] = Caller(found, secret, is_confirmed=False)


def _check_proof(known: KnownClient, credentials: Credentials, now: datetime) -> str:
    """Check what a client shows; return the digest of its secret, if it was one."""
    client = known.profile
    if client.auth_method != credentials.method:
        raise invalid_client("The client is registered with another method.")
    if client.uses_secret:
        shown = digest(credentials.proof)
        # Every digest is compared, so that the time tells nothing about which one it was.
        if not sum(hmac.compare_digest(shown, held) for held in known.secrets):
            raise invalid_client("The client secret is wrong.")
        return shown
    if client.auth_method == AuthMethod.PRIVATE_KEY_JWT:
        keys = get_client_keys(client, signed=credentials.proof)
        jti, ends = verify_assertion(credentials.proof, client, keys, at=now)
        if not spend_assertion(client=client, jti=jti, ends=ends):
            raise invalid_client("The assertion was used before.")
    return ""


@use_case
def spend_assertion(*, client: ClientProfile, jti: str, ends: datetime) -> bool:
    """Tell whether an assertion is shown for the first time, and remember it until it ends."""
    _row, is_new = UsedAssertion.objects.get_or_create(
        digest=digest(f"{client.client_id_text}\n{jti}"), defaults={"expires_at": ends}
    )
    return is_new
