"""What every request of the platform carries once the middleware has run."""

import functools
import ipaddress
from datetime import datetime

import structlog
from django.http import HttpRequest, HttpResponse

_LONGEST_ADDRESS = 45  # IPv6 with an IPv4 address written within
_requests = structlog.get_logger("django_structlog.middlewares.request")  # one name for both


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


def log_request(request: HttpRequest, response: HttpResponse) -> None:
    """Log a request that is over, as vop.middleware does for those that get that far."""
    _requests.info(
        "request_finished",
        code=response.status_code,
        request=f"{request.method} {request.path}",
        user_agent=request.META.get("HTTP_USER_AGENT"),
    )


def _is_address(text: str) -> bool:
    return len(text) <= _LONGEST_ADDRESS and _can_be_read(text)


@functools.lru_cache(maxsize=4096)
def _can_be_read(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
