"""Asking for a second factor on the way to a service: who has one proves it, who has none gets one.

Nobody else is asked, and a person who doesn't want to gets back to the service.
"""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.urls import reverse

from accounts.http import begin_second_factor
from accounts.queries import has_totp
from oidc.http import SESSION_TARGET
from oidc.protocol.errors import AuthorizationError
from oidc.protocol.step_up import is_proof_enough, read_demand
from oidc.views import answers
from oidc.views.visits import Person, Question, Visit, make_way_back


def lead_to_second_factor(visit: Visit, question: Question, person: Person) -> HttpResponse | None:
    """Return the page that asks for the missing proof, or nothing when none is missing.

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
    return _ask_to_prove(visit, person) if has_one else answers.show_set_up(visit, person)


def begin_set_up(visit: Visit) -> HttpResponse:
    """Send the person to add an authenticator app, and back here afterwards."""
    return begin_second_factor(visit.request, next_url=make_way_back(visit))


def _ask_to_prove(visit: Visit, person: Person) -> HttpResponse:
    visit.request.session[SESSION_TARGET] = visit.address.redirect_uri
    is_half = "pwd" in person.session.amr or not person.session.second_factor_at
    # A code alone is one factor: who has shown nothing else is asked for the password first.
    page = "mfa_reauthenticate" if is_half else "account_reauthenticate"
    return redirect_to_login(make_way_back(visit), reverse(page))
