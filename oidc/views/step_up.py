"""Asking for a second factor on the way to a service: who has one proves it, who has none gets one.

Nobody else is asked, and a person who doesn't want to gets back to the service.
"""

from collections.abc import Callable
from functools import partial

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.urls import reverse

from accounts.http import begin_second_factor, prove_second_factor
from accounts.queries import has_totp
from companies.models import Company
from oidc.protocol.errors import AuthorizationError
from oidc.protocol.step_up import is_proof_enough, read_demand
from oidc.views import answers
from oidc.views.visits import Person, Question, Visit, make_way_back
from services.access import Refusal


def lead_to_second_factor(
    visit: Visit, question: Question, person: Person
) -> Callable[[], HttpResponse] | None:
    """Return what makes the page that asks for the missing proof, or nothing when none is missing.

    Raises: AuthorizationError.
    """
    demand = read_demand(question.asked, visit.client)
    if not (demand.is_wanted or demand.is_required):
        return None
    session = person.session
    if is_proof_enough(
        demand,
        acr=session.acr,
        second_factor_at=session.second_factor_at,
        asked_at=visit.pending.proof_asked_at,
        at=visit.request.now,
    ):
        return None
    has_one = has_totp(person.user)
    if not demand.is_required and (question.is_silent or not has_one):
        return None
    if question.is_silent:
        raise AuthorizationError("login_required" if has_one else "interaction_required")
    return partial(_ask_to_prove, visit) if has_one else partial(answers.show_set_up, visit, person)


def lead_to_company_proof(
    visit: Visit, question: Question, person: Person, company: Company, reason: Refusal
) -> Callable[[], HttpResponse] | None:
    """Return what makes the page that asks for a proof that a company misses, if one helps.

    Asked once the company is known, and only of those who could work for it.

    Raises: AuthorizationError.
    """
    if reason not in {Refusal.SECOND_FACTOR_MISSING, Refusal.SESSION_TOO_OLD}:
        return None
    if reason == Refusal.SESSION_TOO_OLD:
        if question.is_silent:
            raise AuthorizationError("login_required")
        return partial(_lead_to, visit, "account_reauthenticate")
    has_one = has_totp(person.user)
    if question.is_silent:
        raise AuthorizationError("login_required" if has_one else "interaction_required")
    if has_one:
        return partial(_ask_to_prove, visit)
    return partial(answers.show_set_up, visit, person, company)


def begin_set_up(visit: Visit) -> HttpResponse:
    """Send the person to add an authenticator app, and back here afterwards."""
    return begin_second_factor(visit.request, next_url=make_way_back(visit))


def _ask_to_prove(visit: Visit) -> HttpResponse:
    return prove_second_factor(visit.request, next_url=make_way_back(visit))


def _lead_to(visit: Visit, page: str) -> HttpResponse:
    return redirect_to_login(make_way_back(visit), reverse(page))
