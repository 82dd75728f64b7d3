"""The one decision: whether a person may use a service for a company, and through what.

Tiles, the authorize endpoint, token, refresh, userinfo, introspection, admin and API all ask
here. Nothing else decides.

Memberships, roles, mandates, assignments, blocks, entitlements and seats have a start and an end,
so the answer for a past instant stays what it was. That a person or a service is switched off has
no dates: it holds for every instant asked about.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from django.db.models import CharField, DateTimeField, QuerySet, UUIDField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from companies.models import Company, Proof
from services.access.grounds import (
    Basis,
    Ground,
    Refusal,
    contribute,
    earliest,
    find_basis,
)
from services.models import Entitlement, Service
from vop.lib.statements import Parameter, Query, RowVersion

REFUSAL_TEXTS: Mapping[Refusal, str | Promise] = {
    Refusal.PERSON_DISABLED: _("Your account is disabled."),
    Refusal.COMPANY_CLOSED: _("The company is closed."),
    Refusal.NOT_A_MEMBER: _("You are not a member of the company."),
    Refusal.NO_ROLE: _("You have no role in the company any more."),
    Refusal.BLOCKED: _("The company has shut you out."),
    Refusal.NOT_IN_MANDATE: _("Your assignment does not cover the service."),
    Refusal.SERVICE_NOT_OFFERED: _("The service is not offered any more."),
    Refusal.NOT_ENTITLED: _("The company has not bought the service."),
    Refusal.NO_SEAT: _("You have no seat in the service."),
    Refusal.OUTSIDE_NETWORK: _("The company lets people in only from its own networks."),
    Refusal.SECOND_FACTOR_MISSING: _("The company asks for a second factor."),
    Refusal.SESSION_TOO_OLD: _("The company asks who you are again."),
}


@dataclass(frozen=True, slots=True)
class Access:
    """Yes, through at least one ground: a membership before mandates, those by their keys."""

    grounds: tuple[Ground, ...]

    @property
    def roles(self) -> frozenset[str]:
        """What the person is in the service, by the codes of its roles."""
        return frozenset().union(*(ground.roles for ground in self.grounds))

    @property
    def packages(self) -> frozenset[str]:
        """What a firm's mandate lets the person do."""
        return frozenset().union(*(ground.packages for ground in self.grounds))

    @property
    def ground(self) -> str:
        """The name of the first ground: `membership` or `mandate:<id>`."""
        return self.grounds[0].name

    @property
    def firm_id(self) -> uuid.UUID | None:
        """The company that the person acts from, when the first ground is another's mandate."""
        return self.grounds[0].firm_id

    @property
    def until(self) -> datetime | None:
        """When the first of its grounds ends: from then on the answer is another."""
        return earliest(ground.until for ground in self.grounds)


@dataclass(frozen=True, slots=True)
class NoAccess:
    """No, and why."""

    reason: Refusal

    @property
    def text(self) -> str | Promise:
        """The reason as people read it."""
        return REFUSAL_TEXTS[self.reason]


Decision: TypeAlias = Access | NoAccess
# When entitlements in force end, and the version of what was read.
MachineBasis: TypeAlias = Sequence[tuple[datetime | None, str]]
_AT: Any = Parameter("at", DateTimeField())


def _list_machine_grounds() -> "QuerySet[Any]":
    return (
        Entitlement.objects.in_force(_AT)
        .for_company(Parameter("company_id", UUIDField()))
        .filter(service=Parameter("service_id", UUIDField()))
        .annotate(version=RowVersion("valid_until", "company__closed_at"))
    )


MACHINE_BASIS = Query(
    lambda: (
        _list_machine_grounds().order_by("valid_from", "pk").values_list("valid_until", "version")
    )
)


def find_unchanged_machine_basis() -> "QuerySet[Any]":
    """Build a query for what a machine's access rests on, if it is as it was read, at `at`.

    Parameters: `at`, `company_id`, `service_id`, and `basis_version`, that of its one ground. What
    a service says of itself isn't part of it.
    """
    return _list_machine_grounds().filter(version=Parameter("basis_version", CharField()))


def effective_access(
    person: User, company: Company, service: Service, at: datetime, *, basis: Basis | None = None
) -> Decision:
    """Decide whether a person may use a service for a company at an instant.

    One query, two for who may act for others; none when its `basis` was read for these very three
    along with something else.
    """
    if basis is None:
        basis = find_basis(person, company, at, service=service)
    return _decide(person, company, service, basis, at=at)


def access_in_session(
    person: User,
    company: Company,
    service: Service,
    proof: Proof,
    at: datetime,
    *,
    basis: Basis | None = None,
) -> Decision:
    """Decide the same for a session: within what the company's security rules ask of it.

    The answer holds at most as long as the session counts there. No query more than without it.
    """
    decision = effective_access(person, company, service, at, basis=basis)
    if isinstance(decision, NoAccess):
        return decision
    shortfall = company.find_shortfall(proof, at=at)
    if shortfall is not None:
        return NoAccess(Refusal(shortfall.value))
    end = company.end_of_session(proof)
    if end is None:
        return decision
    return Access(
        tuple(replace(each, until=earliest([each.until, end])) for each in decision.grounds)
    )


def effective_access_to_each(
    person: User, company: Company, services: Iterable[Service], at: datetime
) -> list[tuple[Service, Decision]]:
    """Decide about several services of one company, with as many queries as about one."""
    basis = find_basis(person, company, at)
    return [(service, _decide(person, company, service, basis, at=at)) for service in services]


def machine_access(
    company: Company, service: Service, at: datetime, *, basis: MachineBasis | None = None
) -> Decision:
    """Decide whether a service's machine may act for a company: there is no person to ask about.

    One query; none when its `basis` was read for these very three along with something else.
    """
    if company.closed_at is not None and company.closed_at <= at:
        return NoAccess(Refusal.COMPANY_CLOSED)
    if not service.is_active:
        return NoAccess(Refusal.SERVICE_NOT_OFFERED)
    if basis is None:
        basis = MACHINE_BASIS.all(company_id=company.pk, service_id=service.pk, at=at)
    ends = [end for end, _version in basis]
    if not ends:
        return NoAccess(Refusal.NOT_ENTITLED)
    until = None if None in ends else max(end for end in ends if end)
    return Access((Ground("machine", until=until),))


def _decide(
    person: User, company: Company, service: Service, basis: Basis, *, at: datetime
) -> Decision:
    if not person.is_active:
        return NoAccess(Refusal.PERSON_DISABLED)
    if company.closed_at is not None and company.closed_at <= at:
        return NoAccess(Refusal.COMPANY_CLOSED)
    if not service.is_active:
        return NoAccess(Refusal.SERVICE_NOT_OFFERED)
    holding = basis.holdings.get(service.pk)
    found = [contribute(standing, service, holding) for standing in basis.standings]
    grounds = tuple(each for each in found if isinstance(each, Ground))
    if grounds:
        return Access(grounds)
    reasons = (each for each in found if isinstance(each, Refusal))
    return NoAccess(next(reasons, Refusal.NOT_A_MEMBER))
