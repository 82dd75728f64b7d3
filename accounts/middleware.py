"""Who acts, as one value per request, and when they were last here."""

from collections.abc import Callable
from datetime import timedelta
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.adapter import SessionStore
from accounts.http import AnyRequest, build_actor, signed_in_user
from accounts.operations import touch_session
from auditlog.actors import Actor

SEEN_EVERY = timedelta(minutes=5)


class ActorMiddleware:
    """Give the request its actor, built when first asked for: many requests never ask.

    What depends on a session is kept nowhere, unless its view says otherwise.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = SimpleLazyObject(lambda: build_actor(request, signed_in_user(request)))
        cast("AnyRequest", request).actor = cast("Actor", actor)
        response = self.get_response(request)
        _note_seen(cast("AnyRequest", request))
        if request.session.accessed:  # whoever sits here next, or a proxy, must not find it
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


def _note_seen(request: AnyRequest) -> None:
    """Keep "last seen" right to a few minutes without a write per request."""
    session = cast("SessionStore", request.session)
    if session.seen_at is None or request.now - session.seen_at < SEEN_EVERY:
        return
    if session.session_key and not session.modified:  # a modified one is saved anyway
        touch_session(session_key=session.session_key, now=request.now)
