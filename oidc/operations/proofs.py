"""Taking a proof of a key, once (RFC 9449 11.1)."""

from oidc.models import UsedAssertion
from oidc.protocol.dpop import Proof, invalid_proof
from vop.lib.crypto import digest
from vop.lib.db import use_case


@use_case
def spend_proof(*, proof: Proof) -> None:
    """Remember a proof until it is too old anyway; a second showing is refused.

    Raises: ProtocolError.
    """
    _row, is_new = UsedAssertion.objects.get_or_create(
        digest=digest(f"dpop\n{proof.jkt}\n{proof.jti}"), defaults={"expires_at": proof.expires_at}
    )
    if not is_new:
        raise invalid_proof("The proof was used before.")
