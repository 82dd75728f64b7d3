"""The pushed authorization request: checked like one at the front door (RFC 9126)."""

from collections.abc import Mapping
from datetime import datetime

from oidc.models import ClientProfile, PushedRequest
from oidc.protocol.authorization import read_authorization_request, read_return_address
from oidc.protocol.dpop import invalid_proof
from oidc.protocol.errors import AuthorizationError, ProtocolError, UnusableRequestError
from oidc.protocol.keyring import read_own_jwt
from oidc.protocol.request_object import read_request_object
from oidc.queries import find_pushed_request
from vop.lib.crypto import digest

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"
MAX_TOTAL = 24_000
_PROOFS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


def read_pushed_parameters(
    parameters: Mapping[str, str], client: ClientProfile, *, at: datetime
) -> Mapping[str, str]:
    """Return what is kept of a pushed request once everything in it holds.

    Raises: ProtocolError.
    """
    if "request_uri" in parameters:
        raise ProtocolError("invalid_request", "request_uri can't be pushed.")
    if "request" in parameters:
        parameters = read_request_object(parameters["request"], client, at=at)
    elif client.require_signed_request:
        raise ProtocolError("invalid_request", "This client must sign its request (JAR).")
    kept = {name: value for name, value in parameters.items() if name not in _PROOFS}
    kept["client_id"] = client.client_id_text
    if sum(map(len, kept.values())) + sum(map(len, kept)) > MAX_TOTAL:
        raise ProtocolError("invalid_request", "The request is too long.")
    try:
        read_return_address(kept, client)
        asked = read_authorization_request(kept, client, is_pushed=True)
    except UnusableRequestError as error:
        raise ProtocolError("invalid_request", error.reason) from error
    except AuthorizationError as error:
        raise ProtocolError(error.error, error.description) from error
    if asked.id_token_hint and read_own_jwt(asked.id_token_hint, at=at) is None:
        raise ProtocolError("invalid_request", "id_token_hint is not ours.")
    return kept


def bind_to_key(parameters: Mapping[str, str], jkt: str) -> Mapping[str, str]:
    """Bind the code that will come of a request to the key that pushed it (RFC 9449 10.1).

    Raises: ProtocolError.
    """
    if not jkt:
        return parameters
    if parameters.get("dpop_jkt", jkt) != jkt:
        raise invalid_proof("dpop_jkt names another key than the proof's.")
    return {**parameters, "dpop_jkt": jkt}


def is_pushed(parameters: Mapping[str, str]) -> bool:
    """Tell whether a request stands for one that was pushed."""
    return parameters.get("request_uri", "").startswith(REQUEST_URI_PREFIX)


def open_pushed_request(
    parameters: Mapping[str, str], *, at: datetime, is_under_way: bool = False
) -> PushedRequest:
    """Return the pushed request that a client's `request_uri` stands for, still unused.

    A person who was sent to sign in may come back later than a `request_uri` lives: then our own
    signed mark (`is_under_way`) says that it was opened in time.

    Raises: UnusableRequestError.
    """
    pushed = find_pushed_request(digest(parameters["request_uri"]))
    # A stranger's and an unknown one get the same answer: there is nothing to find out.
    if pushed is None or pushed.client.client_id_text != parameters.get("client_id"):
        raise UnusableRequestError("invalid_request_uri")
    is_over = pushed.expires_at <= at and not is_under_way
    if is_over or pushed.used_at is not None:
        raise UnusableRequestError("invalid_request_uri")
    return pushed
