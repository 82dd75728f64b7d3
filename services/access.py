"""The one decision: whether a person may use a service for a company, and through what.

Tiles, the authorize endpoint, token, refresh, userinfo, introspection, admin and API all ask
here. Nothing else decides.

Memberships, roles, entitlements and seats have a start and an end, so the answer for a past instant
stays what it was. That a person or a service is switched off has no dates: it holds for every
instant asked about.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from django.db.models import Count, F, FilteredRelation, Max, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from companies.models import Company, Membership
from services.models import Entitlement, Seat, Service
from services.queries import (
    Subscribed,
    get_seat,
    get_service,
    get_subscribed,
    list_offered_services,
)
from vop.lib.errors import NotFound


class Refusal(StrEnum):
    """Why the answer is no; each has its explanation for people in `REFUSAL_TEXTS`."""

    PERSON_DISABLED = "person_disabled"
    COMPANY_CLOSED = "company_closed"
    NOT_A_MEMBER = "not_a_member"
    NO_ROLE = "no_role"
    SERVICE_NOT_OFFERED = "service_not_offered"
    NOT_ENTITLED = "not_entitled"
    NO_SEAT = "no_seat"


REFUSAL_TEXTS: Mapping[Refusal, str | Promise] = {
    Refusal.PERSON_DISABLED: _("Your account is disabled."),
    Refusal.COMPANY_CLOSED: _("The company is closed."),
    Refusal.NOT_A_MEMBER: _("You are not a member of the company."),
    Refusal.NO_ROLE: _("You have no role in the company any more."),
    Refusal.SERVICE_NOT_OFFERED: _("The service is not offered any more."),
    Refusal.NOT_ENTITLED: _("The company has not bought the service."),
    Refusal.NO_SEAT: _("You have no seat in the service."),
}


@dataclass(frozen=True, slots=True)
class Access:
    """Yes: in these roles, with these packages, through this ground, at most until then."""

    roles: frozenset[str]
    packages: frozenset[str]
    ground: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class NoAccess:
    """No, and why."""

    reason: Refusal

    @property
    def text(self) -> str | Promise:
        """The reason as people read it."""
        return REFUSAL_TEXTS[self.reason]


Decision: TypeAlias = Access | NoAccess


@dataclass(frozen=True, slots=True)
class Offer:
    """A service of the catalogue and what a person may do with it in one company."""

    service: Service
    decision: Decision

    @property
    def is_open(self) -> bool:
        """Whether the person may open it."""
        return isinstance(self.decision, Access)

    @property
    def is_bought(self) -> bool:
        """Whether the company has it."""
        return self.is_open or self.decision == NoAccess(Refusal.NO_SEAT)


def list_offers(person: User, company: Company, *, at: datetime) -> list[Offer]:
    """List the catalogue with the decision about each service. Three queries."""
    decisions = effective_access_to_each(person, company, list_offered_services(), at)
    return [Offer(service, decision) for service, decision in decisions]


def get_service_for(slug: str) -> Service:
    """Return a service of the catalogue by the short name in an address.

    Raises: NotFound.
    """
    service = get_service(slug)
    if service is None:
        raise NotFound
    return service


def get_subscribed_for(company: Company, slug: str, *, at: datetime) -> Subscribed:
    """Return a service that the company of a page has.

    Raises: NotFound.
    """
    subscribed = get_subscribed(company.pk, slug, at=at)
    if subscribed is None:
        raise NotFound
    return subscribed


def get_seat_for(company: Company, slug: str, seat_id: uuid.UUID) -> Seat:
    """Return a seat in a service of the company of a page.

    Raises: NotFound.
    """
    seat = get_seat(company.pk, slug, seat_id)
    if seat is None:
        raise NotFound
    return seat


def effective_access(person: User, company: Company, service: Service, at: datetime) -> Decision:
    """Decide whether a person may use a service for a company at an instant. Two queries."""
    [(_service, decision)] = effective_access_to_each(person, company, [service], at)
    return decision


def effective_access_to_each(
    person: User, company: Company, services: Iterable[Service], at: datetime
) -> list[tuple[Service, Decision]]:
    """Decide about several services of one company with the same two queries."""
    services = list(services)
    member = _find_member(person, company, at)
    rows = _entitlement_rows(company, services, member, at) if member else {}
    return [
        (service, _decide(person, company, service, member, rows.get(service.pk), at=at))
        for service in services
    ]


def machine_access(company: Company, service: Service, at: datetime) -> Decision:
    """Decide whether a service's machine may act for a company: there is no person to ask about."""
    if company.closed_at is not None and company.closed_at <= at:
        return NoAccess(Refusal.COMPANY_CLOSED)
    if not service.is_active:
        return NoAccess(Refusal.SERVICE_NOT_OFFERED)
    held = Entitlement.objects.in_force(at).for_company(company.pk).filter(service=service)
    ends = list(held.order_by("valid_from", "pk").values_list("valid_until", flat=True))
    if not ends:
        return NoAccess(Refusal.NOT_ENTITLED)
    until = None if None in ends else max(end for end in ends if end)
    return Access(roles=frozenset(), packages=frozenset(), ground="machine", until=until)


