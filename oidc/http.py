"""Protocol endpoints: forms in, JSON out, refusals with their names, and nothing remembered.

An endpoint carries `is_provider_endpoint`; oidc.middleware calls it before sessions, CSRF and
messages, none of which a service's request has any use for.
"""

import functools
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import OperationalError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    UnreadablePostError,
)
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt

from accounts.queries import get_authentication, get_session_ref
from auditlog.actors import Actor
from oidc.models import ClientProfile
from oidc.operations.authentication import authenticate_client, recall_client
from oidc.operations.grants import SessionFacts
from oidc.operations.proofs import spend_proof
from oidc.protocol.client_auth import read_credentials
from oidc.protocol.dpop import verify_proof
from oidc.protocol.errors import ProtocolError, invalid_client
from oidc.protocol.locales import choose_language
from oidc.protocol.parameters import Pairs, read_once, read_pairs
from oidc.protocol.redirects import origin_of
from oidc.queries import Caller, ClientChangedError, is_allowed_origin
from vop.lib.crypto import digest
from vop.lib.http import PlatformRequest, client_ip

logger = logging.getLogger(__name__)

Endpoint: TypeAlias = Callable[[PlatformRequest], HttpResponse]
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
FORM = "application/x-www-form-urlencoded"
_FRAMES_SECONDS = 2  # for the services' pages to load; then on, whether they did or not
_MAX_QUERY = 16_000
_COUNTED_SECONDS = 300
_MAX_FAILURES = 30  # of client authentication, per client and address
_MAX_REFUSALS = 300  # of codes and tokens; a service of many people has some every day
_MAX_PUSHED = 300  # by a public client from one address


def provider_endpoint(*methods: str) -> Callable[[Endpoint], Callable[[HttpRequest], HttpResponse]]:
    """Make a view a protocol endpoint that answers these methods.

    OPTIONS is answered here, for pages of our clients' origins (CORS); nobody else needs it.
    """

    def decorate(view: Endpoint) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @functools.wraps(view)
        def wrapper(request: HttpRequest) -> HttpResponse:
            if (
                "OPTIONS" in methods
                and request.method == "OPTIONS"
                and "HTTP_ORIGIN" in request.META
            ):
                return _answer_preflight(request)
            if request.method not in methods or request.method == "OPTIONS":
                allowed = {"Allow": ", ".join(methods)}
                logger.info("%s refused: no such method here", request.path)
                return error_response(ProtocolError("invalid_request", status=405, headers=allowed))
            try:
                return view(cast("PlatformRequest", request))
            except ProtocolError as error:
                # Our own words alone: what was sent may be a code, a token or a secret.
                logger.info("%s refused: %s %s", request.path, error.error, error.description)
                response = error_response(error)
                return _show_to_browser(request, response) if "OPTIONS" in methods else response
            except OperationalError:
                # SQLite after 20 s of waiting for others, or a database that is away.
                logger.exception("The database did not answer a provider endpoint")
                return error_response(ProtocolError("temporarily_unavailable", status=503))

        wrapper.is_provider_endpoint = True  # type: ignore[attr-defined]
        return wrapper

    return decorate


