"""What a token is worth right now (RFC 7662)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from oidc.access import (
    get_access_of_grant,
    get_access_of_machine_token,
    get_access_of_token,
)
from oidc.models import ClientProfile, Grant, MachineToken, RefreshToken
from oidc.protocol.claims import build_company_claims
from oidc.queries import (
    Caller,
    confirm_caller,
    find_asked_token,
    find_machine_token,
    find_refresh_token,
)
from services.access import Access, Basis
from vop.lib.crypto import digest

_INACTIVE: Mapping[str, Any] = {"active": False}


def describe_token(token: str, caller: Caller, *, at: datetime) -> Mapping[str, Any]:
    """Describe a token to its own client or another client of the same service; else: inactive.

    Raises: ClientChangedError.
    """
    asker = caller.profile
    asked = find_asked_token(digest(token), caller=caller, at=at)
    if asked is None:
        return _describe_other(digest(token), caller, at)
    found, basis = asked
    access = get_access_of_token(found, basis, at=at)
    if access is None:
        return _INACTIVE
    client = asker if found.grant.client_id == asker.pk else found.grant.client
    body = _describe(found.grant, client, access, found.scope)
    return {
        **body,
        **_describe_key(found.jkt),
        "token_type": "DPoP" if found.jkt else "Bearer",
        "iat": int(found.created_at.timestamp()),
        "exp": int(found.expires_at.timestamp()),
    }


def _describe_other(name: str, caller: Caller, at: datetime) -> Mapping[str, Any]:
    refresh = find_refresh_token(name, caller=caller, at=at)
    if refresh is not None:
        return _describe_refresh_token(*refresh, caller.profile, at)
    confirm_caller(caller, at=at)
    machine = find_machine_token(name)
    return _INACTIVE if machine is None else _describe_machine_token(machine, caller.profile, at)


def _describe_machine_token(
    found: MachineToken, asker: ClientProfile, at: datetime
) -> Mapping[str, Any]:
    access = get_access_of_machine_token(found, at=at)
    if access is None or found.client.service_id != asker.service_id:
        return _INACTIVE
    return {
        "active": True,
        "iss": settings.OIDC_ISSUER,
        "sub": found.client.client_id_text,
        "client_id": found.client.client_id_text,
        "scope": found.scope,
        **_describe_key(found.jkt),
        "token_type": "DPoP" if found.jkt else "Bearer",
        "iat": int(found.created_at.timestamp()),
        "exp": int(found.expires_at.timestamp()),
        **build_company_claims(found.company, found.client, access),
    }


def _describe_refresh_token(
    found: RefreshToken, basis: Basis, asker: ClientProfile, at: datetime
) -> Mapping[str, Any]:
    if found.grant.client_id != asker.pk:
        return _INACTIVE
    ends = min(found.expires_at, found.grant.expires_at)
    access = get_access_of_grant(found.grant, asker, at=at, basis=basis)
    if access is None or found.used_at is not None or ends <= at:
        return _INACTIVE
    body = _describe(found.grant, asker, access, found.grant.scope)
    return {**body, **_describe_key(found.jkt), "exp": int(ends.timestamp())}


def _describe_key(jkt: str) -> Mapping[str, Any]:
    return {"cnf": {"jkt": jkt}} if jkt else {}  # RFC 9449 6.2


def _describe(grant: Grant, client: ClientProfile, access: Access, scope: str) -> dict[str, Any]:
    return {
        "active": True,
        "iss": settings.OIDC_ISSUER,
        "sub": str(grant.user.sub),
        "client_id": client.client_id_text,
        "scope": scope,
        "sid": grant.sid,
        **build_company_claims(grant.company, client, access, person=grant.user),
    }
