"""A client's pages about its firms: their mandates, and who can see it right now."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from companies.access import get_assigned_person_for, get_block_for
from companies.http import CompanyRequest, company_page
from companies.models import MANDATE_STATE_LABELS, Mandate, MandateState, Permission
from companies.operations import block_person, unblock_person
from companies.queries import (
    list_blocks,
    list_mandates_given,
    list_open_support,
    list_people_of_firms,
)
from services.queries import map_assigned, map_covered
from vop.lib.errors import DomainError

PEOPLE_PER_PAGE = 50
MANDATES_PER_PAGE = 50


@require_safe
@company_page(Permission.MANDATE_VIEW)
def firms(request: CompanyRequest) -> HttpResponse:
    """List the firms that act for the company, that ask to, and that did."""
    rows = list_mandates_given(request.company.pk)
    page = Paginator(rows, MANDATES_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "rows": describe_rows(list(page), request),
        "may_ask": Permission.MANDATE_APPROVE in request.permissions,
    }
    return render(request, "services/firms.html", context)


@require_safe
@company_page(Permission.MANDATE_VIEW)
def insight(request: CompanyRequest) -> HttpResponse:
    """Show who from outside can see the company right now, through what, and until when."""
    rows = list_people_of_firms(request.company.pk, at=request.now)
    page = Paginator(rows, PEOPLE_PER_PAGE).get_page(request.GET.get("page"))
    parts = map_assigned(list(page))
    context = {
        "page_obj": page,
        "rows": [{"assignment": each, "covered": parts[each.pk]} for each in page],
        "supports": list_open_support(request.company.pk, at=request.now),
        "blocks": list_blocks(request.company.pk, at=request.now),
        "may_block": Permission.MANDATE_END in request.permissions,
    }
    return render(request, "services/insight.html", context)


@require_POST
@company_page(Permission.MANDATE_END)
def block(request: CompanyRequest, user_id: uuid.UUID) -> HttpResponse:
    """Shut one person of the company's firms out."""
    user = get_assigned_person_for(request.company, user_id)
    try:
        block_person(
            company=request.company,
            user=user,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        text = _("%(name)s is blocked and can't get in any more.")
        messages.success(request, text % {"name": user.display_name})
    return redirect("services:insight", request.company.pk)


@require_POST
@company_page(Permission.MANDATE_END)
def unblock(request: CompanyRequest, block_id: uuid.UUID) -> HttpResponse:
    """Let a blocked person in again."""
    found = get_block_for(request.company, block_id)
    try:
        unblock_person(block=found, acting=request.membership, actor=request.actor, now=request.now)
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        text = _("%(name)s can get in again, as far as a mandate lets them.")
        messages.success(request, text % {"name": found.user.display_name})
    return redirect("services:insight", request.company.pk)


def describe_rows(mandates: list[Mandate], request: CompanyRequest) -> list[dict[str, object]]:
    """Return what a list of mandates says of each."""
    covered = map_covered(mandates)
    states = [mandate.state_at(request.now) for mandate in mandates]
    return [
        {
            "mandate": mandate,
            "covered": covered[mandate.pk],
            "state": MANDATE_STATE_LABELS[state],
            "tone": _TONES.get(state, "neutral"),
            "is_over": state is MandateState.ENDED,
        }
        for mandate, state in zip(mandates, states, strict=True)
    ]


_TONES = {MandateState.ACTIVE: "good", MandateState.REQUESTED: "info", MandateState.FROZEN: "warn"}
