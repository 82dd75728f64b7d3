"""What every request carries and every answer says."""

import functools
import re
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import cast

import structlog
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django_structlog.middlewares import RequestMiddleware
from prometheus_client import CONTENT_TYPE_LATEST

from vop.lib import health
from vop.lib.http import PlatformRequest
from vop.metrics import write_metrics

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def answer_live(request: HttpRequest) -> HttpResponse:
    """Say that this process runs, and nothing more."""
    return HttpResponse("ok\n", content_type="text/plain")


def answer_ready(request: HttpRequest) -> HttpResponse:
    """Tell in single words what works; 503 when this process can't answer people.

    A queue that is away or late is told, but people can still sign in: work waits in the outbox.
    """
    found = health.check_all(now=timezone.now())
    status = 200 if found["database"] == found["cache"] == health.OK else 503
    return JsonResponse(found, status=status, headers={"Cache-Control": "no-store"})


def answer_metrics(request: HttpRequest) -> HttpResponse:
    """Give a monitoring system its figures; the proxy keeps everybody else away."""
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(
        write_metrics(timezone.now()), content_type=CONTENT_TYPE_LATEST, headers=headers
    )


class HealthMiddleware:
    """Answer /-/live, /-/ready and /-/metrics before hosts, sessions and people are asked for.

    Otherwise a database that is away would make the orchestrator kill processes that are well.
    """

    answers: Mapping[str, Callable[[HttpRequest], HttpResponse]] = {
        "/-/live": answer_live,
        "/-/ready": answer_ready,
        "/-/metrics": answer_metrics,
    }

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answers.get(request.path, self.get_response)(request)


class RequestLogMiddleware(RequestMiddleware):
    """Log each request once, when it is over, by its path.

    The query may hold an ID token, an address, a search.
    """

    def prepare(self, request: HttpRequest) -> None:
        request_id = cast("PlatformRequest", request).request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        self.bind_user_id(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        user_agent = request.META.get("HTTP_USER_AGENT")
        structlog.contextvars.bind_contextvars(user_agent=user_agent)
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class PolicyMiddleware(CSPMiddleware):
    """The library's, which works out anew what most answers have in common."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Say what the browser may load."""
        is_special = any(name.startswith("_csp") for name in vars(response))
        if is_special or settings.DEBUG or hasattr(request, "_csp_nonce"):
            return super().process_response(request, response)
        for name, value in self._common.items():
            response.headers.setdefault(name, value)
        return response

    @functools.cached_property
    def _common(self) -> Mapping[str, str]:
        answer = super().process_response(HttpRequest(), HttpResponse())
        return {name: value for name, value in answer.headers.items() if name != "Content-Type"}


class WrongMethodMiddleware:
    """Tell a person who opens an address that only forms are sent to, which is empty by itself.

    Signing in again leads there, and so does another language, after a form that was refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_refused = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        if not is_refused or "text/html" not in request.headers.get("Accept", ""):
            return response
        page = render(request, "errors/405.html", status=HTTPStatus.METHOD_NOT_ALLOWED)
        page.headers["Allow"] = response.headers["Allow"]
        return page


class RequestFactsMiddleware:
    """Give the request its one instant and its id; answer with the id and a few headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        facts = cast("PlatformRequest", request)
        facts.now = timezone.now()
        facts.request_id = request_id
        response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return response
