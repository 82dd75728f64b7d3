"""Pages of one company: the gate as a decorator, and the request that it vouches for."""

import functools
import uuid
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.http import PersonRequest
from companies.access import get_membership_for, get_standing_for
from companies.models import Assignment, Company, Membership, Permission

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)


class CompanyRequest(PersonRequest):
    """A request of a member, in one company, who has the right that the page asks for."""

    membership: Membership
    company: Company
    permissions: frozenset[Permission]


class WorkplaceRequest(PersonRequest):
    """A request of somebody who may act for a company: a member, or a firm's person assigned to it.

    Somebody who is only assigned has no membership, and no permission on the company's pages.
    """

    membership: Membership | None
    assignment: Assignment | None
    company: Company
    permissions: frozenset[Permission]


CompanyView: TypeAlias = Callable[Concatenate[CompanyRequest, P], R]
WorkplaceView: TypeAlias = Callable[Concatenate[WorkplaceRequest, P], R]
PageView: TypeAlias = Callable[Concatenate[HttpRequest, uuid.UUID, P], R]


def company_page(
    permission: Permission,
) -> Callable[[CompanyView[P, R]], PageView[P, R]]:
    """Open a view at `/c/<company_id>/…` to members with a permission.

    Anonymous people are asked to sign in, outsiders get 404, members without the right 403.
    """

    def decorate(view: CompanyView[P, R]) -> PageView[P, R]:
        @functools.wraps(view)
        def wrapper(
            request: HttpRequest, company_id: uuid.UUID, *args: P.args, **kwargs: P.kwargs
        ) -> R:
            company_request = cast("CompanyRequest", request)
            membership = get_membership_for(
                company_request.user, company_id, permission, at=company_request.now
            )
            company_request.membership = membership
            company_request.company = membership.company
            company_request.permissions = membership.permissions_at(company_request.now)
            return view(company_request, *args, **kwargs)

        return cast("PageView[P, R]", login_required(wrapper))

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
        standing = get_standing_for(workplace.user, company_id, at=workplace.now)
        workplace.membership = standing.membership
        workplace.assignment = standing.assignment
        workplace.company = standing.company
        workplace.permissions = standing.permissions
        return view(workplace, *args, **kwargs)

    return cast("PageView[P, R]", login_required(wrapper))
