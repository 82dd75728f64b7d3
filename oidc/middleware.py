"""The provider's place in every request: its endpoints early, its CSP exception late."""

import functools
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver, reverse
from django.urls.resolvers import RoutePattern, URLPattern

from accounts.queries import get_session_ref, read_sign_in_target
from oidc.http import allow_form_target, show_frames, speak_as_asked
from oidc.protocol.logout import list_logout_frames
from oidc.protocol.redirects import is_registered
from oidc.queries import find_client, find_pushed_request
from vop.lib.crypto import digest
from vop.lib.http import PlatformRequest
from vop.lib.logs import log_about

_FOUND = 302
View = Callable[..., HttpResponse | None]


class EndpointMiddleware:
    """Call protocol endpoints before sessions, CSRF, locale and messages: they need none.

    A page that can sometimes answer without these (`at_once`) is asked here first, too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PlatformRequest) -> HttpResponse:
        view = _list_endpoints().get(request.path_info)
        if view is None:
            return self.get_response(request)
        with log_about(request_id=request.request_id):
            response = view(request)
        return self.get_response(request) if response is None else response


class ProviderMiddleware:
    """Let sign-in pages submit on to the service that asked, and services hear of sign-outs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        speak_as_asked(_read_locales(request))
        if request.method == "POST" and request.path == reverse("account_logout"):
            return self._sign_out(request)
        response = self.get_response(request)
        if _is_page(response) and not hasattr(response, "_csp_update"):
            target = _find_target(request)
            if target:
                allow_form_target(response, target)
        return response

    def _sign_out(self, request: HttpRequest) -> HttpResponse:
        """Sign out of the portal; who has services open goes by way of their frames."""
        frames = list_logout_frames(get_session_ref(request))
        response = self.get_response(request)
        is_over = response.status_code == _FOUND and not request.user.is_authenticated
        return (
            show_frames(request, frames, response.headers["Location"])
            if is_over and frames
            else response
        )


@functools.cache
def _list_endpoints() -> Mapping[str, View]:
    # By name, not by import: the files of a room that answer requests don't know each other.
    patterns: list[Any] = get_resolver("oidc.urls").url_patterns
    found = {
        f"/{pattern.pattern}": _choose_early(pattern.callback)
        for pattern in patterns
        if isinstance(pattern, URLPattern) and isinstance(pattern.pattern, RoutePattern)
    }
    return {path: view for path, view in found.items() if view is not None}


def _choose_early(view: Any) -> View | None:
    early: View | None = getattr(view, "at_once", None)
    return view if getattr(view, "is_provider_endpoint", False) else early


def _read_locales(request: HttpRequest) -> str:
    """Return the languages of the authorization request that a page leads back to."""
    following = request.GET.get("next", "")
    if not following or not following.startswith(reverse("oidc_authorize")):
        return ""
    try:
        return parse_qs(urlsplit(following).query).get("ui_locales", [""])[0]
    except ValueError:
        return ""


def _is_page(response: HttpResponse) -> bool:
    is_html = response.headers.get("Content-Type", "").startswith("text/html")
    return is_html and "Location" not in response.headers


def _find_target(request: HttpRequest) -> str:
    """Return the redirect URI of the authorization request that this page leads back to."""
    following = request.GET.get("next") or request.POST.get("next") or ""
    if not following and settings.SESSION_COOKIE_NAME in request.COOKIES:
        # Later steps of a sign-in (a second factor, say) don't carry `next` in their address.
        following = read_sign_in_target(request)
    if following and following.startswith(reverse("oidc_authorize")):
        return _read_target(following)
    return ""


def _read_target(following: str) -> str:
    try:
        asked = parse_qs(urlsplit(following).query)
    except ValueError:
        return ""
    client_id, uri, request_uri = (
        asked.get(name, [""])[0] for name in ("client_id", "redirect_uri", "request_uri")
    )
    if not client_id or "\0" in client_id:
        return ""
    client = find_client(client_id)
    if request_uri and client is not None:
        uri = _read_pushed_target(client_id, request_uri)
    return uri if client is not None and is_registered(uri, client) else ""


def _read_pushed_target(client_id: str, request_uri: str) -> str:
    pushed = find_pushed_request(digest(request_uri))
    if pushed is None or pushed.client.client_id_text != client_id:
        return ""
    return str(pushed.parameters["redirect_uri"])
