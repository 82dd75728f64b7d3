"""Redirect URIs: which may be registered, which match, and how answers are put on them."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext_lazy as _

from oidc.models import ClientProfile
from vop.lib.errors import DomainError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_URI_LENGTH = 2000


class RedirectUriError(DomainError):
    message = _("An address must be https without a fragment, or http on this very machine.")


def check_client_uri(uri: str) -> None:
    """Refuse an address that a client may not register (RFC 9700 2.1, 4.1).

    Raises: RedirectUriError.
    """
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 (raises when it is no number)
    except ValueError as error:
        raise RedirectUriError from error
    plain = uri.isascii() and uri.isprintable() and not set(uri) & set(' "<>\\^`{|}')
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
    )
    bare = bool(parts.hostname) and "#" not in uri and "@" not in parts.netloc and ";" not in uri
    if not (plain and is_safe and bare and len(uri) <= MAX_URI_LENGTH):
        raise RedirectUriError


def is_registered(uri: str, client: ClientProfile) -> bool:
    """Compare character by character; only a native app's loopback port is free (RFC 8252 7.3)."""
    if uri in client.redirect_uris:
        return True
    if not client.is_public:
        return False
    bare = _without_loopback_port(uri)
    return bare is not None and bare in map(_without_loopback_port, client.redirect_uris)


def _without_loopback_port(uri: str) -> str | None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "::1"}:
        return None
    suffix = f":{port}" if port is not None else ""
    host = "[::1]" if parts.hostname == "::1" else "127.0.0.1"
    # Anything but host and port in the authority (a user name, say) makes it another address.
    if parts.netloc != host + suffix:
        return None
    return f"http://{host}" + uri.removeprefix(f"http://{host}{suffix}")


def origin_of(uri: str) -> str:
    """Return scheme, host and port, as a Content-Security-Policy or CORS header names them."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def put_on(uri: str, parameters: Mapping[str, str]) -> str:
    """Add parameters to a URI that may have a query already; every value is encoded (row 25)."""
    if not parameters:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"
