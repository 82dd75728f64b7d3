"""Discovery and keys: the same for everybody, kept by everybody for a while."""

import functools
import json

from django.conf import settings
from django.http import HttpResponse

from oidc.http import provider_endpoint
from oidc.operations.keys import ensure_signing_keys
from oidc.protocol.keyring import list_published_keys
from oidc.protocol.metadata import build_metadata
from vop.lib.http import PlatformRequest

_DISCOVERY_SECONDS = 3600
_JWKS_SECONDS = 900


@provider_endpoint("GET", "HEAD")
def discovery(request: PlatformRequest) -> HttpResponse:
    return _public(_write_metadata(settings.OIDC_ISSUER), _DISCOVERY_SECONDS)


@provider_endpoint("GET", "HEAD")
def jwks(request: PlatformRequest) -> HttpResponse:
    keys = list_published_keys(request.now)
    if not keys:
        ensure_signing_keys(now=request.now)
        keys = list_published_keys(request.now)
    body = json.dumps({"keys": [key.public_jwk for key in keys]})
    return _public(body, _JWKS_SECONDS)


@functools.lru_cache(maxsize=4)
def _write_metadata(issuer: str) -> str:
    return json.dumps(build_metadata(issuer))


def _public(body: str, seconds: int) -> HttpResponse:
    headers = {
        "Cache-Control": f"public, max-age={seconds}",
        "Access-Control-Allow-Origin": "*",  # nothing in it is anybody's secret
    }
    return HttpResponse(body, content_type="application/json", headers=headers)
