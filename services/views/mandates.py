"""Pages of one mandate, for both its parties."""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import demand_fresh_proof
from accounts.queries import get_authentication
from companies import operations as companies_operations
from companies.access import get_mandate_for
from companies.http import CompanyRequest, company_page
from companies.models import (
    MANDATE_STATE_LABELS,
    Mandate,
    MandateState,
    Membership,
    Permission,
)
from companies.operations import check_manages, requesting_permission
from companies.queries import (
    find_active_member,
    list_active_members,
    list_assignments,
    list_consents,
    list_replaceable,
)
from services.forms import ApprovalForm, EndForm, LeadForm
from services.operations import Answer, approve_mandate, describe_terms
from services.queries import list_covered, map_assigned
from services.rendering import make_consent
from vop.lib.clock import local_date
from vop.lib.errors import DomainError

SUGGESTIONS = 200  # more than that and one types the address


@require_safe
@company_page(Permission.MANDATE_VIEW)
def mandate(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """Show what a mandate covers, how long, who works under it, and what can be done about it."""
    return _render(request, get_mandate_for(request.company, mandate_id))


@require_POST
@company_page(Permission.MANDATE_APPROVE)
def approve(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """Say yes to the text that was shown, and to no other."""
    found = get_mandate_for(request.company, mandate_id)
    form = _approval_form(request, found, is_sent=True)
    if form.is_valid():
        demand_fresh_proof(request, _("Approve the mandate"))
        try:
            approve_mandate(
                mandate=found,
                answer=Answer(form.cleaned_data["text_sha256"], read_method(request)),
                replacement=form.make_replacement(request.now),
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            messages.success(request, str(_("The mandate is approved.")))
            return _lead_back(request, found)
    return _render(request, found, approval=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


@require_POST
@company_page(Permission.MANDATE_APPROVE)
def decline(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    done = _("The request is declined.")
    return _change(request, mandate_id, companies_operations.decline_mandate, done)


@require_POST
@company_page(Permission.MANDATE_REQUEST)
def withdraw(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    done = _("The request is withdrawn.")
    return _change(request, mandate_id, companies_operations.withdraw_mandate, done)


@require_POST
@company_page(Permission.MANDATE_END)
def end(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """End a mandate at once, or after a day."""
    found = get_mandate_for(request.company, mandate_id)
    form = EndForm(request.POST, today=local_date(request.now))
    if form.is_valid():
        try:
            companies_operations.end_mandate(
                mandate=found,
                acting=request.membership,
                actor=request.actor,
                now=request.now,
                at=form.end,
            )
        except DomainError as error:
            form.add_error("last_day", str(error.message))
        else:
            messages.success(request, str(_("The end of the mandate is set. Nothing is deleted.")))
            return _lead_back(request, found)
    return _render(request, found, ending=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


@require_POST
@company_page(Permission.MANDATE_REQUEST)
def change_lead(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """Make somebody of the firm responsible for the client."""
    found = get_mandate_for(request.company, mandate_id)
    form = _lead_form(request, found, is_sent=True)
    if form.is_valid():
        try:
            companies_operations.change_lead(
                mandate=found,
                lead=form.chosen_lead,
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error("lead", str(error.message))
        else:
            messages.success(request, str(_("The engagement lead is changed.")))
            return _lead_back(request, found)
    return _render(request, found, lead=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def suggest_colleagues(request: CompanyRequest) -> Sequence[Membership]:
    """List whose addresses a page suggests."""
    return list_active_members(request.company.pk, at=request.now, limit=SUGGESTIONS)


def read_method(request: CompanyRequest) -> str:
    """Return how the person of this session proved who they are, for a consent."""
    return " ".join(get_authentication(request).amr)


def _change(
    request: CompanyRequest,
    mandate_id: uuid.UUID,
    operation: Callable[..., object],
    done: str | Promise,
) -> HttpResponse:
    found = get_mandate_for(request.company, mandate_id)
    try:
        operation(mandate=found, acting=request.membership, actor=request.actor, now=request.now)
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, str(done))
    return _lead_back(request, found)


def _lead_back(request: CompanyRequest, found: Mandate) -> HttpResponse:
    return redirect("services:mandate", request.company.pk, found.pk)


def _render(
    request: CompanyRequest,
    found: Mandate,
    *,
    approval: ApprovalForm | None = None,
    ending: EndForm | None = None,
    lead: LeadForm | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    may = _list_rights(request, found, found.state_at(request.now))
    is_asked = may["may_answer"]
    context = {
        **_describe(request, found),
        "approval": (approval or _approval_form(request, found)) if is_asked else None,
        "text": _write_text(found) if is_asked else "",
        "ending": (ending or EndForm(today=local_date(request.now))) if may["may_end"] else None,
        "renew_url": _renew_url(request, found) if may["may_end"] else "",
        "lead_form": (lead or _lead_form(request, found)) if may["may_lead"] else None,
        "people_to_lead": suggest_colleagues(request) if may["may_lead"] else (),
        **may,
    }
    return render(request, "services/mandate.html", context, status=status)


def _describe(request: CompanyRequest, found: Mandate) -> dict[str, object]:
    state = found.state_at(request.now)
    assigned = list(list_assignments(found, at=request.now))
    parts = map_assigned(assigned)
    return {
        "mandate": found,
        "state": MANDATE_STATE_LABELS[state],
        "is_active": state is MandateState.ACTIVE,
        "is_waiting": state is MandateState.REQUESTED,
        "is_client": found.client_id == request.company.pk,
        "covered": list_covered(found),
        "people": [{"assignment": each, "covered": parts[each.pk]} for each in assigned],
        "consents": list_consents(found),
    }


def _list_rights(request: CompanyRequest, found: Mandate, state: MandateState) -> dict[str, bool]:
    side = found.side_of(request.company.pk)
    is_waiting = state is MandateState.REQUESTED
    is_agreed = not is_waiting and state is not MandateState.ENDED
    is_firm = side == Mandate.Side.FIRM
    may = request.permissions
    asks = requesting_permission(side)
    return {
        "may_answer": is_waiting
        and side != found.requested_side
        and Permission.MANDATE_APPROVE in may,
        "may_withdraw": is_waiting and side == found.requested_side and asks in may,
        "may_end": is_agreed and Permission.MANDATE_END in may,
        "may_lead": is_agreed and is_firm and Permission.MANDATE_REQUEST in may,
        "may_assign": is_agreed and is_firm and may_manage(request, found),
    }


def _renew_url(request: CompanyRequest, found: Mandate) -> str:
    """Return where the same is asked for anew, if the person may."""
    side = found.side_of(request.company.pk)
    if requesting_permission(side) not in request.permissions:
        return ""
    page = "ask_firm" if side == Mandate.Side.CLIENT else "ask_client"
    return f"{reverse(f'services:{page}', args=[request.company.pk])}?from={found.pk}"


def may_manage(request: CompanyRequest, found: Mandate) -> bool:
    """Tell whether the person may decide who works for a client."""
    try:
        check_manages(request.membership, found, at=request.now)
    except DomainError:
        return False
    return True


def _write_text(found: Mandate) -> str:
    return make_consent(describe_terms(found), list_covered(found), method="").text


def _approval_form(
    request: CompanyRequest, found: Mandate, *, is_sent: bool = False
) -> ApprovalForm:
    is_client = found.client_id == request.company.pk
    consent = make_consent(describe_terms(found), list_covered(found), method="")
    return ApprovalForm(
        request.POST if is_sent else None,
        text_sha256=consent.sha256,
        others=list_replaceable(found, at=request.now) if is_client else (),
    )


def _lead_form(request: CompanyRequest, found: Mandate, *, is_sent: bool = False) -> LeadForm:
    return LeadForm(
        request.POST if is_sent else None,
        find_lead=partial(find_active_member, found.firm_id, at=request.now),
        held=found.lead,
    )
