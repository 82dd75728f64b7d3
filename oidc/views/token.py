"""Token, introspection and revocation: what services ask for with their own proof."""

from collections.abc import Callable, Mapping

from django.http import HttpResponse

from oidc.http import (
    allow_origin,
    answer_client,
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
from oidc.queries import Caller
from vop.lib.http import PlatformRequest


@provider_endpoint("POST", "OPTIONS")
def token(request: PlatformRequest) -> HttpResponse:
    parameters = read_form(request)
    grant_type = need(parameters, "grant_type")

    def answer(caller: Caller) -> HttpResponse:
        client = caller.profile
        if grant_type not in _EXCHANGES:
            raise ProtocolError("unsupported_grant_type")
        if not client.may_use(grant_type):
            raise ProtocolError("unauthorized_client", "The client may not use this grant type.")
        with throttle_refusals(request, caller):
            jkt = read_proof(request)
            if client.must_bind_tokens and not jkt:
                raise invalid_proof("The client's tokens are bound to a key: send a proof.")
            body = _EXCHANGES[grant_type](request, caller, parameters, jkt).as_json()
        return allow_origin(request, json_response(body), client)

    return answer_client(request, parameters, answer)


@provider_endpoint("POST")
def introspect(request: PlatformRequest) -> HttpResponse:
    parameters = read_form(request)

    def answer(caller: Caller) -> HttpResponse:
        if caller.profile.is_public:
            raise invalid_client("Only a client that proves itself may ask about tokens.")
        return json_response(describe_token(need(parameters, "token"), caller, at=request.now))

    return answer_client(request, parameters, answer)


@provider_endpoint("POST", "OPTIONS")
def revoke(request: PlatformRequest) -> HttpResponse:
    parameters = read_form(request)
    caller = identify_client(request, parameters)
    give_back_token(
        caller=caller,
        token=need(parameters, "token"),
        actor=client_actor(request, caller.profile),
        now=request.now,
    )
    # An unknown token is as good as a revoked one (RFC 7009 2.2).
    return allow_origin(request, json_response({}), caller.profile)


def _redeem(
    request: PlatformRequest, caller: Caller, parameters: Mapping[str, str], jkt: str
) -> TokenSet:
    return redeem_code(
        caller=caller,
        code=need(parameters, "code"),
        redirect_uri=need(parameters, "redirect_uri"),
        verifier=parameters.get("code_verifier"),
        jkt=jkt,
        actor=client_actor(request, caller.profile),
        now=request.now,
    )


def _refresh(
    request: PlatformRequest, caller: Caller, parameters: Mapping[str, str], jkt: str
) -> TokenSet:
    return refresh_tokens(
        caller=caller,
        refresh_token=need(parameters, "refresh_token"),
        scope=parameters.get("scope", ""),
        jkt=jkt,
        actor=client_actor(request, caller.profile),
        now=request.now,
    )


def _give_to_machine(
    request: PlatformRequest, caller: Caller, parameters: Mapping[str, str], jkt: str
) -> TokenSet:
    return issue_machine_token(
        caller=caller,
        jkt=jkt,
        scope=parameters.get("scope", ""),
        actor=client_actor(request, caller.profile),
        now=request.now,
    )


_EXCHANGES: Mapping[str, Callable[..., TokenSet]] = {
    GrantType.CODE: _redeem,
    GrantType.REFRESH: _refresh,
    GrantType.MACHINE: _give_to_machine,
}
