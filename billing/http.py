"""The API of the accounts: a key in, JSON out, every refusal as a problem (RFC 9457)."""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from auditlog.actors import Actor
from billing.models import ErpConnection
from billing.queries import find_erp_key
from vop.lib import limits
from vop.lib.crypto import digest
from vop.lib.errors import DomainError
from vop.lib.http import PlatformRequest, client_ip

logger = logging.getLogger(__name__)

P = ParamSpec("P")

NO_STORE: Final = {"Cache-Control": "no-store"}
CALLS_A_MINUTE: Final = 600
FAILURES_A_WINDOW: Final = 30
_MINUTE: Final = 60
_FAILURE_WINDOW: Final = 300
_LONGEST_KEY: Final = 200


class ErpRequest(PlatformRequest):
    """A request of a system of the seller's, known by its key."""

    connection: ErpConnection
    actor: Actor


class Problem(Exception):  # noqa: N818 (RFC 9457 calls it so)
    """A refusal of the API."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


ErpView: TypeAlias = Callable[Concatenate[ErpRequest, P], HttpResponse]
Endpoint: TypeAlias = Callable[Concatenate[HttpRequest, P], HttpResponse]


def erp_endpoint(*methods: str) -> Callable[[ErpView[P]], Endpoint[P]]:
    """Make a view an endpoint of the API that answers these methods, to known keys alone."""

    def decorate(view: ErpView[P]) -> Endpoint[P]:
        @csrf_exempt
        @functools.wraps(view)
        def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            asked = cast("ErpRequest", request)
            with translation.override("en"):
                try:
                    _check_method(request, methods)
                    _identify(asked)
                    return view(asked, *args, **kwargs)
                except Problem as problem:
                    logger.info("%s refused: %s", request.path, problem.detail)
                    return _answer(problem)
                except Http404:
                    return _answer(Problem(HTTPStatus.NOT_FOUND, "There is no such basis."))
                except DomainError as error:
                    return _answer(Problem(HTTPStatus.CONFLICT, str(error.message)))

        return wrapper

    return decorate


def json_response(body: Mapping[str, Any]) -> HttpResponse:
    """Answer with JSON that nobody may keep."""
    return JsonResponse(body, headers=NO_STORE, json_dumps_params={"ensure_ascii": False})


def read_json(request: HttpRequest) -> dict[str, str]:
    """Return the object in a body, all of whose values are texts, amounts too.

    Raises: Problem.
    """
    if request.content_type != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
    try:
        body = json.loads(request.body)
    except (ValueError, UnreadablePostError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "The body is no JSON.") from error
    if not isinstance(body, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "Send a JSON object.")
    if not all(isinstance(value, str) for value in body.values()):
        raise Problem(HTTPStatus.BAD_REQUEST, "Every value must be a text, amounts too.")
    return body


def _check_method(request: HttpRequest, methods: tuple[str, ...]) -> None:
    if request.method not in methods:
        allowed = ", ".join(methods)
        detail = f"This address answers {allowed}."
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})


def _identify(request: ErpRequest) -> None:
    """Find out whose key this is; too many calls, or wrong keys, are told to slow down.

    A key has 256 random bits, so guessing is hopeless with or without a limit.
    """
    ip = client_ip(request, trusted_proxies=settings.TRUSTED_PROXY_COUNT)
    scheme, _space, shown = request.headers.get("Authorization", "").partition(" ")
    shown = shown.strip()
    is_key = scheme.lower() == "bearer" and 0 < len(shown) <= _LONGEST_KEY
    key = find_erp_key(digest(shown), at=request.now) if is_key else None
    if key is None:
        if limits.count(f"erp.failed.{digest(ip)}", seconds=_FAILURE_WINDOW) > FAILURES_A_WINDOW:
            raise _slow_down(_FAILURE_WINDOW)
        headers = {"WWW-Authenticate": 'Bearer realm="vop"'}
        raise Problem(HTTPStatus.UNAUTHORIZED, "Send an API key that holds.", headers)
    if limits.count(f"erp.calls.{key.pk}", seconds=_MINUTE) > CALLS_A_MINUTE:
        raise _slow_down(_MINUTE)
    request.connection = key.connection
    request.actor = Actor(
        kind="client",
        id=str(key.connection.pk),
        label=key.connection.name,
        ip=ip,
        user_agent=request.headers.get("User-Agent", ""),
        request_id=request.request_id,
    )


def _slow_down(seconds: int) -> Problem:
    headers = {"Retry-After": str(seconds)}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "Too many calls: slow down.", headers)


def _answer(problem: Problem) -> HttpResponse:
    body = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    response = JsonResponse(body, status=problem.status, headers={**NO_STORE, **problem.headers})
    response.headers["Content-Type"] = "application/problem+json"
    return response
