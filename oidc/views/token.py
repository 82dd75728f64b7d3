"""Token, introspection and revocation: what services ask for with their own proof."""

from collections.abc import Callable, Mapping

from django.http import HttpResponse

from oidc.http import (
    allow_origin,
    client_actor,
    identify_client,
    json_response,
    provider_endpoint,
    read_form,
    read_proof,
    throttle_refusals,
)
from oidc.models import GrantType
from oidc.operations.machines import issue_machine_token
from oidc.operations.tokens import TokenSet, give_back_token, redeem_code, refresh_tokens
from oidc.protocol.dpop import invalid_proof
from oidc.protocol.errors import ProtocolError, invalid_client
from oidc.protocol.introspection import describe_token
from oidc.protocol.parameters import need
from oidc.queries import KnownClient
from vop.lib.http import PlatformRequest


@provider_endpoint("POST", "OPTIONS")
def token(request: PlatformRequest) -> HttpResponse:
    parameters = read_form(request)
    grant_type = need(parameters, "grant_type")
    known = identify_client(request, parameters)
    client = known.profile
    if grant_type not in _EXCHANGES:
        raise ProtocolError("unsupported_grant_type")
    if not client.may_use(grant_type):
        raise ProtocolError("unauthorized_client", "The client may not use this grant type.")
    with throttle_refusals(request, client):
        jkt = read_proof(request)
        if client.must_bind_tokens and not jkt:
            raise invalid_proof("The client's tokens are bound to a key: send a proof.")
        body = _EXCHANGES[grant_type](request, known, parameters, jkt).as_json()
    return allow_origin(request, json_response(body), client)


@provider_endpoint("POST")
def introspect(request: PlatformRequest) -> HttpResponse:
    parameters = read_form(request)
    client = identify_client(request, parameters).profile
    if client.is_public:
        raise invalid_client("Only a client that proves itself may ask about tokens.")
    return json_response(describe_token(need(parameters, "token"), client, at=request.now))


@provider_endpoint("POST", "OPTIONS")
def revoke(request: PlatformRequest) -> HttpResponse:
    parameters = read_form(request)
    client = identify_client(request, parameters).profile
    give_back_token(
        client=client,
        token=need(parameters, "token"),
        actor=client_actor(request, client),
        now=request.now,
    )
    # An unknown token is as good as a revoked one (RFC 7009 2.2).
    return allow_origin(request, json_response({}), client)


def _redeem(
    request: PlatformRequest, known: KnownClient, parameters: Mapping[str, str], jkt: str
) -> TokenSet:
    return redeem_code(
        client=known.profile,
        code=need(parameters, "code"),
        redirect_uri=need(parameters, "redirect_uri"),
        verifier=parameters.get("code_verifier"),
        jkt=jkt,
        actor=client_actor(request, known.profile),
        now=request.now,
    )


def _refresh(
    request: PlatformRequest, known: KnownClient, parameters: Mapping[str, str], jkt: str
) -> TokenSet:
    return refresh_tokens(
        client=known.profile,
        refresh_token=need(parameters, "refresh_token"),
        scope=parameters.get("scope", ""),
        jkt=jkt,
        actor=client_actor(request, known.profile),
        now=request.now,
    )


def _give_to_machine(
    request: PlatformRequest, known: KnownClient, parameters: Mapping[str, str], jkt: str
) -> TokenSet:
    return issue_machine_token(
        client=known.profile,
        basis=known.machine_basis,
        jkt=jkt,
        scope=parameters.get("scope", ""),
        actor=client_actor(request, known.profile),
        now=request.now,
    )


_EXCHANGES: Mapping[str, Callable[..., TokenSet]] = {
    GrantType.CODE: _redeem,
    GrantType.REFRESH: _refresh,
    GrantType.MACHINE: _give_to_machine,
}
