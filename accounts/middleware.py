"""Who acts, as one value per request, and when they were last here."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.http import AnyRequest, build_actor, note_seen, signed_in_user
from auditlog.actors import Actor


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
        note_seen(cast("AnyRequest", request))
        if request.session.accessed:  # whoever sits here next, or a proxy, must not find it
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response
