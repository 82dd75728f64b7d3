"""Pages of one company: the gate as a decorator, and the request that it vouches for."""

import functools
import uuid
from collections.abc import Callable, Mapping
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.http import (
    AnyRequest,
    PersonRequest,
    StaleProofError,
    ask_to_prove,
    keep_sent,
    prove_second_factor,
)
from accounts.queries import get_authentication
from companies.access import get_membership_for, get_standing_for
from companies.models import (
    SUPPORT_PERMISSIONS,
    Assignment,
    Company,
    Membership,
    Permission,
    Proof,
    Shortfall,
    SupportGrant,
)
from companies.operations import SupportEndedError, record_look
from companies.queries import get_support_grant
from vop.lib.errors import NotFound

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)


class CompanyRequest(PersonRequest):
    """A request of a member, in one company, who has the right that the page asks for."""

    membership: Membership
    company: Company
    permissions: frozenset[Permission]
    support_grant: SupportGrant  # only where a member of staff looks


class WorkplaceRequest(PersonRequest):
    """A request of somebody who may act for a company: a member, or a firm's person assigned to it.

    Somebody who is only assigned has no membership, and no permission on the company's pages.
    """

    membership: Membership | None
    assignment: Assignment | None
    company: Company
    permissions: frozenset[Permission]
    support_grant: SupportGrant  # only where a member of staff looks


CompanyView: TypeAlias = Callable[Concatenate[CompanyRequest, P], R]
WorkplaceView: TypeAlias = Callable[Concatenate[WorkplaceRequest, P], R]
PageView: TypeAlias = Callable[Concatenate[HttpRequest, uuid.UUID, P], R]

_LOOKS = {"GET", "HEAD"}
_REASONS: Mapping[Shortfall, str | Promise] = {
    Shortfall.SECOND_FACTOR: _("%(company)s asks for a second factor. Give it here, then go on."),
    Shortfall.AGE: _("%(company)s asks who you are again, because it was a while ago."),
}


def company_page(
    permission: Permission,
) -> Callable[[CompanyView[P, R]], PageView[P, R]]:
    """Open a view at `/c/<company_id>/…` to members with a permission.

    Anonymous people are asked to sign in, outsiders get 404, members without the right 403. Whose
    session falls short of the company's security rules is led to the missing proof, or refused. Our
    staff may look with a grant of the company, and each look is in the company's log.
    """

    def decorate(view: CompanyView[P, R]) -> PageView[P, R]:
        @functools.wraps(view)
        def wrapper(
            request: HttpRequest, company_id: uuid.UUID, *args: P.args, **kwargs: P.kwargs
        ) -> R:
            company_request = cast("CompanyRequest", request)
            try:
                membership = get_membership_for(
                    company_request.user, company_id, permission, at=company_request.now
                )
            except NotFound:
                open_to_support(company_request, company_id, permission)
                return view(company_request, *args, **kwargs)
            way_to_proof = ask_for_proof(company_request, membership.company)
            if way_to_proof is not None:
                return cast("R", way_to_proof)
            company_request.membership = membership
            company_request.company = membership.company
            company_request.permissions = membership.permissions_at(company_request.now)
            try:
                return view(company_request, *args, **kwargs)
            except StaleProofError as stale:
                return cast("R", ask_to_prove(company_request, stale.title))

        return cast("PageView[P, R]", _signed_in(wrapper))

    return decorate


def workplace_page(view: WorkplaceView[P, R]) -> PageView[P, R]:
    """Open a view at `/c/<company_id>/…` to members and to people whose firm works for the company.

    Anonymous people are asked to sign in, outsiders get 404, members without any role 403.
    """

    @functools.wraps(view)
    def wrapper(
        request: HttpRequest, company_id: uuid.UUID, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        workplace = cast("WorkplaceRequest", request)
        try:
            standing = get_standing_for(workplace.user, company_id, at=workplace.now)
        except NotFound:
            open_to_support(workplace, company_id, Permission.COMPANY_VIEW)
            workplace.assignment = None
            return view(workplace, *args, **kwargs)
        way_to_proof = ask_for_proof(workplace, standing.company)
        if way_to_proof is not None:
            return cast("R", way_to_proof)
        workplace.membership = standing.membership
        workplace.assignment = standing.assignment
        workplace.company = standing.company
        workplace.permissions = standing.permissions
        return view(workplace, *args, **kwargs)

    return cast("PageView[P, R]", _signed_in(wrapper))


def _signed_in(view: PageView[P, R]) -> PageView[P, R]:
    """Ask anonymous people to sign in; who sent a form comes back to the page of the form."""

    @functools.wraps(view)
    def wrapper(
        request: HttpRequest, company_id: uuid.UUID, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        if request.method == "POST" and not request.user.is_authenticated:
            return cast("R", redirect_to_login(_page_of_form(request)))
        return guarded(request, company_id, *args, **kwargs)

    guarded = login_required(view)
    return cast("PageView[P, R]", wrapper)


def _page_of_form(request: HttpRequest) -> str:
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.get_host():
        return request.get_full_path()
    return urlunsplit(("", "", came_from.path, came_from.query, ""))


def open_to_support(
    request: CompanyRequest | WorkplaceRequest, company_id: uuid.UUID, permission: Permission
) -> None:
    """Let a member of staff look, and tell the company first; nothing can be changed that way.

    Raises: NotFound without a grant or a second factor, PermissionDenied for anything but looking.
    """
    grant = get_support_grant(request.user, company_id, at=request.now)
    if grant is None or not read_proof(request).has_second_factor:
        raise NotFound
    if permission not in SUPPORT_PERMISSIONS or request.method not in _LOOKS:
        raise PermissionDenied
    page = request.resolver_match.view_name if request.resolver_match else ""
    try:
        record_look(grant=grant, page=page, actor=request.actor, now=request.now)
    except SupportEndedError as error:  # this very moment
        raise NotFound from error
    # Stands in for what staff don't have; it is never saved, and so holds no role.
    request.membership = Membership(
        company=grant.company, user=request.user, valid_from=grant.valid_from
    )
    request.company = grant.company
    request.permissions = SUPPORT_PERMISSIONS
    request.support_grant = grant


def read_proof(request: AnyRequest) -> Proof:
    """Return what is known of the session at the keyboard."""
    proof = get_authentication(request)
    return Proof(proof.auth_time, proof.has_second_factor, request.actor.ip)


def ask_for_proof(request: PersonRequest, company: Company) -> HttpResponse | None:
    """Return the way to what a session lacks of a company's rules, or nothing when it is enough.

    Only work for that company asks for it, not the person's other companies or their own pages.
    """
    proof = read_proof(request)
    shortfall = company.find_shortfall(proof, at=request.now)
    if shortfall is None:
        return None
    if shortfall == Shortfall.NETWORK:
        context = {"shut_company": company, "ip": proof.ip}
        return render(request, "companies/outside_network.html", context, status=403)
    messages.warning(request, str(_REASONS[shortfall]) % {"company": company.name})
    following = _way_back(request)
    if shortfall == Shortfall.AGE:
        return redirect_to_login(following, reverse("account_reauthenticate"))
    return prove_second_factor(request, next_url=following)


def _way_back(request: PersonRequest) -> str:
    if request.method in _LOOKS:
        return request.get_full_path()
    return keep_sent(request, _("Go on with what you sent"))
