"""The steps from a service's request to a code.

Every way in, also each answer of a person, runs through `_decide`, which decides everything
anew: no step can be walked around by coming in elsewhere (row 9). A decision is a value: the
authorization that may be granted, or the page that must come first, which isn't made before
somebody asks for it. So a request that needs no page can be answered before anything that pages
need (`proceed_at_once`), and the decision is the same (docs/adr/0012).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.urls import reverse

from accounts.http import AnyRequest, is_address, store_session
from accounts.operations import SessionGoneError
from companies.models import Company
from oidc.forms import Pending
from oidc.models import ClientProfile
from oidc.operations.grants import grant_authorization, record_denial, remember_consent
from oidc.protocol.errors import AuthorizationError, UnusableRequestError
from oidc.protocol.step_up import choose_acr
from oidc.queries import (
    Workplace,
    find_only_workplace,
    find_workplace,
    list_companies_of,
    list_consented_scopes,
)
from oidc.views import answers
from oidc.views.step_up import lead_to_company_proof, lead_to_second_factor
from oidc.views.visits import (
    Person,
    Question,
    Visit,
    make_visit,
    make_way_back,
    open_visit,
    read_person,
    read_question,
)
from services.access import Access, NoAccess, Refusal, access_in_session

Page: TypeAlias = Callable[[], HttpResponse]


@dataclass(frozen=True, slots=True)
class Grantable:
    """An authorization that nothing stands in the way of."""

    question: Question
    person: Person
    company: Company
    access: Access


def proceed(
    request: AnyRequest,
    pending: Pending,
    *,
    problem: AuthorizationError | None = None,
    is_consented: bool = False,
    search: str = "",
) -> HttpResponse:
    """Take an authorization request as far as it goes: a code, a refusal, or the next page."""
    try:
        visit = open_visit(request, pending, is_consented=is_consented, search=search)
    except UnusableRequestError as error:
        return answers.show_unusable(request, error)
    if problem is not None:
        return answers.answer_error(visit, problem)
    try:
        decision = _decide(visit)
        return _grant(visit, decision) if isinstance(decision, Grantable) else decision()
    except AuthorizationError as error:
        return answers.answer_error(visit, error)
    except UnusableRequestError as error:  # its request_uri gave a code meanwhile
        return answers.show_unusable(request, error)


def proceed_at_once(
    request: AnyRequest, pending: Pending, client: ClientProfile
) -> HttpResponse | None:
    """Redirect back with a code where nothing stands in the way; else nothing has happened."""
    try:
        visit = make_visit(request, pending, client)
        decision = _decide(visit)
        if not isinstance(decision, Grantable) or answers.is_posted(visit):
            return None
        code = _get_code(visit, decision)
    except (AuthorizationError, UnusableRequestError, SessionGoneError):
        return None
    return answers.answer_client(visit, {"code": code})


def ask_to_sign_in(visit: Visit) -> HttpResponse:
    """Send the person to sign in, or to prove again who they are, and back here."""
    following = make_way_back(visit)
    if visit.request.user.is_authenticated:
        return redirect_to_login(following, reverse("account_reauthenticate"))
    return redirect_to_login(following, _make_login_address(visit))


def _make_login_address(visit: Visit) -> str:
    """Return the sign-in page, with the address filled in that the client guesses."""
    page = reverse("account_login")
    hint = visit.pending.parameters.get("login_hint", "")
    return f"{page}?{urlencode({'login': hint})}" if is_address(hint) else page


def _decide(visit: Visit) -> Grantable | Page:
    """Decide about a request, and change nothing.

    Raises: AuthorizationError.
    """
    question = read_question(visit)
    person = read_person(visit)
    if "create" in question.asked.prompts and not visit.pending.proof_asked_at:
        return partial(answers.show_sign_up, visit)
    if person is None or _needs_proof(visit, question, person):
        _keep_silence(question, "login_required")
        return partial(ask_to_sign_in, visit)
    is_meant = question.subjects <= {str(person.user.sub)}
    if not is_meant or _needs_account(visit, question, person):
        _keep_silence(question, "login_required")
        return partial(answers.show_accounts, visit, person, may_stay=is_meant)
    return _decide_company(visit, question, person)


def _decide_company(visit: Visit, question: Question, person: Person) -> Grantable | Page:
    service, now = visit.client.service, visit.request.now
    wanted = _read_wanted_company(visit, question)
    if wanted is not None:
        place = find_workplace(person.user, wanted, service, at=now)
        return _decide_access(visit, question, person, place)
    only = find_only_workplace(person.user, service, at=now)
    places = [only] if only else [Workplace(c) for c in list_companies_of(person.user, at=now)]
    number = question.asked.org_number
    if number:
        places = [place for place in places if place.company.org_number == number]
    if len(places) > 1:
        _keep_silence(question, "interaction_required")
        return partial(answers.show_companies, visit, person, [each.company for each in places])
    return _decide_access(visit, question, person, places[0] if places else None)


def _decide_access(
    visit: Visit, question: Question, person: Person, place: Workplace | None
) -> Grantable | Page:
    if place is None:
        no_access = NoAccess(Refusal.NOT_A_MEMBER)
        return partial(_refuse, visit, question, person, None, no_access)
    company, service, now = place.company, visit.client.service, visit.request.now
    proof = person.prove_from(visit.request.actor.ip)
    decision = access_in_session(person.user, company, service, proof, now, basis=place.basis)
    if isinstance(decision, NoAccess):
        way_on = lead_to_company_proof(visit, question, person, company, decision.reason)
        return way_on or partial(_refuse, visit, question, person, company, decision)
    # Once the company is known, so that nobody proves or sets up a factor in vain.
    step_up = lead_to_second_factor(visit, question, person)
    if step_up is not None:
        return step_up
    if _needs_consent(visit, question, person):
        _keep_silence(question, "consent_required")
        # The answer belongs to this company, whatever is chosen in another tab meanwhile.
        pending = replace(visit.pending, company=str(company.pk))
        consented = question.asked.consented
        return partial(answers.show_consent, visit, person, company, consented, pending)
    return Grantable(question, person, company, decision)


def _refuse(
    visit: Visit, question: Question, person: Person, company: Company | None, decision: NoAccess
) -> HttpResponse:
    record_denial(
        client=visit.client,
        company=company,
        reason=decision.reason.value,
        actor=visit.request.actor,
        now=visit.request.now,
    )
    _keep_silence(question, "access_denied")
    may_choose = bool(visit.pending.company)
    return answers.show_no_access(visit, person, company, decision, may_choose=may_choose)


def _grant(visit: Visit, wanted: Grantable) -> HttpResponse:
    if visit.is_consented:
        remember_consent(
            client=visit.client,
            user=wanted.person.user,
            company=wanted.company,
            scopes=wanted.question.asked.consented,
            actor=visit.request.actor,
            now=visit.request.now,
        )
    store_session(visit.request)
    try:
        code = _get_code(visit, wanted)
    except SessionGoneError:  # signed out in another tab, this very moment
        _keep_silence(wanted.question, "login_required")
        return _start_over(visit)
    return answers.answer_client(visit, {"code": code})


def _get_code(visit: Visit, wanted: Grantable) -> str:
    """Write down the authorization and return its code.

    Raises: SessionGoneError, UnusableRequestError.
    """
    asked, session = wanted.question.asked, wanted.person.session
    return grant_authorization(
        client=visit.client,
        user=wanted.person.user,
        company=wanted.company,
        access=wanted.access,
        session=replace(session, acr=choose_acr(asked, session.acr)),
        asked=asked,
        redirect_uri=visit.address.redirect_uri,
        request_uri=visit.pending.request_uri,
        actor=visit.request.actor,
        now=visit.request.now,
    )


def _start_over(visit: Visit) -> HttpResponse:
    visit.request.session.flush()
    visit.request.user = AnonymousUser()
    return ask_to_sign_in(visit)


def _keep_silence(question: Question, error: str) -> None:
    """Refuse instead of showing a page when the client said prompt=none (Core 3.1.2.6)."""
    if question.is_silent:
        raise AuthorizationError(error)


def _needs_proof(visit: Visit, question: Question, person: Person) -> bool:
    asked = question.asked
    if not person.session.ref:  # a grant that no session's end could end must not come to be
        return True
    if _is_fresh(visit, person):
        return False
    if "login" in asked.prompts:
        return True
    age = visit.request.now - person.session.auth_time
    return asked.max_age is not None and age.total_seconds() > asked.max_age


def _needs_account(visit: Visit, question: Question, person: Person) -> bool:
    if visit.pending.is_account_confirmed or _is_fresh(visit, person):
        return False
    return "select_account" in question.asked.prompts


def _is_fresh(visit: Visit, person: Person) -> bool:
    """Tell whether the person proved who they are since this request asked them to.

    Nobody is signed out to make them sign in (row 14), and there is no loop however long it took.
    """
    asked_at = visit.pending.proof_asked_at
    return bool(asked_at) and int(person.session.auth_time.timestamp()) >= asked_at


def _needs_consent(visit: Visit, question: Question, person: Person) -> bool:
    if visit.is_consented:
        return False
    if "consent" in question.asked.prompts:
        return True
    if visit.client.service.is_first_party:
        return False
    given = list_consented_scopes(visit.client, person.user, at=visit.request.now)
    return not question.asked.consented <= given


def _read_wanted_company(visit: Visit, question: Question) -> uuid.UUID | None:
    """Return the company that the person chose, else that the client named, else the hint's."""
    if visit.pending.company:
        return uuid.UUID(visit.pending.company)
    asked = question.asked
    if asked.company is not None or asked.org_number or question.hint is None:
        return asked.company
    company = question.hint.get("company")
    return uuid.UUID(company["id"]) if isinstance(company, dict) and "id" in company else None
