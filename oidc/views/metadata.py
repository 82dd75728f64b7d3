"""Discovery and keys: the same for everybody, kept by everybody for a while."""

import functools

from django.conf import settings
from django.http import HttpResponse
from django.utils.cache import get_conditional_response

from oidc.http import provider_endpoint
from oidc.operations.keys import ensure_signing_keys
from oidc.protocol.documents import PublicDocument
from oidc.protocol.keyring import write_jwks
from oidc.protocol.metadata import build_metadata
from vop.lib.http import PlatformRequest

_DISCOVERY_SECONDS = 3600
_JWKS_SECONDS = 900


@provider_endpoint("GET", "HEAD")
def discovery(request: PlatformRequest) -> HttpResponse:
    return _public(request, _write_metadata(settings.OIDC_ISSUER), _DISCOVERY_SECONDS)


@provider_endpoint("GET", "HEAD")
def jwks(request: PlatformRequest) -> HttpResponse:
    document = write_jwks(request.now)
    if document is None:
        ensure_signing_keys(now=request.now)
        document = write_jwks(request.now)
    return _public(request, document or PublicDocument.write({"keys": []}), _JWKS_SECONDS)


@functools.lru_cache(maxsize=4)
def _write_metadata(issuer: str) -> PublicDocument:
    return PublicDocument.write(build_metadata(issuer))


def _public(request: PlatformRequest, document: PublicDocument, seconds: int) -> HttpResponse:
    """Answer with a document, or that the asker has it already."""
    headers = {"Cache-Control": f"public, max-age={seconds}", "ETag": document.etag}
    full = HttpResponse(document.body, content_type="application/json", headers=headers)
    answer = get_conditional_response(request, etag=document.etag, response=full) or full
    answer.headers["Access-Control-Allow-Origin"] = "*"  # nothing in it is anybody's secret
    return answer
