"""What every request of the platform carries once the middleware has run."""

import ipaddress
from datetime import datetime

from django.http import HttpRequest


class PlatformRequest(HttpRequest):
    """A request with its one instant (aware, UTC) and its id."""

    now: datetime
    request_id: str


def client_ip(request: HttpRequest, *, trusted_proxies: int) -> str:
    """Return the address of the client, believing only as many proxies as we run ourselves.

    With n trusted proxies the n-th address from the right of X-Forwarded-For was written by the
    outermost of them; anything further left came from the client and proves nothing.
    """
    remote: str = request.META.get("REMOTE_ADDR", "")
    hops: list[str] = [
        hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    ]
    if trusted_proxies and len(hops) >= trusted_proxies and _is_address(hops[-trusted_proxies]):
        return hops[-trusted_proxies]
    return remote


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
