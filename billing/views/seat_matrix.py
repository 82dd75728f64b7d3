"""People and services in one table: who has a seat, how many are free, what more would cost.

It stands here because the price does; who may have a seat is decided by `services`.
"""

from collections.abc import Sequence
from http import HTTPStatus

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from billing.forms import SeatMatrixForm
from billing.queries import lay_out_seats, list_seat_prices, write_roles, write_seats
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from companies.queries import find_members
from services.operations import SeatsChanged, change_seats_of
from services.queries import Subscribed, list_seats_of, list_subscribed
from vop.lib.errors import DomainError

PEOPLE_PER_PAGE = 25
CELLS_PER_PAGE = 400  # of people times services: what one form can carry at ease


@require_safe
@company_page(Permission.SEAT_ASSIGN)
def seat_matrix(request: CompanyRequest) -> HttpResponse:
    """Show who has a seat in what."""
    return _render(request, SeatMatrixForm())


@require_POST
@company_page(Permission.SEAT_ASSIGN)
def save_seat_matrix(request: CompanyRequest) -> HttpResponse:
    """Give, release and change what was touched since the page was shown, all or nothing."""
    form = SeatMatrixForm(request.POST)
    if form.is_valid():
        try:
            changed = change_seats_of(
                give=form.give,
                release=form.release,
                roles=form.roles,
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            messages.success(request, _describe(changed))
            return redirect(_address(request, "billing:seat_matrix"))
    return _render(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _render(
    request: CompanyRequest, form: SeatMatrixForm, status: int = HTTPStatus.OK
) -> HttpResponse:
    company, now, text = request.company, request.now, request.GET.get("q", "")
    people = find_members(company.pk, text, at=now)
    subscribed = list_subscribed(company.pk, at=now)
    page = Paginator(people, _count_rows(subscribed)).get_page(request.GET.get("page"))
    members = list(page)
    seats = list_seats_of([member for member in members if not member.is_suspended], at=now)
    context = {
        "form": form,
        "q": text,
        "page_obj": page,
        "services": subscribed,
        "prices": list_seat_prices(company, at=now),
        "rows": lay_out_seats(
            members, subscribed, seats, give=form.give, release=form.release, roles=form.roles
        ),
        "was": write_seats(seats),
        "were": write_roles(seats),
        "action": _address(request, "billing:save_seat_matrix"),
        "may_order": Permission.ORDER_CREATE in request.permissions,
    }
    return render(request, "billing/seat_matrix.html", context, status=status)


def _count_rows(subscribed: Sequence[Subscribed]) -> int:
    return min(PEOPLE_PER_PAGE, max(1, CELLS_PER_PAGE // max(1, len(subscribed))))


def _address(request: CompanyRequest, name: str) -> str:
    """Return an address that shows the same page of the same search."""
    query = request.GET.urlencode()
    return f"{reverse(name, args=[request.company.pk])}{'?' if query else ''}{query}"


def _describe(changed: SeatsChanged) -> str:
    parts = []
    if changed.given:
        text = ngettext("%(count)s seat given", "%(count)s seats given", changed.given)
        parts.append(text % {"count": changed.given})
    if changed.released:
        text = ngettext("%(count)s seat released", "%(count)s seats released", changed.released)
        parts.append(text % {"count": changed.released})
    if changed.changed:
        text = ngettext("%(count)s role changed", "%(count)s roles changed", changed.changed)
        parts.append(text % {"count": changed.changed})
    if not parts:
        return _("Nothing to change: it is so already.")
    return _("Saved and in force: %(what)s.") % {"what": ", ".join(parts)}
