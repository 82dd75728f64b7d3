"""Reading for which companies a person may act, and what access rests on there."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, Max, QuerySet, UUIDField

from accounts.models import User
from companies.models import Assignment, Company, Membership
from companies.queries import get_lent_workplace, list_workplaces
from oidc.models import Grant
from oidc.queries.columns import AT, WORKPLACE_FIELDS, of
from services.access import BASIS, Basis, read_basis
from services.models import Service
from vop.lib.statements import Parameter, Query, Together


@dataclass(frozen=True, slots=True)
class Workplace:
    """A company that a person may act for, and what access rests on there if that came along."""

    company: Company
    basis: Basis | None = None


def _build_memberships() -> "QuerySet[Membership]":
    return (
        Membership.objects.in_force(AT)
        .of_person(Parameter("person_id", UUIDField()))
        .filter(company__closed_at=None)
        .select_related("company")
        .only(*of("company", WORKPLACE_FIELDS))
        .order_by("pk")
    )


def _build_first_memberships() -> "QuerySet[Membership]":
    assignments = Assignment.objects.of_person(Parameter("person_id", UUIDField()))
    return _build_memberships().annotate(is_assigned=Exists(assignments))[:2]


def _build_named_membership() -> "QuerySet[Membership]":
    return _build_memberships().filter(company_id=Parameter("company_id", UUIDField()))[:1]


_FIRST_MEMBERSHIPS: Together[Any, Any] = Together(Query(_build_first_memberships), BASIS)
_NAMED_MEMBERSHIP = Together(Query(_build_named_membership), BASIS)


def find_only_workplace(user: User, service: Service, *, at: datetime) -> Workplace | None:
    """Return for whom a member of one company may act, by one statement, with the basis there.

    Nothing when there are several, or there may be: for these, `list_companies_of`.
    """
    asked = {"person_id": user.pk, "service_id": service.pk, "at": at}
    found = _FIRST_MEMBERSHIPS.all(**asked)
    if len(found) != 1 or found[0][0].is_assigned:
        return None
    return _read_workplace(user, *found[0], service, at)


def find_workplace(
    user: User, company_id: uuid.UUID, service: Service, *, at: datetime
) -> Workplace | None:
    """Return a company that a person may act for; a member's comes by one statement."""
    asked = {"person_id": user.pk, "company_id": company_id, "service_id": service.pk, "at": at}
    found = _NAMED_MEMBERSHIP.first(**asked)
    if found is not None:
        return _read_workplace(user, *found, service, at)
    company = get_lent_workplace(user, company_id, at=at)
    return Workplace(company) if company else None


def _read_workplace(
    user: User, membership: Membership, basis: list[Any], service: Service, at: datetime
) -> Workplace:
    company = membership.company
    return Workplace(company, read_basis(basis, user, company.pk, service.pk, at))


def list_companies_of(user: User, *, at: datetime) -> Sequence[Company]:
    """List for whom a person may act, those that they last used a service for first."""
    companies = list_workplaces(user, at=at)
    if len(companies) < 2:  # noqa: PLR2004 (nothing to order)
        return companies
    used = dict(
        Grant.objects.of_person(user.pk)
        .values_list("company_id")
        .annotate(last=Max("created_at"))
        .values_list("company_id", "last")
    )
    recent = sorted(
        (company for company in companies if company.pk in used),
        key=lambda company: used[company.pk],
        reverse=True,
    )
    return [*recent, *(company for company in companies if company.pk not in used)]
