"""Pushed authorization requests (RFC 9126)."""

from django.http import HttpResponse

from oidc.http import (
    allow_origin,
    identify_client,
    json_response,
    provider_endpoint,
    read_form,
    read_proof,
    throttle_pushes,
)
from oidc.operations.pushed import PUSHED_LASTS, push_request
from oidc.protocol.pushed import bind_to_key, read_pushed_parameters
from vop.lib.http import PlatformRequest


@provider_endpoint("POST", "OPTIONS")
def push(request: PlatformRequest) -> HttpResponse:
    parameters = read_form(request)
    client = identify_client(request, parameters).profile
    throttle_pushes(request, client)
    kept = read_pushed_parameters(parameters, client, at=request.now)
    kept = bind_to_key(kept, read_proof(request))
    body = {
        "request_uri": push_request(client=client, parameters=kept, now=request.now),
        "expires_in": int(PUSHED_LASTS.total_seconds()),
    }
    return allow_origin(request, json_response(body, status=201), client)
