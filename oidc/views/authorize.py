"""The authorization endpoint, and what a person answers on the way."""

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias, TypeVar, cast

from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import AnyRequest, note_seen, recognize, signed_in_user
from accounts.queries import get_session_ref, is_session_key
from oidc.forms import (
    FRESH_PARAMETER,
    AnswerForm,
    CompanyForm,
    Pending,
    SearchForm,
    StaleAnswerError,
    is_on_the_way,
    read_fresh_from,
)
from oidc.http import read_query, turn_into_get
from oidc.operations.grants import record_denial
from oidc.protocol.errors import AuthorizationError, ProtocolError, UnusableRequestError
from oidc.protocol.parameters import Pairs, read_once
from oidc.protocol.pushed import is_pushed, open_pushed_request
from oidc.protocol.step_up import UNMET
from oidc.queries import find_session_and_client
from oidc.views import answers
from oidc.views.flow import ask_to_sign_in, proceed, proceed_at_once
from oidc.views.step_up import begin_set_up
from oidc.views.visits import Visit, open_visit
from vop.lib.http import log_request
from vop.lib.logs import DATABASE_AWAY, log_about

F = TypeVar("F", bound=AnswerForm)
View: TypeAlias = Callable[[HttpRequest], HttpResponse]


def answered_on_the_way(view: View) -> View:
    """Take what a person posts; an answer to a request that is no more gets a page that says so."""

    @require_POST
    @functools.wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except (StaleAnswerError, UnusableRequestError):
            return answers.show_stale(request)

    return wrapper


@csrf_exempt
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Take a service's request, by GET or POST alike (Core 3.1.2.1)."""
    if request.method == "POST":
        return turn_into_get(request)
    pending, mark, problem = _read_request(request)
    try:
        pending = _open_pushed(pending, mark, cast("AnyRequest", request).now)
    except UnusableRequestError as error:
        return answers.show_unusable(request, error)
    return proceed(cast("AnyRequest", request), pending, problem=problem)


def authorize_at_once(request: AnyRequest) -> HttpResponse | None:
    """Answer a signed-in browser that needs no page, ahead of all that pages need (ADR 12).

    Nothing has happened when this returns nothing: then the request goes on to `authorize`.
    """
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if request.method != "GET" or not is_session_key(key):
        return None
    try:
        return _answer_at_once(request, key)
    except (SuspiciousOperation, UnusableRequestError, *DATABASE_AWAY):
        return None  # the long way comes upon it again, and has the page that says so


authorize.at_once = authorize_at_once  # type: ignore[attr-defined]  # for oidc.middleware


def _answer_at_once(request: AnyRequest, session_key: str) -> HttpResponse | None:
    request.get_host()  # refuses hosts that aren't ours, as for every page
    pending, mark, problem = _read_request(request)
    client_id = pending.parameters.get("client_id")
    if problem is not None or client_id is None:
        return None
    found = find_session_and_client(session_key, client_id, at=request.now)
    if found is None or not recognize(request, found[0]):
        return None
    pending = _open_pushed(pending, mark, request.now)
    with log_about(user_id=str(request.user.pk)):
        response = proceed_at_once(request, pending, found[1])
        if response is not None:
            note_seen(request)
            response.headers["Vary"], response.headers["Content-Length"] = "Cookie", "0"
            log_request(request, response)
    return response


@answered_on_the_way
def choose_company(request: HttpRequest) -> HttpResponse:
    form, pending = _read_answer(request, CompanyForm)
    return proceed(cast("AnyRequest", request), replace(pending, company=form.get_company()))


@answered_on_the_way
def search_companies(request: HttpRequest) -> HttpResponse:
    """Show the companies again: all of them, or those that fit."""
    form, pending = _read_answer(request, SearchForm)
    search = form.cleaned_data["q"]
    return proceed(cast("AnyRequest", request), replace(pending, company=""), search=search)


@answered_on_the_way
def keep_account(request: HttpRequest) -> HttpResponse:
    _form, pending = _read_answer(request, AnswerForm)
    return proceed(cast("AnyRequest", request), replace(pending, is_account_confirmed=True))


@answered_on_the_way
def switch_account(request: HttpRequest) -> HttpResponse:
    """Sign out, which the person asked for, and sign somebody else in."""
    visit = _read_visit(request)
    logout(request)
    return ask_to_sign_in(visit)


@answered_on_the_way
def give_consent(request: HttpRequest) -> HttpResponse:
    _form, pending = _read_answer(request, AnswerForm)
    return proceed(cast("AnyRequest", request), pending, is_consented=True)


@answered_on_the_way
def refuse_consent(request: HttpRequest) -> HttpResponse:
    visit = _read_visit(request)
    record_denial(
        client=visit.client,
        company=None,
        reason="consent_refused",
        actor=visit.request.actor,
        now=visit.request.now,
    )
    return answers.answer_error(visit, AuthorizationError("access_denied"))


@answered_on_the_way
def set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """Lead to setting up the second factor that the service demands, and back."""
    visit = _read_visit(request)
    return begin_set_up(visit)


@answered_on_the_way
def refuse_second_factor(request: HttpRequest) -> HttpResponse:
    """Leave for the service without the second factor that it demands."""
    visit = _read_visit(request)
    record_denial(
        client=visit.client,
        company=None,
        reason="second_factor_refused",
        actor=visit.request.actor,
        now=visit.request.now,
    )
    return answers.answer_error(visit, AuthorizationError(UNMET))


@answered_on_the_way
def go_back(request: HttpRequest) -> HttpResponse:
    """Leave for the service without an access."""
    visit = _read_visit(request)
    return answers.answer_error(visit, AuthorizationError("access_denied"))


def _read_request(request: HttpRequest) -> tuple[Pending, str, AuthorizationError | None]:
    """Return what is asked, our own mark of those who are back, and what is wrong with it."""
    pairs: Pairs = ()
    try:
        pairs = read_query(request)
        parameters, problem = dict(read_once(pairs)), None
    except ProtocolError as error:
        # What stands there once and cleanly may still say where the refusal goes.
        times = Counter(name for name, _value in pairs)
        parameters = {
            name: value for name, value in pairs if times[name] == 1 and "\0" not in value
        }
        problem = AuthorizationError(error.error, error.description)
    mark = parameters.pop(FRESH_PARAMETER, "")
    fresh_from = read_fresh_from(mark, parameters)
    return Pending(parameters, proof_asked_at=fresh_from), mark, problem


def _open_pushed(pending: Pending, mark: str, now: datetime) -> Pending:
    """Put what was pushed in the place of everything that the browser brought (RFC 9126 4)."""
    if not is_pushed(pending.parameters):
        return pending
    is_back = is_on_the_way(mark, pending.parameters)
    pushed = open_pushed_request(pending.parameters, at=now, is_under_way=is_back)
    parameters = dict(pushed.parameters)
    if is_back:  # then all of it is signed: what is left of the prompts is ours
        parameters["prompt"] = pending.parameters.get("prompt", "")
    request_uri = pending.parameters["request_uri"]
    return replace(pending, parameters=parameters, request_uri=request_uri)


def _read_answer(request: HttpRequest, kind: type[F]) -> tuple[F, Pending]:
    form = kind(request.POST)
    if not form.is_valid():
        raise StaleAnswerError
    user = signed_in_user(request)
    ref = get_session_ref(request) if user else ""
    return form, Pending.unseal(form.cleaned_data["pending"], user, ref)


def _read_visit(request: HttpRequest) -> Visit:
    _form, pending = _read_answer(request, AnswerForm)
    return open_visit(cast("AnyRequest", request), pending)
