"""The `claims` parameter: which claims a client asks for by name (Core 5.5)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oidc.models import ClientProfile
from oidc.protocol.errors import AuthorizationError

# What can be asked for by name, and the scope that a client must be registered for to get it.
# The claims of the company come with every sign-in, so they need none.
SCOPE_OF_CLAIM: Mapping[str, str] = {
    "name": "profile",
    "locale": "profile",
    "zoneinfo": "profile",
    "email": "email",
    "email_verified": "email",
    "customer_id": "openid",
    "customer_no": "openid",
    "customer_name": "openid",
    "orgno": "openid",
    "customer_country_code": "openid",
}


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """Claims asked for by name; `sub` names the one person who may answer."""

    userinfo: frozenset[str] = frozenset()
    id_token: frozenset[str] = frozenset()
    sub: str = ""
    acr_values: tuple[str, ...] = ()
    is_acr_essential: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes whose claims are asked for, which a person consents to."""
        return frozenset(SCOPE_OF_CLAIM[name] for name in self.userinfo | self.id_token)

    def as_json(self) -> dict[str, list[str]]:
        """Return what a grant keeps of it."""
        asked = {"userinfo": sorted(self.userinfo), "id_token": sorted(self.id_token)}
        return {place: names for place, names in asked.items() if names}


def read_claims_request(text: str | None, client: ClientProfile) -> ClaimsRequest:
    """Return what is asked; what isn't known, or isn't the client's to ask, is left out.

    Raises: AuthorizationError.
    """
    if text is None:
        return ClaimsRequest()
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse("is no JSON") from error
    if not isinstance(asked, dict):
        raise _refuse("is no JSON object")
    userinfo, id_token = (_read_place(asked.get(place)) for place in ("userinfo", "id_token"))
    acr = id_token.get("acr", {})
    return ClaimsRequest(
        userinfo=_choose(userinfo, client),
        id_token=_choose(id_token, client),
        sub=_read_sub(userinfo, id_token),
        acr_values=_read_values(acr),
        is_acr_essential=acr.get("essential") is True,
    )


def _read_place(place: Any) -> Mapping[str, Mapping[str, Any]]:
    if place is None:
        return {}
    if not isinstance(place, dict):
        raise _refuse("has a member that is no object")
    for wish in place.values():
        if wish is not None and not isinstance(wish, dict):
            raise _refuse("asks for a claim in no known way")
        if wish and not isinstance(wish.get("essential", False), bool):
            raise _refuse("has an essential that is neither true nor false")
        if wish and not isinstance(wish.get("values", []), list):
            raise _refuse("has values that are no list")
    return {name: wish or {} for name, wish in place.items()}


def _choose(wishes: Mapping[str, object], client: ClientProfile) -> frozenset[str]:
    return frozenset(name for name in wishes if SCOPE_OF_CLAIM.get(name) in client.scopes)


def _read_values(wish: Mapping[str, Any]) -> tuple[str, ...]:
    values = [wish["value"]] if "value" in wish else wish.get("values", [])
    if not all(isinstance(value, str) for value in values):
        raise _refuse("has an acr that is no text")
    return tuple(values)


def _read_sub(*places: Mapping[str, Mapping[str, Any]]) -> str:
    found = {value for place in places for value in _read_values(place.get("sub", {}))}
    if len(found) > 1:
        raise _refuse("names more than one person")
    return "".join(found)


def _refuse(why: str) -> AuthorizationError:
    return AuthorizationError("invalid_request", f"claims {why}.")
