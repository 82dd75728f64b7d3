"""The start page, health and error pages: what belongs to no room alone."""

import logging
import sys
from collections.abc import Sequence
from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.http import PersonRequest
from accounts.models import User
from companies.http import WorkplaceRequest, workplace_page
from companies.models import Permission
from companies.queries import (
    count_members,
    get_default_membership,
    list_companies_of,
    list_people_who_may,
)
from services.access import list_offers
from services.queries import count_seats
from statuspage.queries import get_next_planned_update, list_open_incidents
from vop.lib.logs import DATABASE_AWAY

logger = logging.getLogger(__name__)


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the company used last, to the choice of one, or tell how to get into one."""
    person = cast("PersonRequest", request)
    membership = get_default_membership(person.user, at=person.now)
    if membership:
        return redirect("company_home", membership.company_id)
    if list_companies_of(person.user, at=person.now):
        return redirect("companies:switch")
    return render(request, "home.html")


@workplace_page
def company_home(request: WorkplaceRequest) -> HttpResponse:
    """The start page of one company: its services, what goes on, and what is planned."""
    if request.membership is None:
        return _client_home(request)
    company, now = request.company, request.now
    offers = list_offers(request.user, company, at=now)
    may_see_numbers = Permission.MEMBER_VIEW in request.permissions
    may_assign = Permission.SEAT_ASSIGN in request.permissions
    may_order = Permission.ORDER_CREATE in request.permissions
    context = {
        "company": company,
        "bought": [offer for offer in offers if offer.is_bought],
        "more": [offer for offer in offers if not offer.is_bought],
        # Whom to ask, for those who can't do it themselves.
        "seat_givers": () if may_assign else _list_helpers(request, Permission.SEAT_ASSIGN),
        "buyers": () if may_order else _list_helpers(request, Permission.ORDER_CREATE),
        "may_assign": may_assign,
        "may_order": may_order,
        "incidents": list_open_incidents(),
        "planned_update": get_next_planned_update(now),
        "seats": count_seats(company.pk, at=now) if may_see_numbers else None,
        "member_count": count_members(company.pk, at=now) if may_see_numbers else None,
    }
    return render(request, "company_home.html", context)


def _list_helpers(request: WorkplaceRequest, permission: Permission) -> Sequence[User]:
    return list_people_who_may(permission, request.company.pk, at=request.now)


def _client_home(request: WorkplaceRequest) -> HttpResponse:
    """The start page of a firm's client: what the mandate opens, and nothing else."""
    offers = list_offers(request.user, request.company, at=request.now)
    context = {
        "company": request.company,
        "assignment": request.assignment,
        "offers": [offer for offer in offers if offer.is_open],
        "incidents": list_open_incidents(),
        "planned_update": get_next_planned_update(request.now),
    }
    return render(request, "client_home.html", context)


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme on this device; anything unknown follows the device."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )
    response = HttpResponseRedirect(target if is_ours else reverse("home"))
    theme = request.POST.get("theme", "")
    if theme in {"light", "dark"}:
        response.set_cookie(
            "theme",
            theme,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "errors/400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "errors/403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "errors/404.html", status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "errors/csrf.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what nobody anticipated; a database that is away gets 503 and one line in the log."""
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        logger.error("The database is away: %s %s", request.method, request.path)
        return render(None, "errors/503.html", status=503)
    return render(None, "errors/500.html", status=500)
