"""Somebody leaves, or passes one seat on: who takes over."""

import uuid
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.http import demand_fresh_proof
from companies.access import get_member_for
from companies.http import CompanyRequest, company_page
from companies.models import Membership, Permission, Role
from companies.queries import has_other_owner, list_active_members
from services.access import get_seat_for
from services.forms import HandOverForm, MoveSeatForm
from services.models import Seat
from services.operations import end_with_handover, move_seat
from services.queries import list_seats_of
from vop.lib.errors import DomainError

SUGGESTIONS = 200  # more than that and one types the address


@company_page(Permission.MEMBER_END)
def hand_over(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Show what a member holds, ask who takes over what, and end the membership."""
    leaving = get_member_for(request.company, membership_id, at=request.now)
    form = _hand_over_form(request, leaving)
    if request.method == "POST" and form.is_valid():
        if form.person("owner"):
            demand_fresh_proof(request, _("Hand over and make somebody an owner"))
        try:
            end_with_handover(
                membership=leaving,
                new_main_contact=form.person("main_contact"),
                new_owner=form.person("owner"),
                seats=form.heirs,
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            return _lead_on(request, leaving)
    context = {"form": form, "leaving": leaving, **_suggest(request)}
    return render(request, "services/hand_over.html", context, status=_status(form))


@company_page(Permission.SEAT_ASSIGN)
def move(request: CompanyRequest, slug: str, seat_id: uuid.UUID) -> HttpResponse:
    """Ask who takes over a seat, and move it."""
    seat = get_seat_for(request.company, slug, seat_id)
    sent = request.POST if request.method == "POST" else None
    form = MoveSeatForm(sent, leaving=seat.membership, at=request.now)
    if form.is_bound and form.is_valid():
        try:
            _move(request, seat, form)
        except DomainError as error:
            form.add_error("person", str(error.message))
        else:
            return redirect("services:detail", request.company.pk, slug)
    context = {"form": form, "seat": seat, **_suggest(request)}
    return render(request, "services/move_seat.html", context, status=_status(form))


def _move(request: CompanyRequest, seat: Seat, form: MoveSeatForm) -> None:
    person = form.person("person")
    if person is None:
        return
    move_seat(
        seat=seat,
        membership=person,
        acting=request.membership,
        actor=request.actor,
        now=request.now,
    )
    moved = _("%(name)s now has the seat.") % {"name": person.user.display_name}
    messages.success(request, moved)


def _hand_over_form(request: CompanyRequest, leaving: Membership) -> HandOverForm:
    is_owner = Role.OWNER in leaving.roles_at(request.now)
    return HandOverForm(
        request.POST if request.method == "POST" else None,
        leaving=leaving,
        seats=list_seats_of([leaving], at=request.now),
        is_last_owner=is_owner and not has_other_owner(leaving),
        at=request.now,
    )


def _lead_on(request: CompanyRequest, left: Membership) -> HttpResponse:
    ended = _("%(name)s is no longer a member.") % {"name": left.user.display_name}
    messages.success(request, ended)
    if left.pk == request.membership.pk:
        return redirect("home")
    return redirect("companies:members", request.company.pk)


def _suggest(request: CompanyRequest) -> dict[str, object]:
    people = list_active_members(request.company.pk, at=request.now, limit=SUGGESTIONS)
    return {"people": people, "company": request.company}


def _status(form: HandOverForm | MoveSeatForm) -> int:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
