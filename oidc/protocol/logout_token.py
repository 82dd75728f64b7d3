"""The token that tells a service that a session is over (Back-Channel Logout 1.0, 2.4)."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from oidc.models import LogoutDelivery

TYP = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = timedelta(minutes=2)


def build_logout_token(delivery: LogoutDelivery, *, at: datetime) -> Mapping[str, Any]:
    """Return the claims; a nonce is forbidden in them, so that none passes for an ID token."""
    return {
        "iss": settings.OIDC_ISSUER,
        "aud": delivery.client.client_id_text,
        "iat": int(at.timestamp()),
        "exp": int((at + LIFETIME).timestamp()),
        "jti": secrets.token_urlsafe(16),
        "sub": delivery.sub,
        "sid": delivery.sid,
        "events": {EVENT: {}},
    }
