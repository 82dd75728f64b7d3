"""Who in a firm works for a client."""

import uuid
from datetime import timedelta
from functools import partial
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from companies.access import get_assignment_for, get_held_mandate_for
from companies.http import CompanyRequest, company_page
from companies.models import Mandate, Permission
from companies.operations import AssignmentTooLongError, end_assignment
from companies.queries import find_active_member, list_assignable
from services.forms import AssignForm
from services.operations import assign_person
from services.queries import list_covered
from services.views.mandates import SUGGESTIONS, may_manage
from vop.lib.clock import local_date
from vop.lib.errors import DomainError


@company_page(Permission.ASSIGNMENT_CREATE)
def assign(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """Have a member of the firm work for a client."""
    mandate = get_held_mandate_for(request.company, mandate_id)
    if not may_manage(request, mandate):
        raise PermissionDenied
    form = _build_form(request, mandate)
    if request.method == "POST" and form.is_valid():
        try:
            _assign(request, mandate, form)
        except DomainError as error:
            is_date = isinstance(error, AssignmentTooLongError)
            form.add_error("last_day" if is_date else None, str(error.message))
        else:
            name = form.chosen_member.user.display_name
            messages.success(request, _("%(name)s is assigned.") % {"name": name})
            return redirect("services:mandate", request.company.pk, mandate.pk)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    people = list_assignable(mandate, request.user, at=request.now, limit=SUGGESTIONS)
    context = {"form": form, "mandate": mandate, "people": people}
    return render(request, "services/assign.html", context, status=status)


@require_POST
@company_page(Permission.ASSIGNMENT_CREATE)
def end(request: CompanyRequest, mandate_id: uuid.UUID, assignment_id: uuid.UUID) -> HttpResponse:
    """Take somebody off a client."""
    mandate = get_held_mandate_for(request.company, mandate_id)
    found = get_assignment_for(mandate, assignment_id)
    try:
        end_assignment(
            assignment=found, acting=request.membership, actor=request.actor, now=request.now
        )
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        text = _("%(name)s no longer works for the client.")
        messages.success(request, text % {"name": found.user.display_name})
    return redirect("services:mandate", request.company.pk, mandate.pk)


def _assign(request: CompanyRequest, mandate: Mandate, form: AssignForm) -> None:
    assign_person(
        mandate=mandate,
        membership=form.chosen_member,
        chosen=form.chosen,
        valid_until=form.end,
        acting=request.membership,
        actor=request.actor,
        now=request.now,
    )


def _build_form(request: CompanyRequest, mandate: Mandate) -> AssignForm:
    return AssignForm(
        request.POST if request.method == "POST" else None,
        find_member=partial(find_active_member, request.company.pk, at=request.now),
        covered=list_covered(mandate),
        last_day=local_date(mandate.ends_at - timedelta.resolution),
    )
