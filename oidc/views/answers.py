"""How an authorization request is answered: on the client's redirect URI, or by a page of ours."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _

from accounts.http import opened_signup
from accounts.models import User
from companies.models import Company, Permission
from companies.queries import list_people_who_may
from oidc.forms import Pending
from oidc.http import NO_STORE, allow_form_target
from oidc.operations.keys import get_signer
from oidc.protocol.errors import AuthorizationError, UnusableRequestError
from oidc.protocol.jose import sign
from oidc.protocol.redirects import put_on
from oidc.views.visits import Person, Visit, make_way_back
from services.access import NoAccess, Refusal

logger = logging.getLogger(__name__)

SIGNED_ANSWER_LASTS = timedelta(minutes=5)
SEARCH_FROM = 10
SHOWN_COMPANIES = 50
# Who can mend it: whoever gives seats, or whoever buys; for the rest nobody in the company can.
_GIVERS = {
    Refusal.NO_SEAT: Permission.SEAT_ASSIGN,
    Refusal.NOT_ENTITLED: Permission.ORDER_CREATE,
    Refusal.NO_ROLE: Permission.ROLE_ASSIGN,
}
# A stranger isn't told who runs a company.
_ADVICE = {
    Refusal.NOT_A_MEMBER: _("Ask somebody who administers the company to invite you."),
    Refusal.COMPANY_CLOSED: _("Nobody at the company can change that. Our support can."),
    Refusal.PERSON_DISABLED: _("Our support knows why."),
    Refusal.SERVICE_NOT_OFFERED: _("Ask the service's support what comes in its place."),
}
SCOPE_TEXTS = {
    "openid": _("Know that it is you, and for which company you act"),
    "profile": _("See your name and language"),
    "email": _("See your e-mail address"),
    "offline_access": _("Stay signed in when you close the browser"),
}


def is_posted(visit: Visit) -> bool:
    """Tell whether answers go to the client by a form on a page of ours, not by a redirect."""
    return visit.address.response_mode.startswith("form_post")


def answer_client(visit: Visit, parameters: Mapping[str, str]) -> HttpResponse:
    """Send an answer to the client, with the issuer (RFC 9207) and the state, if it sent one."""
    address = visit.address
    full = {**parameters, "iss": settings.OIDC_ISSUER}
    if address.state is not None:
        full["state"] = address.state
    if address.response_mode.endswith("jwt"):
        full = {"response": _sign(visit, full)}
    if is_posted(visit):
        context = {"action": address.redirect_uri, "parameters": full, "client": visit.client}
        return _show(visit, "oidc/form_post.html", context)
    # 303 after a form, so that the browser never posts a person's answer on to the client.
    status = 303 if visit.request.method == "POST" else 302
    target = put_on(address.redirect_uri, full)
    return HttpResponseRedirect(target, status=status, headers=NO_STORE)


def _sign(visit: Visit, parameters: Mapping[str, str]) -> str:
    """Sign an answer for its client (JARM 2.1); its `typ` keeps it from being an ID token."""
    now = visit.request.now
    exp = int((now + SIGNED_ANSWER_LASTS).timestamp())
    claims = {**parameters, "aud": visit.client.client_id_text, "exp": exp}
    signer = get_signer(visit.client.id_token_alg, now=now)
    return sign(claims, signer, typ="authorization-response+jwt")


def answer_error(visit: Visit, error: AuthorizationError) -> HttpResponse:
    """Send a refusal to the client."""
    name = visit.client.client_id_text
    logger.info("Client %s was refused: %s %s", name, error.error, error.description)
    described = {"error_description": error.description} if error.description else {}
    return answer_client(visit, {"error": error.error, **described})


def show_unusable(request: HttpRequest, error: UnusableRequestError) -> HttpResponse:
    """Say that the request can't be answered; never redirect to an address nobody registered."""
    logger.info("An authorization request can't be answered: %s", error.reason)
    return render(request, "oidc/unusable.html", {"reason": error.reason}, status=400)


def show_stale(request: HttpRequest) -> HttpResponse:
    """Say that a form is too old, or somebody else's."""
    logger.info("%s refused: the form is too old, or another person's or session's", request.path)
    return render(request, "oidc/stale.html", status=400)


def show_accounts(visit: Visit, person: Person, *, may_stay: bool) -> HttpResponse:
    """Ask whether to go on as the signed-in person or as somebody else."""
    context = {"person": person.user, "may_stay": may_stay, **_own(visit, person, visit.pending)}
    return _show(visit, "oidc/account.html", context)


def show_companies(visit: Visit, person: Person, companies: Sequence[Company]) -> HttpResponse:
    """Ask for which company; a long list can be searched."""
    wanted = visit.search.casefold().strip()
    digits = wanted.replace("-", "")
    found = [
        company
        for company in companies
        if wanted in company.name.casefold() or (digits and digits in company.org_number)
    ]
    context = {
        "companies": found[:SHOWN_COMPANIES],
        "more": max(0, len(found) - SHOWN_COMPANIES),
        "has_search": len(companies) >= SEARCH_FROM,
        "search": visit.search,
        **_own(visit, person, visit.pending),
    }
    return _show(visit, "oidc/company.html", context)


def show_no_access(
    visit: Visit, person: Person, company: Company | None, decision: NoAccess, *, may_choose: bool
) -> HttpResponse:
    """Say why not, who can give the access, and the way back."""
    permission = _GIVERS.get(decision.reason)
    helpers: Sequence[User] = ()
    if company is not None and permission is not None:
        helpers = list_people_who_may(permission, company.pk, at=visit.request.now)
    context = {
        "company": company,
        "decision": decision,
        "helpers": helpers,
        "advice": _ADVICE.get(decision.reason, ""),
        "may_choose": may_choose,
        **_own(visit, person, visit.pending),
    }
    return _show(visit, "oidc/no_access.html", context, status=403)


def show_consent(
    visit: Visit, person: Person, company: Company, scopes: frozenset[str], pending: Pending
) -> HttpResponse:
    """Ask whether the service may have what it asks for."""
    context = {
        "company": company,
        "scopes": [SCOPE_TEXTS[scope] for scope in SCOPE_TEXTS if scope in scopes],
        **_own(visit, person, pending),
    }
    return _show(visit, "oidc/consent.html", context)


def show_sign_up(visit: Visit) -> HttpResponse:
    """Explain how one gets an account; the request goes on from here (prompt=create)."""
    address = visit.address
    refusal = {"error": "access_denied", "iss": settings.OIDC_ISSUER}
    if address.state is not None:
        refusal["state"] = address.state
    is_plain = address.response_mode == "query"
    context = {
        "client": visit.client,
        "service": visit.client.service,
        "is_invited": opened_signup(visit.request) is not None,
        "next_url": make_way_back(visit),
        "back_url": put_on(address.redirect_uri, refusal) if is_plain else "",
    }
    return _show(visit, "oidc/sign_up.html", context)


def show_set_up(visit: Visit, person: Person, company: Company | None = None) -> HttpResponse:
    """Say that the service, or the company, asks for a second factor; lead to setting one up."""
    context = {**_own(visit, person, visit.pending), "asking_company": company}
    return _show(visit, "oidc/second_factor.html", context)


def _own(visit: Visit, person: Person, pending: Pending) -> dict[str, Any]:
    return {
        "client": visit.client,
        "service": visit.client.service,
        "pending": pending.seal(person.user, person.session.ref),
    }


def _show(
    visit: Visit, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    response = render(visit.request, template, dict(context), status=status)
    add_never_cache_headers(response)
    return allow_form_target(response, visit.address.redirect_uri)
