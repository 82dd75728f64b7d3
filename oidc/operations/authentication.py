"""Who a client is: asked at token, introspection and revocation."""

import hmac
import logging
from collections.abc import Collection
from datetime import datetime

from oidc.models import AuthMethod, ClientProfile, UsedAssertion
from oidc.protocol.client_auth import Credentials, verify_assertion
from oidc.protocol.errors import ProtocolError, invalid_client
from oidc.protocol.remote_keys import get_client_keys
from oidc.queries import KnownClient, find_known_client
from vop.lib.crypto import digest
from vop.lib.db import use_case

logger = logging.getLogger(__name__)


def authenticate_client(*, credentials: Credentials, now: datetime) -> KnownClient:
    """Return the client that showed its one registered proof.

    Raises: ProtocolError.
    """
    found = find_known_client(credentials.client_id, at=now)
    if found is None:  # perhaps a secret in the wrong place, so the log doesn't say what was sent
        logger.info("A client that is not registered was not authenticated")
        raise invalid_client("The client is unknown.")
    try:
        _check_proof(found.profile, found.secret_digests, credentials, now)
    except ProtocolError as error:
        name = found.profile.client_id_text
        logger.info("Client %s was not authenticated: %s", name, error.description)
        raise
    return found


def _check_proof(
    client: ClientProfile, digests: Collection[str], credentials: Credentials, now: datetime
) -> None:
    if client.auth_method != credentials.method:
        raise invalid_client("The client is registered with another method.")
    if client.uses_secret:
        shown = digest(credentials.proof)
        # Every digest is compared, so that the time tells nothing about which one it was.
        if not sum(hmac.compare_digest(shown, known) for known in digests):
            raise invalid_client("The client secret is wrong.")
    elif client.auth_method == AuthMethod.PRIVATE_KEY_JWT:
        keys = get_client_keys(client, signed=credentials.proof)
        jti, ends = verify_assertion(credentials.proof, client, keys, at=now)
        if not spend_assertion(client=client, jti=jti, ends=ends):
            raise invalid_client("The assertion was used before.")


@use_case
def spend_assertion(*, client: ClientProfile, jti: str, ends: datetime) -> bool:
    """Tell whether an assertion is shown for the first time, and remember it until it ends."""
    _row, is_new = UsedAssertion.objects.get_or_create(
        digest=digest(f"{client.client_id_text}\n{jti}"), defaults={"expires_at": ends}
    )
    return is_new
