"""Inviting people, and what an invited person meets."""

import uuid
from http import HTTPStatus
from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.http import (
    AnyRequest,
    PersonRequest,
    demand_fresh_proof,
    open_signup,
    signed_in_user,
)
from accounts.queries import find_person
from companies import operations
from companies.access import get_invitation_by_token, get_invitation_for
from companies.forms import InviteForm, choose_roles
from companies.http import CompanyRequest, company_page
from companies.models import Invitation, Permission, Role
from companies.queries import get_membership
from vop.lib.errors import DomainError


@company_page(Permission.MEMBER_INVITE)
def invite(request: CompanyRequest) -> HttpResponse:
    """Ask whom to invite to what, and send the mail."""
    offered = choose_roles(request.company, request.permissions)
    form = InviteForm(request.POST if request.method == "POST" else None, roles=offered)
    if request.method == "POST" and form.is_valid():
        if Role.OWNER in form.role_set:
            demand_fresh_proof(request, _("Invite an owner"))
        try:
            invitation = operations.invite_person(
                company=request.company,
                email=form.cleaned_data["email"],
                full_name=form.cleaned_data["full_name"],
                roles=form.role_set,
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error("email", str(error.message))
        else:
            sent = _("The invitation is on its way to %(email)s.") % {"email": invitation.email}
            messages.success(request, sent)
            return redirect("companies:members", request.company.pk)
    status = HTTPStatus.OK if request.method == "GET" else HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "companies/invite.html", {"form": form}, status=status)


@require_POST
@company_page(Permission.MEMBER_INVITE)
def resend(request: CompanyRequest, invitation_id: uuid.UUID) -> HttpResponse:
    invitation = get_invitation_for(request.company, invitation_id)
    try:
        operations.resend_invitation(
            invitation=invitation,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        sent = _("The invitation is on its way to %(email)s.") % {"email": invitation.email}
        messages.success(request, sent)
    return redirect("companies:members", request.company.pk)


@require_POST
@company_page(Permission.MEMBER_INVITE)
def revoke(request: CompanyRequest, invitation_id: uuid.UUID) -> HttpResponse:
    invitation = get_invitation_for(request.company, invitation_id)
    try:
        operations.revoke_invitation(
            invitation=invitation,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, _("The invitation is withdrawn."))
    return redirect("companies:members", request.company.pk)


@require_safe
@never_cache
def show(request: AnyRequest, token: str) -> HttpResponse:
    """Show who invites to what, and the way in for whoever holds the link."""
    invitation = get_invitation_by_token(token)
    if not invitation.is_pending(request.now):
        return _render_gone(request, invitation)
    user = signed_in_user(request)
    here = reverse("companies:invitation", args=[token])
    context = {
        "invitation": invitation,
        "roles": invitation.role_labels,
        "token": token,
        "here": here,
        "is_invited": user is not None and user.email.lower() == invitation.email,
        "has_account": user is None and find_person(invitation.email) is not None,
        "sign_in_url": f"{reverse('account_login')}?{urlencode({'next': here})}",
    }
    return render(request, "companies/invitation.html", context)


@require_POST
@login_required
def accept(request: HttpRequest, token: str) -> HttpResponse:
    person = cast("PersonRequest", request)
    invitation = get_invitation_by_token(token)
    try:
        membership = operations.accept_invitation(
            invitation=invitation, user=person.user, actor=person.actor, now=person.now
        )
    except operations.InvitationGoneError:
        return _render_gone(person, get_invitation_by_token(token))
    except DomainError as error:
        messages.error(request, str(error.message))
        return redirect("companies:invitation", token)
    company = invitation.company
    messages.success(request, _("Welcome to %(company)s!") % {"company": company.name})
    return redirect("company_home", membership.company_id)


@require_POST
@never_cache
def sign_up(request: AnyRequest, token: str) -> HttpResponse:
    """Let somebody without an account make one; the link proves that they read the address."""
    invitation = get_invitation_by_token(token)
    if not invitation.is_pending(request.now):
        return _render_gone(request, invitation)
    return open_signup(
        request,
        email=invitation.email,
        full_name=invitation.full_name,
        next_url=reverse("companies:invitation", args=[token]),
    )


def _render_gone(request: AnyRequest, invitation: Invitation) -> HttpResponse:
    user = signed_in_user(request)
    member = get_membership(user, invitation.company_id, at=request.now) if user else None
    context = {"invitation": invitation, "is_member": member is not None}
    return render(request, "companies/invitation_gone.html", context, status=HTTPStatus.GONE)
