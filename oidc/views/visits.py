"""One look at an authorization request: who asks, what, from which browser session."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from accounts.http import AnyRequest, signed_in_user
from accounts.models import User
from companies.models import Proof
from oidc.forms import FRESH_PARAMETER, Pending, sign_fresh_from
from oidc.http import read_session, speak_as_asked
from oidc.models import ClientProfile
from oidc.operations.grants import SessionFacts
from oidc.protocol.authorization import (
    AuthorizationRequest,
    ReturnAddress,
    read_authorization_request,
    read_return_address,
)
from oidc.protocol.errors import AuthorizationError, UnusableRequestError
from oidc.protocol.keyring import read_own_jwt
from oidc.queries import find_client


@dataclass(frozen=True, slots=True)
class Visit:
    """A request whose client and return address hold, so that it can be answered."""

    request: AnyRequest
    pending: Pending
    client: ClientProfile
    address: ReturnAddress
    is_consented: bool = False
    search: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what the ID token that was shown along says of whom it means."""

    asked: AuthorizationRequest
    hint: dict[str, Any] | None

    @property
    def subjects(self) -> frozenset[str]:
        """Whom the client means, by its hint and its `claims` (Core 3.1.2.2, 5.5.1)."""
        named = {self.asked.claims.sub, str((self.hint or {}).get("sub", ""))}
        return frozenset(named - {""})

    @property
    def is_silent(self) -> bool:
        """Whether no page may be shown."""
        return "none" in self.asked.prompts


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at the keyboard, and since when in this session."""

    user: User
    session: SessionFacts

    def prove_from(self, ip: str) -> Proof:
        """Return what is known of the session, used from an address."""
        return Proof(self.session.auth_time, "mfa" in self.session.amr, ip)


def open_visit(
    request: AnyRequest, pending: Pending, *, is_consented: bool = False, search: str = ""
) -> Visit:
    """Return a visit that can be answered.

    Raises: UnusableRequestError.
    """
    client_id = pending.parameters.get("client_id")
    client = find_client(client_id) if client_id else None
    if client is None:
        raise UnusableRequestError("client_id is missing or unknown")
    visit = make_visit(request, pending, client)
    speak_as_asked(pending.parameters.get("ui_locales", ""))
    return replace(visit, is_consented=is_consented, search=search)


def make_visit(request: AnyRequest, pending: Pending, client: ClientProfile) -> Visit:
    """Return the visit of a known client.

    Raises: UnusableRequestError.
    """
    return Visit(request, pending, client, read_return_address(pending.parameters, client))


def read_question(visit: Visit) -> Question:
    """Check what the client asks.

    Raises: AuthorizationError.
    """
    asked = read_authorization_request(
        visit.pending.parameters, visit.client, is_pushed=bool(visit.pending.request_uri)
    )
    hint = None
    if asked.id_token_hint:
        hint = read_own_jwt(asked.id_token_hint, at=visit.request.now)
        if hint is None:
            raise AuthorizationError("invalid_request", "id_token_hint is not ours.")
    return Question(asked, hint)


def make_way_back(visit: Visit) -> str:
    """Return the address that takes up this request after a proof, with the second it counts from.

    The second is signed together with what the client asked (row 14).
    """
    parameters = _read_way_back(visit.pending)
    parameters[FRESH_PARAMETER] = sign_fresh_from(visit.request.now, parameters)
    return f"{reverse('oidc_authorize')}?{urlencode(parameters)}"


def _read_way_back(pending: Pending) -> dict[str, str]:
    if pending.request_uri:  # what was pushed stands here, not in an address (RFC 9126 4)
        kept = {**pending.parameters, "request_uri": pending.request_uri}
        names = ("client_id", "request_uri", "prompt")
        return {name: kept[name] for name in names if kept.get(name)}
    kept = {name: value for name, value in pending.parameters.items() if name != FRESH_PARAMETER}
    return {**kept, "company": pending.company} if pending.company else kept


def read_person(visit: Visit) -> Person | None:
    """Return who is signed in."""
    user = signed_in_user(visit.request)
    return Person(user, read_session(visit.request)) if user else None
