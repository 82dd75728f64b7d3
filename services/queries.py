"""Reading the catalogue, what companies have of it, and who uses it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from companies.models import Membership
from services.models import Entitlement, Seat, Service, ServiceRole


@dataclass(frozen=True, slots=True)
class SeatCount:
    """How many seats of something are taken, of how many; without a limit there is no end."""

    taken: int
    limit: int | None

    @property
    def free(self) -> int | None:
        """How many are left; nothing when there is no limit."""
        return None if self.limit is None else max(0, self.limit - self.taken)

    @property
    def is_full(self) -> bool:
        """Whether none is left."""
        return self.free == 0


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A service that a company has, and its seats."""

    entitlement: Entitlement
    seats: SeatCount

    @property
    def service(self) -> Service:
        """The service, loaded."""
        return self.entitlement.service


def list_offered_services() -> QuerySet[Service]:
    """List the catalogue."""
    return Service.objects.offered().by_name()


def get_service(slug: str) -> Service | None:
    """Return the service of that short name, also one that isn't offered any more."""
    return Service.objects.filter(slug=slug).first()


def list_roles(service: Service) -> QuerySet[ServiceRole]:
    """List what a person can be in a service."""
    return ServiceRole.objects.filter(service=service).in_order()


def list_subscribed(company_id: uuid.UUID, *, at: datetime) -> list[Subscribed]:
    """List the services that a company has, with their seats, in one query."""
    rows = Entitlement.objects.in_force(at).for_company(company_id).with_taken(at)
    rows = rows.select_related("service").order_by("service__name", "pk")
    return [_subscribed(row) for row in rows]


def get_subscribed(company_id: uuid.UUID, slug: str, *, at: datetime) -> Subscribed | None:
    """Return a service that a company has, with its seats, or nothing."""
    rows = Entitlement.objects.in_force(at).for_company(company_id).filter(service__slug=slug)
    row = rows.with_taken(at).select_related("service").order_by("pk").first()
    return _subscribed(row) if row else None


def count_seats(company_id: uuid.UUID, *, at: datetime) -> SeatCount:
    """Count the seats of all services of a company; one without a limit makes all without."""
    rows = list_subscribed(company_id, at=at)
    limits = [row.seats.limit for row in rows]
    known = [limit for limit in limits if limit is not None]
    return SeatCount(
        taken=sum(row.seats.taken for row in rows),
        limit=sum(known) if len(known) == len(limits) else None,
    )


def list_seats(entitlement: Entitlement, *, at: datetime) -> QuerySet[Seat]:
    """List who has a seat, by name."""
    return Seat.objects.in_force(at).filter(entitlement=entitlement).with_names().by_person()


def list_seats_of(memberships: Sequence[Membership], *, at: datetime) -> Sequence[Seat]:
    """List the seats that some members have, with role and service loaded, in one query."""
    seats = Seat.objects.in_force(at).filter(membership__in=memberships)
    return list(
        seats.select_related("role", "entitlement__service").order_by(
            "entitlement__service__name", "pk"
        )
    )


def list_members_without_seat(entitlement: Entitlement, *, at: datetime) -> Sequence[Membership]:
    """List the members of a company to whom a seat can still be given, by name."""
    seated = Seat.objects.not_ended(at).filter(entitlement=entitlement).values("membership_id")
    members = Membership.objects.in_force(at).filter(
        company_id=entitlement.company_id, user__is_active=True
    )
    return list(members.exclude(pk__in=seated).select_related("user").by_person())


def get_seat(company_id: uuid.UUID, slug: str, seat_id: uuid.UUID) -> Seat | None:
    """Return a seat of a company in a service, whether it has ended or not."""
    return (
        Seat.objects.filter(
            pk=seat_id, entitlement__company_id=company_id, entitlement__service__slug=slug
        )
        .with_names()
        .first()
    )


def _subscribed(row: Entitlement) -> Subscribed:
    return Subscribed(row, SeatCount(taken=row.taken, limit=row.seat_limit))
