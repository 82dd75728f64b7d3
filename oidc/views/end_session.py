"""Signing out on a service's request."""

import logging
from collections.abc import Mapping
from typing import cast

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import AnyRequest, signed_in_user
from accounts.models import User
from accounts.queries import get_session_ref
from oidc.forms import AnswerForm, PendingLogout, StaleAnswerError
from oidc.http import allow_form_target, read_query, show_frames, turn_into_get
from oidc.operations.grants import make_sid
from oidc.protocol.errors import ProtocolError
from oidc.protocol.logout import LogoutRequest, list_logout_frames, read_logout_request
from oidc.protocol.parameters import read_once

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def end_session(request: HttpRequest) -> HttpResponse:
    """End the session that the ID token belongs to; in any doubt ask the person first."""
    if request.method == "POST":
        return turn_into_get(request)
    try:
        parameters: Mapping[str, str] = read_once(read_query(request))
    except ProtocolError:
        parameters = {"id_token_hint": "unreadable"}
    asked = read_logout_request(parameters, at=cast("AnyRequest", request).now)
    if not asked.is_sound:
        logger.info("A logout request can't be believed: hint, client or address")
    user = signed_in_user(request)
    if user is None:
        return _leave(request, asked.address)
    if _is_own(request, asked, user):
        return _sign_out(request, asked.address)
    return _ask(request, asked, user)


@require_POST
def confirm_logout(request: HttpRequest) -> HttpResponse:
    """End the session, as the person just said."""
    form = AnswerForm(request.POST)
    user = signed_in_user(request)
    try:
        address = PendingLogout.unseal(form["pending"].value() or "", user).redirect_uri
    except StaleAnswerError:
        logger.info("A logout was not confirmed: the form is too old, or another person's")
        return render(request, "oidc/stale.html", status=400)
    return _sign_out(request, address)


def signed_out(request: HttpRequest) -> HttpResponse:
    """Say that the session is over."""
    return render(request, "oidc/signed_out.html")


def _is_own(request: HttpRequest, asked: LogoutRequest, user: User) -> bool:
    """Tell whether the hint is of this very person and session (row 11)."""
    company = asked.hint.get("company")
    if not asked.is_sound or asked.hint.get("sub") != str(user.sub):
        return False
    if not isinstance(company, dict):
        return False
    return asked.hint.get("sid") == make_sid(get_session_ref(request), company.get("id", ""))


def _ask(request: HttpRequest, asked: LogoutRequest, user: User) -> HttpResponse:
    context = {
        "pending": PendingLogout(asked.address).seal(user),
        "service": asked.client.service if asked.client and asked.is_sound else None,
    }
    response = render(request, "oidc/logout.html", context)
    add_never_cache_headers(response)
    return allow_form_target(response, asked.address) if asked.address else response


def _sign_out(request: HttpRequest, address: str) -> HttpResponse:
    """End the session, and let the browser tell the services that listen in it."""
    frames = list_logout_frames(get_session_ref(request))
    logout(request)
    if not frames:
        return _leave(request, address)
    return show_frames(request, frames, address or reverse("oidc_signed_out"))


def _leave(request: HttpRequest, address: str) -> HttpResponse:
    status = 303 if request.method == "POST" else 302
    response = HttpResponseRedirect(address or reverse("oidc_signed_out"), status=status)
    add_never_cache_headers(response)
    return response
