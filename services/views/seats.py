"""Pages of what a company may use and who in it."""

import uuid
from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.models import User
from companies.http import CompanyRequest, WorkplaceRequest, company_page, workplace_page
from companies.models import Membership, Permission
from companies.queries import find_active_member, list_people_who_may
from services.access import (
    Access,
    Offer,
    effective_access,
    get_seat_for,
    get_service_for,
    get_subscribed_for,
)
from services.forms import SeatForm
from services.operations import assign_seat, record_opening, release_seat
from services.protocol import build_launch_url
from services.queries import (
    Subscribed,
    list_members_without_seat,
    list_roles,
    list_seats,
    list_subscribed,
)
from vop.lib.errors import DomainError

SEATS_PER_PAGE = 50
SUGGESTIONS = 200  # more than that and one types the address


@workplace_page
def open_service(request: WorkplaceRequest, slug: str) -> HttpResponse:
    """Send a person on to a service, or say why not and whom to ask."""
    service = get_service_for(slug)
    decision = effective_access(request.user, request.company, service, request.now)
    record_opening(
        company=request.company,
        service=service,
        decision=decision,
        actor=request.actor,
        now=request.now,
    )
    if isinstance(decision, Access):
        return HttpResponseRedirect(
            build_launch_url(
                service.launch_url, issuer=settings.OIDC_ISSUER, company_id=request.company.pk
            )
        )
    offer = Offer(service, decision)
    context = {"offer": offer, "helpers": _list_helpers(request, offer), **_frame(request)}
    return render(request, "services/no_access.html", context, status=403)


@company_page(Permission.SERVICE_VIEW)
def overview(request: CompanyRequest) -> HttpResponse:
    """List the services that the company has, with their seats."""
    return render(
        request,
        "services/overview.html",
        {"subscribed": list_subscribed(request.company.pk, at=request.now), **_frame(request)},
    )


@company_page(Permission.SERVICE_VIEW)
def detail(request: CompanyRequest, slug: str) -> HttpResponse:
    """Show one service: its seats, who has them and, to administrators, a form to give one."""
    subscribed = get_subscribed_for(request.company, slug, at=request.now)
    form = _build_form(request, subscribed) if _may_assign(request) else None
    return _render_detail(request, subscribed, form)


@require_POST
@company_page(Permission.SEAT_ASSIGN)
def give_seat(request: CompanyRequest, slug: str) -> HttpResponse:
    subscribed = get_subscribed_for(request.company, slug, at=request.now)
    form = _build_form(request, subscribed, is_sent=True)
    if form.is_valid():
        try:
            seat = assign_seat(
                entitlement=subscribed.entitlement,
                membership=form.chosen_member,
                role=form.chosen_role,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            name = seat.membership.user.display_name
            messages.success(request, _("%(name)s now has a seat.") % {"name": name})
            return redirect("services:detail", request.company.pk, slug)
    return _render_detail(request, subscribed, form, status=422)


@require_POST
@company_page(Permission.SEAT_ASSIGN)
def release(request: CompanyRequest, slug: str, seat_id: uuid.UUID) -> HttpResponse:
    seat = get_seat_for(request.company, slug, seat_id)
    try:
        release_seat(seat=seat, actor=request.actor, now=request.now)
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        name = seat.membership.user.display_name
        messages.success(request, _("%(name)s no longer has a seat.") % {"name": name})
    return redirect("services:detail", request.company.pk, slug)


def _render_detail(
    request: CompanyRequest, subscribed: Subscribed, form: SeatForm | None, status: int = 200
) -> HttpResponse:
    seats = list_seats(subscribed.entitlement, at=request.now)
    page = Paginator(seats, SEATS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "subscribed": subscribed,
        "page_obj": page,
        "form": form,
        "people": _suggest(request, subscribed) if form else (),
        **_frame(request),
    }
    return render(request, "services/detail.html", context, status=status)


def _build_form(
    request: CompanyRequest, subscribed: Subscribed, *, is_sent: bool = False
) -> SeatForm:
    return SeatForm(
        request.POST if is_sent else None,
        find_member=partial(find_active_member, request.company.pk, at=request.now),
        roles=list_roles(subscribed.service),
    )


def _suggest(request: CompanyRequest, subscribed: Subscribed) -> Sequence[Membership]:
    return list_members_without_seat(subscribed.entitlement, at=request.now, limit=SUGGESTIONS)


def _list_helpers(request: WorkplaceRequest, offer: Offer) -> Sequence[User]:
    """List whom a member can ask; a firm's person learns nothing of who is who at the client."""
    if request.membership is None:
        return []
    permission = Permission.SEAT_ASSIGN if offer.is_bought else Permission.ORDER_CREATE
    return list_people_who_may(permission, request.company.pk, at=request.now)


def _may_assign(request: CompanyRequest | WorkplaceRequest) -> bool:
    return Permission.SEAT_ASSIGN in request.permissions


def _frame(request: CompanyRequest | WorkplaceRequest) -> dict[str, object]:
    return {
        "company": request.company,
        "is_member": request.membership is not None,
        "may_assign": _may_assign(request),
        "may_see_names": _may_assign(request) or Permission.MEMBER_VIEW in request.permissions,
        "may_order": Permission.ORDER_CREATE in request.permissions,
    }
