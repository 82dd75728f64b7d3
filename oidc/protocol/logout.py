"""The logout request of a service (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from oidc.models import ClientProfile
from oidc.protocol.keyring import read_own_jwt
from oidc.protocol.redirects import put_on
from oidc.queries import find_client, list_grants_of_session


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """What a logout asks for, as far as it can be believed.

    `address` is where to go afterwards, empty when none was asked for or it isn't registered;
    `hint` has the claims of an ID token that we signed for this client.
    """

    client: ClientProfile | None
    address: str
    hint: Mapping[str, Any]
    is_sound: bool


def read_logout_request(parameters: Mapping[str, str], *, at: datetime) -> LogoutRequest:
    """Check a logout request; what can't be believed is left out and makes it unsound."""
    hint: Mapping[str, Any] | None = {}
    if "id_token_hint" in parameters:
        hint = read_own_jwt(parameters["id_token_hint"], at=at)
    client = _find_client(parameters, hint or {})
    uri = parameters.get("post_logout_redirect_uri", "")
    is_registered = client is not None and uri in client.post_logout_redirect_uris
    named = parameters.get("client_id")
    agrees = named is None or (client is not None and client.client_id_text == named)
    is_sound = hint is not None and agrees and (not uri or is_registered)
    state = {"state": parameters["state"]} if "state" in parameters else {}
    return LogoutRequest(
        client=client,
        address=put_on(uri, state) if uri and is_sound else "",
        hint=hint if hint and is_sound else {},
        is_sound=is_sound,
    )


def list_logout_frames(session_ref: str) -> Sequence[str]:
    """List the pages by which a browser tells services (Front-Channel Logout 1.0, 3)."""
    return [
        put_on(
            grant.client.frontchannel_logout_uri,
            {"iss": settings.OIDC_ISSUER, "sid": grant.sid},
        )
        for grant in list_grants_of_session(session_ref)
        if grant.client.frontchannel_logout_uri
    ]


def _find_client(parameters: Mapping[str, str], hint: Mapping[str, Any]) -> ClientProfile | None:
    audience = hint.get("aud", parameters.get("client_id") if not hint else None)
    return find_client(audience) if isinstance(audience, str) else None
