"""Asking for a mandate: filled in, read as the text that both sides agree to, then sent."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.http import demand_fresh_proof
from companies.access import get_mandate_for
from companies.http import CompanyRequest, company_page
from companies.models import Company, Mandate, Permission, parse_org_number
from companies.operations import (
    DEFAULT_MONTHS,
    Consent,
    ForeignLeadError,
    MandateDatesError,
    MandateTerms,
    NotAFirmError,
    OwnFirmError,
    StartLaterError,
    StartPassedError,
    TooLongError,
    check_terms,
)
from companies.queries import find_active_member, get_company_by_number
from services.forms import MandateForm
from services.models import Package
from services.operations import Answer, NothingChosenError, TextChangedError, request_mandate
from services.queries import cover, list_covered, list_offered_services
from services.rendering import make_consent
from services.views.mandates import read_method, suggest_colleagues
from vop.lib.clock import add_months, local_date
from vop.lib.errors import DomainError, NotFound

_FIELD_OF: Mapping[type[DomainError], str] = {
    NotAFirmError: "org_number",
    OwnFirmError: "org_number",
    StartPassedError: "first_day",
    StartLaterError: "first_day",
    MandateDatesError: "last_day",
    TooLongError: "last_day",
    ForeignLeadError: "lead",
}


class UnknownCompanyError(DomainError):
    message = gettext_lazy("No company with this number is registered here.")


@company_page(Permission.MANDATE_APPROVE)
def ask_firm(request: CompanyRequest) -> HttpResponse:
    """Let a client's owner offer a firm a mandate."""
    return _ask(request, Mandate.Side.CLIENT)


@company_page(Permission.MANDATE_REQUEST)
def ask_client(request: CompanyRequest) -> HttpResponse:
    """Let a firm ask a client for a mandate."""
    if not request.company.is_firm:
        raise NotFound
    return _ask(request, Mandate.Side.FIRM)


def _ask(request: CompanyRequest, side: Mandate.Side) -> HttpResponse:
    form = _build_form(request, side)
    consent: Consent | None = None
    if request.method == "POST" and form.is_valid():
        try:
            terms = _read_terms(request, form, side)
            consent = _read_consent(request, form, terms)
            if form.cleaned_data["text_sha256"]:
                if side == Mandate.Side.CLIENT:  # to ask as the client is to consent
                    demand_fresh_proof(request, _("Ask the firm"))
                return _send(request, form, terms)
            form.show_text(consent.sha256)
        except TextChangedError as error:
            form.add_error(None, str(error.message))
            form.show_text(consent.sha256 if consent else "")
        except DomainError as error:
            field = _FIELD_OF.get(type(error), "org_number" if consent is None else None)
            is_about_items = isinstance(error, NothingChosenError)
            form.add_error(None if is_about_items else field, str(error.message))
    is_client = side == Mandate.Side.CLIENT
    people = () if is_client else suggest_colleagues(request)
    context = {"form": form, "consent": consent, "is_client": is_client, "people": people}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "services/ask_mandate.html", context, status=status)


def _send(request: CompanyRequest, form: MandateForm, terms: MandateTerms) -> HttpResponse:
    mandate = request_mandate(
        terms=terms,
        covered=cover(form.chosen),
        answer=Answer(form.cleaned_data["text_sha256"], read_method(request)),
        acting=request.membership,
        actor=request.actor,
        now=request.now,
    )
    messages.success(request, _("The request is sent. The other side has 30 days to answer."))
    return redirect("services:mandate", request.company.pk, mandate.pk)


def _read_terms(request: CompanyRequest, form: MandateForm, side: Mandate.Side) -> MandateTerms:
    """Return what was filled in, as far as it can be had at all."""
    own = request.company
    number = parse_org_number(own.country, form.cleaned_data["org_number"])
    other = get_company_by_number(number)
    if other is None:
        raise UnknownCompanyError
    client, firm = (own, other) if side == Mandate.Side.CLIENT else (other, own)
    terms = MandateTerms(client, firm, side, form.first, form.end, form.chosen_lead)
    check_terms(terms, now=request.now)
    return terms


def _read_consent(request: CompanyRequest, form: MandateForm, terms: MandateTerms) -> Consent:
    covered = cover(form.chosen)
    if not covered:
        raise NothingChosenError
    return make_consent(terms, covered, method=read_method(request))


def _build_form(request: CompanyRequest, side: Mandate.Side) -> MandateForm:
    is_firm = side == Mandate.Side.FIRM
    find_lead = partial(find_active_member, request.company.pk, at=request.now)
    return MandateForm(
        request.POST.copy() if request.method == "POST" else None,
        initial=_read_initial(request, side),
        services=list_offered_services(),
        find_lead=find_lead if is_firm else None,
    )


def _read_initial(request: CompanyRequest, side: Mandate.Side) -> Mapping[str, Any]:
    """Return what the form begins with: a year from today, or what an earlier mandate had."""
    today = local_date(request.now)
    initial: dict[str, Any] = {
        "first_day": today,
        "last_day": add_months(today, DEFAULT_MONTHS) - timedelta(days=1),
    }
    try:
        earlier = get_mandate_for(request.company, uuid.UUID(request.GET.get("from", "")))
    except (ValueError, NotFound):
        return initial
    other: Company = earlier.firm if side == Mandate.Side.CLIENT else earlier.client
    lead = earlier.lead.user.email if earlier.lead else ""
    initial |= {"org_number": other.formatted_org_number, "lead": lead}
    for each in list_covered(earlier):
        levels = [package for package in each.mightiest if package != Package.ADMIN]
        initial[f"level_{each.service.slug}"] = levels[-1].value if levels else ""
        initial[f"admin_{each.service.slug}"] = Package.ADMIN in each.packages
    return initial
