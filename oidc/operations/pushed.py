"""Keeping a pushed authorization request until its code is given out (RFC 9126)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from oidc.models import ClientProfile, PushedRequest
from oidc.operations.grants import make_token
from oidc.protocol.pushed import REQUEST_URI_PREFIX
from vop.lib.crypto import digest
from vop.lib.db import use_case

PUSHED_LASTS = timedelta(seconds=60)


@use_case
def push_request(*, client: ClientProfile, parameters: Mapping[str, str], now: datetime) -> str:
    """Keep checked parameters and return the `request_uri` that stands for them."""
    request_uri = REQUEST_URI_PREFIX + make_token()
    PushedRequest.objects.create(
        digest=digest(request_uri),
        client=client,
        parameters=dict(parameters),
        created_at=now,
        expires_at=now + PUSHED_LASTS,
    )
    return request_uri