@dataclass(frozen=True, slots=True)
class _Member:
    """A membership in force: whether any role is left in it, and when the last one ends."""

    membership_id: uuid.UUID
    has_role: bool
    until: datetime | None


def _find_member(person: User, company: Company, at: datetime) -> _Member | None:
    held = Q(role_grants__valid_from__lte=at) & (
        Q(role_grants__valid_until=None) | Q(role_grants__valid_until__gt=at)
    )
    endless = held & Q(role_grants__valid_until=None)
    row = (
        Membership.objects.in_force(at)
        .filter(company_id=company.pk, user_id=person.pk)
        .order_by("pk")
        .annotate(
            roles=Count("role_grants", filter=held),
            endless_roles=Count("role_grants", filter=endless),
            roles_until=Max("role_grants__valid_until", filter=held),
        )
        .values_list("pk", "valid_until", "roles", "endless_roles", "roles_until")
        .first()
    )
    if row is None:
        return None
    membership_id, until, roles, endless_roles, roles_until = row
    ends = [until, None if endless_roles else roles_until]
    return _Member(membership_id, roles > 0, _earliest(ends))


@dataclass(frozen=True, slots=True)
class _Row:
    """A company's entitlement to one service and, when there is one, the person's seat in it."""

    entitled_until: datetime | None
    role: str | None
    seat_until: datetime | None


def _entitlement_rows(
    company: Company, services: list[Service], member: _Member, at: datetime
) -> dict[object, _Row]:
    seat_in_force = Q(seats__membership=member.membership_id, seats__valid_from__lte=at) & (
        Q(seats__valid_until=None) | Q(seats__valid_until__gt=at)
    )
    rows = (
        Entitlement.objects.in_force(at)
        .for_company(company.pk)
        .filter(service__in=services)
        .annotate(seat=FilteredRelation("seats", condition=seat_in_force))
        .order_by("valid_from", "pk")
        .values_list("service_id", "valid_until", "seat__role__code", F("seat__valid_until"))
    )
    found: dict[object, _Row] = {}
    for service_id, entitled_until, role, seat_until in rows:
        if service_id not in found or role is not None:
            found[service_id] = _Row(entitled_until, role, seat_until)
    return found


def _decide(
    person: User,
    company: Company,
    service: Service,
    member: _Member | None,
    row: _Row | None,
    *,
    at: datetime,
) -> Decision:
    if not person.is_active:
        return NoAccess(Refusal.PERSON_DISABLED)
    if company.closed_at is not None and company.closed_at <= at:
        return NoAccess(Refusal.COMPANY_CLOSED)
    if not service.is_active:
        return NoAccess(Refusal.SERVICE_NOT_OFFERED)
    if member is None:
        return NoAccess(Refusal.NOT_A_MEMBER)
    if not member.has_role:
        return NoAccess(Refusal.NO_ROLE)
    if row is None:
        return NoAccess(Refusal.NOT_ENTITLED)
    if row.role is None:
        return NoAccess(Refusal.NO_SEAT)
    return Access(
        roles=frozenset({row.role}),
        packages=frozenset(),
        ground="membership",
        until=_earliest([member.until, row.entitled_until, row.seat_until]),
    )


def _earliest(ends: Iterable[datetime | None]) -> datetime | None:
    return min((end for end in ends if end), default=None)
