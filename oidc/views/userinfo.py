"""Who the token is about (OpenID Connect Core 5.3, RFC 6750)."""

from django.http import HttpRequest, HttpResponse

from oidc.access import get_access_of_token
from oidc.http import (
    FORM,
    allow_origin,
    json_response,
    provider_endpoint,
    read_form,
    read_proof,
)
from oidc.models import AccessToken
from oidc.protocol.claims import build_userinfo
from oidc.protocol.errors import CHALLENGES, ProtocolError, invalid_token
from oidc.queries import find_shown_token
from vop.lib.crypto import digest
from vop.lib.http import PlatformRequest

_SCHEMES = {scheme.lower(): scheme for scheme in CHALLENGES}


@provider_endpoint("GET", "POST", "OPTIONS")
def userinfo(request: PlatformRequest) -> HttpResponse:
    scheme, shown = _read_token(request)
    found = find_shown_token(digest(shown), at=request.now)
    access = get_access_of_token(found.token, found.basis, at=request.now) if found else None
    if found is None or access is None:
        raise invalid_token(scheme=scheme)
    token = found.token
    _check_key(request, token, scheme, shown)
    scopes = frozenset(token.scope.split())
    if "openid" not in scopes:
        challenge = f'{CHALLENGES[scheme]}, error="insufficient_scope", scope="openid"'
        headers = {"WWW-Authenticate": challenge}
        raise ProtocolError("insufficient_scope", status=403, headers=headers)
    client = token.grant.client
    body = build_userinfo(
        grant=token.grant,
        client=client,
        scopes=scopes,
        access=access,
        is_email_verified=found.is_email_verified,
    )
    return allow_origin(request, json_response(body), client)


def _check_key(request: PlatformRequest, token: AccessToken, scheme: str, shown: str) -> None:
    """Refuse a bound token without its key, also as a bearer token (RFC 9449 7.1, 7.2)."""
    if bool(token.jkt) != (scheme == "DPoP"):
        raise invalid_token(scheme="DPoP" if token.jkt else "Bearer")
    if not token.jkt:
        return
    try:
        jkt = read_proof(request, token=shown)
    except ProtocolError as error:
        raise invalid_token(error.description, scheme=scheme, error=error.error) from error
    if jkt != token.jkt:
        raise invalid_token("The token is bound to another key.", scheme=scheme)


def _read_token(request: HttpRequest) -> tuple[str, str]:
    """Return scheme and token of the header or the form body; not of the address (row 32)."""
    name, _space, shown = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    in_body = ""
    if request.method == "POST" and request.content_type == FORM:
        in_body = read_form(request).get("access_token", "")
    if name and in_body:
        raise ProtocolError("invalid_request", "Send the access token once.")
    scheme = _SCHEMES.get(name.lower(), "") if name else "Bearer"
    headers = {"WWW-Authenticate": ", ".join(CHALLENGES.values())}
    if not scheme:
        raise ProtocolError("invalid_request", status=401, headers=headers)
    token = shown.strip() or in_body
    if not token:
        # No error code when nothing was sent (RFC 6750 3.1).
        raise ProtocolError("unauthorized", status=401, headers=headers)
    return scheme, token