def json_response(body: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Answer with JSON that nobody may keep."""
    return _write_json(body, status=status, headers=NO_STORE)


def error_response(error: ProtocolError) -> HttpResponse:
    """Answer a refusal."""
    return _write_json(error.as_json(), status=error.status, headers={**NO_STORE, **error.headers})


def _write_json(
    body: Mapping[str, Any], *, status: int, headers: Mapping[str, str]
) -> HttpResponse:
    # As JsonResponse, which makes an encoder for dates and money each time: these are texts.
    return HttpResponse(
        json.dumps(body).encode(),
        content_type="application/json",
        status=status,
        headers=headers,
    )


def read_form(request: HttpRequest) -> Mapping[str, str]:
    """Return the parameters of a form body.

    Raises: ProtocolError.
    """
    if request.content_type != FORM:
        raise ProtocolError("invalid_request", f"Send {FORM}.")
    if (request.encoding or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise ProtocolError("invalid_request", "Send it in UTF-8.")
    try:
        sent = request.body
    except (SuspiciousOperation, UnreadablePostError) as error:
        raise ProtocolError("invalid_request", "The body can't be read.") from error
    return read_once(read_pairs(sent))


def read_query(request: HttpRequest) -> Pairs:
    """Return the names and values of the address.

    Raises: ProtocolError.
    """
    return read_pairs(request.META.get("QUERY_STRING", "").encode("latin-1"))  # as WSGI writes it


def answer_client(
    request: PlatformRequest,
    parameters: Mapping[str, str],
    answer: Callable[[Caller], HttpResponse],
) -> HttpResponse:
    """Answer a client that is remembered, if it is and still as it was; otherwise identify it.

    A refusal is only final if what it rests on is known to stand: else all is asked anew. A proof
    of a key (RFC 9449) can be shown once, so that its request can't be asked about twice.

    Raises: ProtocolError.
    """
    shown = read_credentials(request.META.get("HTTP_AUTHORIZATION", ""), parameters)
    caller = None if "HTTP_DPOP" in request.META else recall_client(shown)
    if caller is not None:
        try:
            return answer(caller)
        except ClientChangedError:
            pass
        except ProtocolError:
            if caller.is_confirmed:
                raise
    return answer(identify_client(request, parameters))


def identify_client(request: PlatformRequest, parameters: Mapping[str, str]) -> Caller:
    """Return the client that makes a request; too many failures are told to slow down.

    A secret has 256 random bits, so guessing is hopeless with or without a limit: the limit
    spares the machine, and is asked only after a failure, so that it costs the honest nothing.

    Raises: ProtocolError.
    """
    credentials = read_credentials(request.META.get("HTTP_AUTHORIZATION", ""), parameters)
    if "\0" in credentials.client_id:
        raise invalid_client("The client is unknown.")
    try:
        return authenticate_client(credentials=credentials, now=request.now)
    except ProtocolError as error:
        if _count("failed", request, credentials.client_id) > _MAX_FAILURES:
            raise _slow_down(error) from error
        raise


@contextmanager
def throttle_refusals(request: PlatformRequest, caller: Caller) -> Iterator[None]:
    """Slow down who shows one wrong code or token after the other.

    A public client has no proof, so that anybody can be it: its requests are stopped ahead, the
    others' only once they failed again, so that an honest one always gets through.

    Raises: ProtocolError.
    """
    client = caller.profile
    name = client.client_id_text
    if client.is_public and cache.get(_name("refused", request, name), 0) > _MAX_REFUSALS:
        raise _slow_down(ProtocolError("temporarily_unavailable"))
    try:
        yield
    except ProtocolError as error:
        if not caller.is_confirmed:  # then it isn't the last word
            raise
        if _count("refused", request, name) > _MAX_REFUSALS:
            raise _slow_down(error) from error
        raise


def throttle_pushes(request: PlatformRequest, client: ClientProfile) -> None:
    """Keep anybody from filling the database with requests of a client that needs no proof.

    Raises: ProtocolError.
    """
    if client.is_public and _count("pushed", request, client.client_id_text) > _MAX_PUSHED:
        raise _slow_down(ProtocolError("temporarily_unavailable"))


def read_proof(request: PlatformRequest, *, token: str = "") -> str:
    """Return the thumbprint of the key that a request proves to hold, or "" without a proof.

    Raises: ProtocolError.
    """
    shown = request.META.get("HTTP_DPOP")
    if shown is None:
        return ""
    address = f"{settings.OIDC_ISSUER}/{request.path_info.removeprefix('/oidc/')}"
    method = request.method or ""
    proof = verify_proof(shown, method=method, url=address, at=request.now, token=token)
    spend_proof(proof=proof)
    return proof.jkt


def client_actor(request: PlatformRequest, client: ClientProfile) -> Actor:
    """Return the client as the one who acts."""
    return Actor(
        kind="client",
        id=client.client_id_text[:64],
        label=str(client.client.name),
        ip=client_ip(request, trusted_proxies=settings.TRUSTED_PROXY_COUNT),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        request_id=request.request_id,
    )


def allow_origin(
    request: HttpRequest, response: HttpResponse, client: ClientProfile | None
) -> HttpResponse:
    """Let the client's own pages read the answer, without cookies (row 34)."""
    origin = request.META.get("HTTP_ORIGIN")
    if origin:
        response.headers["Vary"] = "Origin"
    if origin and client and origin in map(origin_of, client.redirect_uris):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _answer_preflight(request: HttpRequest) -> HttpResponse:
    """Tell a browser whether a page of that origin may call, with a token, without cookies."""
    response = _show_to_browser(request, HttpResponse(status=204))
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, DPoP"
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def speak_as_asked(ui_locales: str) -> None:
    """Let this page speak a language that the client names, if we speak one of them."""
    language = choose_language(ui_locales)
    if language:
        translation.activate(language)


def read_session(request: HttpRequest) -> SessionFacts:
    """Return what the signed-in person's session proves; another browser's says nothing here."""
    proof = get_authentication(request)
    return SessionFacts(
        ref=get_session_ref(request),
        auth_time=proof.auth_time,
        amr=proof.amr,
        acr=proof.acr,
        second_factor_at=proof.second_factor_at,
    )


def turn_into_get(request: HttpRequest) -> HttpResponse:
    """Lead a POST of another site to the same request by GET (Core 3.1.2.1).

    The POST comes without our cookies (SameSite=Lax), the GET that follows comes with them.
    """
    query = request.POST.urlencode()
    if len(query) > _MAX_QUERY:
        raise BadRequest("The request is too long.")
    return HttpResponseRedirect(f"{request.path}?{query}", status=303)


def allow_form_target(response: HttpResponse, uri: str) -> HttpResponse:
    """Let a form of this page lead on to a client.

    Chromium holds every redirect after a form against form-action (facts: w3c/webappsec-csp#8).
    """
    update = {"form-action": [origin_of(uri)]}
    response._csp_update = update  # type: ignore[attr-defined]  # noqa: SLF001 (django-csp's seam)
    return response


def allow_frames(response: HttpResponse, uris: Iterable[str]) -> HttpResponse:
    """Let this page load pages of services in frames."""
    update = {"frame-src": sorted({origin_of(uri) for uri in uris})}
    response._csp_update = update  # type: ignore[attr-defined]  # noqa: SLF001 (django-csp's seam)
    return response


def show_frames(request: HttpRequest, frames: Sequence[str], following: str) -> HttpResponse:
    """Say that the session is over while services hear of it in frames, then lead on."""
    context = {"frames": frames, "next": following, "seconds": _FRAMES_SECONDS}
    response = HttpResponse(render_to_string("oidc/signing_out.html", context, request))
    add_never_cache_headers(response)
    return allow_frames(response, frames)


def _show_to_browser(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Let pages of any client's origin read an answer that names no client."""
    response.headers["Vary"] = "Origin"
    origin = request.META.get("HTTP_ORIGIN", "")
    if origin and "\0" not in origin and is_allowed_origin(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _name(what: str, request: HttpRequest, client_id: str) -> str:
    ip = client_ip(request, trusted_proxies=settings.TRUSTED_PROXY_COUNT)
    return f"oidc.{what}.{digest(f'{client_id} {ip}')}"


def _count(what: str, request: HttpRequest, client_id: str) -> int:
    name = _name(what, request, client_id)
    cache.add(name, 0, _COUNTED_SECONDS)
    try:
        return int(cache.incr(name))
    except ValueError:  # expired between the two
        return 0


def _slow_down(error: ProtocolError) -> ProtocolError:
    headers = {**error.headers, "Retry-After": str(_COUNTED_SECONDS)}
    return ProtocolError(error.error, "Too many failures.", status=429, headers=headers)
