"""Who is in the company: the list, and one member at a time."""

import uuid
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import demand_fresh_proof
from companies import operations
from companies.access import get_member_for
from companies.forms import LastDayForm, RolesForm, choose_roles
from companies.http import CompanyRequest, company_page
from companies.models import Membership, Permission, Role
from companies.queries import count_members, find_members, list_open_invitations
from vop.lib.clock import local_date
from vop.lib.errors import DomainError

MEMBERS_PER_PAGE = 50
SEARCH_FROM = 10


@require_safe
@company_page(Permission.MEMBER_VIEW)
def members(request: CompanyRequest) -> HttpResponse:
    """List members, and the invitations that are still open."""
    text = request.GET.get("q", "")
    rows = find_members(request.company.pk, text, at=request.now)
    page = Paginator(rows, MEMBERS_PER_PAGE).get_page(request.GET.get("page"))
    total = count_members(request.company.pk, at=request.now)
    context = {
        "page_obj": page,
        "rows": [_row(member, request.now) for member in page],
        "invitations": [
            {"invitation": invitation, "is_pending": invitation.is_pending(request.now)}
            for invitation in list_open_invitations(request.company.pk)
        ],
        "q": text,
        "is_searchable": total >= SEARCH_FROM,
        "may_invite": Permission.MEMBER_INVITE in request.permissions,
    }
    return render(request, "companies/members.html", context)


@require_safe
@company_page(Permission.MEMBER_VIEW)
def member(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Show one member and what can be changed."""
    found = get_member_for(request.company, membership_id, at=request.now)
    return _render_member(request, found, _roles_form(request, found))


@require_POST
@company_page(Permission.ROLE_ASSIGN)
def change_roles(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    found = get_member_for(request.company, membership_id, at=request.now)
    form = _roles_form(request, found, request.POST)
    if form.is_valid():
        if Role.OWNER in form.role_set - found.roles_at(request.now):
            demand_fresh_proof(request, _("Make somebody an owner"))
        try:
            operations.change_roles(
                membership=found,
                roles=form.role_set,
                auditor_until=form.end_of_auditor,
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error("roles", str(error.message))
        else:
            messages.success(request, _("The roles are changed. They hold at once."))
            return redirect("companies:member", request.company.pk, found.pk)
    return _render_member(request, found, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


@require_POST
@company_page(Permission.MEMBER_UPDATE)
def set_last_day(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    found = get_member_for(request.company, membership_id, at=request.now)
    form = LastDayForm(request.POST, member=found, today=local_date(request.now))
    if form.is_valid():
        try:
            operations.set_last_day(
                membership=found,
                valid_until=form.end,
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error("last_day", str(error.message))
        else:
            messages.success(request, _("Saved."))
            return redirect("companies:member", request.company.pk, found.pk)
    roles = _roles_form(request, found)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _render_member(request, found, roles, last_day=form, status=status)


@require_POST
@company_page(Permission.MEMBER_UPDATE)
def suspend(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    done = _("%(name)s is suspended and can't get in until you let them in again.")
    return _change(request, membership_id, operations.suspend_member, done)


@require_POST
@company_page(Permission.MEMBER_UPDATE)
def reactivate(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    done = _("%(name)s can get in again.")
    return _change(request, membership_id, operations.reactivate_member, done)


@require_POST
@company_page(Permission.MEMBER_UPDATE)
def make_main_contact(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    done = _("%(name)s is the main contact now.")
    return _change(request, membership_id, operations.change_main_contact, done)


@require_POST
@company_page(Permission.MEMBER_END)
def end(request: CompanyRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Take somebody out of the company; oneself too, which leads away from it."""
    is_self = membership_id == request.membership.pk
    done = _("%(name)s is no longer a member.")
    way_on = "home" if is_self else "companies:members"
    return _change(request, membership_id, operations.end_membership, done, way_on)


@require_POST
@company_page(Permission.COMPANY_VIEW)
def leave(request: CompanyRequest) -> HttpResponse:
    """End one's own membership."""
    try:
        operations.leave_company(
            membership=request.membership, actor=request.actor, now=request.now
        )
    except DomainError as error:
        messages.error(request, str(error.message))
        return redirect("companies:details", request.company.pk)
    left = _("You have left %(company)s.") % {"company": request.company.name}
    messages.success(request, left)
    return redirect("home")


def _change(
    request: CompanyRequest,
    membership_id: uuid.UUID,
    operation: Callable[..., object],
    done: str | Promise,
    way_on: str = "companies:member",
) -> HttpResponse:
    """Run an operation on a member, say how it went, and lead on."""
    found = get_member_for(request.company, membership_id, at=request.now)
    try:
        operation(membership=found, acting=request.membership, actor=request.actor, now=request.now)
    except DomainError as error:
        messages.error(request, str(error.message))
        return redirect("companies:member", request.company.pk, found.pk)
    messages.success(request, str(done) % {"name": found.user.display_name})
    keys = {"home": [], "companies:members": [request.company.pk]}
    return redirect(way_on, *keys.get(way_on, [request.company.pk, found.pk]))


def _roles_form(request: CompanyRequest, found: Membership, data: Any = None) -> RolesForm:
    held = found.roles_at(request.now)
    ends = [g.valid_until for g in found.role_grants.all() if g.role == Role.AUDITOR]
    offered = choose_roles(request.company, request.permissions)
    return RolesForm(
        data,
        roles=[role for role in Role if role in offered or role in held],
        held=held,
        auditor_until=max((e for e in ends if e and e > request.now), default=None),
        today=local_date(request.now),
    )


def _render_member(
    request: CompanyRequest,
    found: Membership,
    form: RolesForm,
    *,
    last_day: LastDayForm | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    roles = found.roles_at(request.now)
    is_self = found.pk == request.membership.pk
    is_mine = Role.OWNER not in roles or Permission.OWNER_ASSIGN in request.permissions
    may = {
        "may_assign": Permission.ROLE_ASSIGN in request.permissions and is_mine and not is_self,
        "may_update": Permission.MEMBER_UPDATE in request.permissions,
        "may_suspend": Permission.MEMBER_UPDATE in request.permissions and is_mine and not is_self,
        "may_end": Permission.MEMBER_END in request.permissions and is_mine and not is_self,
    }
    context = {
        "form": form,
        "last_day": last_day or LastDayForm(member=found, today=local_date(request.now)),
        "is_self": is_self,
        **may,
        **_row(found, request.now),
    }
    return render(request, "companies/member.html", context, status=status)


def _row(member: Membership, at: datetime) -> dict[str, object]:
    grants = [grant for grant in member.role_grants.all() if grant.is_in_force(at)]
    order = list(Role)
    grants.sort(key=lambda grant: order.index(Role(grant.role)))
    return {"member": member, "grants": grants}
