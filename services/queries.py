"""Reading the catalogue, what companies have of it, and who uses it."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from companies.models import Assignment, Mandate, Membership, RoleGrant, SupportGrant
from services.models import (
    INCLUDED,
    AssignmentItem,
    Entitlement,
    MandateItem,
    Package,
    Seat,
    Service,
    ServicePicture,
    ServiceRole,
)


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


@dataclass(frozen=True, slots=True)
class CoveredService:
    """A service of a mandate or an assignment, and everything that it lets a firm do there."""

    service: Service
    packages: frozenset[Package]

    @property
    def mightiest(self) -> list[Package]:
        """The packages that none of the others includes, the lesser first."""
        return [
            package
            for package in Package
            if package in self.packages
            and not any(package in INCLUDED[other] for other in self.packages if other != package)
        ]

    @property
    def labels(self) -> list[str]:
        """The mightiest packages as people read them."""
        return [str(package.label) for package in self.mightiest]


def cover(chosen: Mapping[Service, Collection[Package]]) -> list[CoveredService]:
    """Return services with the chosen packages and those they include, by name."""
    covered = [
        CoveredService(service, frozenset().union(*(INCLUDED[each] for each in packages)))
        for service, packages in chosen.items()
        if packages
    ]
    return sorted(covered, key=lambda each: (each.service.name, str(each.service.pk)))


def list_covered(mandate: Mandate) -> list[CoveredService]:
    """List what a mandate covers, by the services' names."""
    rows = MandateItem.objects.filter(mandate=mandate).select_related("service")
    return _group((item.service, item.package) for item in rows.order_by("pk"))


def map_covered(mandates: Collection[Mandate]) -> Mapping[uuid.UUID, list[CoveredService]]:
    """Map mandates to what they cover, in one query."""
    found: dict[uuid.UUID, list[MandateItem]] = {mandate.pk: [] for mandate in mandates}
    rows = MandateItem.objects.filter(mandate__in=mandates).select_related("service")
    for item in rows.order_by("pk"):
        found[item.mandate_id].append(item)
    return {
        key: _group((item.service, item.package) for item in items) for key, items in found.items()
    }


def map_assigned(
    assignments: Collection[Assignment],
) -> Mapping[uuid.UUID, list[CoveredService]]:
    """Map assignments to what they cover, in one query."""
    found: dict[uuid.UUID, list[MandateItem]] = {each.pk: [] for each in assignments}
    rows = AssignmentItem.objects.filter(assignment__in=assignments).select_related("item__service")
    for row in rows.order_by("pk"):
        found[row.assignment_id].append(row.item)
    return {
        key: _group((item.service, item.package) for item in items) for key, items in found.items()
    }


def has_ground(at: datetime, *, user: str, company: str, service: str) -> Q:
    """Match rows whose person has something in force to rest access on.

    That is a seat, an assignment, or for staff a support access. The names are the outer row's
    columns. It narrows down a search; `effective_access` decides.
    """
    whose = {"membership__user": OuterRef(user)}
    what = {"company": OuterRef(company), "service": OuterRef(service)}
    entitlements = Entitlement.objects.in_force(at)
    seats = Seat.objects.in_force(at).filter(
        membership__in=Membership.objects.in_force(at),
        entitlement__in=entitlements,
        **whose,
        **{f"entitlement__{name}": value for name, value in what.items()},
    )
    roles = RoleGrant.objects.in_force(at).filter(membership__company=OuterRef(company), **whose)
    items = AssignmentItem.objects.filter(
        assignment__in=Assignment.objects.in_force(at),
        assignment__user=OuterRef(user),
        assignment__mandate__client=OuterRef(company),
        item__service=OuterRef(service),
    )
    looks = SupportGrant.objects.in_force(at).filter(
        Q(staff=None) | Q(staff=OuterRef(user)), company=OuterRef(company)
    )
    staff = User.objects.filter(pk=OuterRef(user), is_staff=True)
    is_seated = Q(Exists(seats)) & Q(Exists(roles))
    is_staff = Q(Exists(looks)) & Q(Exists(staff))
    return is_seated | (Q(Exists(items)) | is_staff) & Q(Exists(entitlements.filter(**what)))


def administers(user: User, at: datetime) -> Exists:
    """Match mandates under which a person may administer a service of the client."""
    return Exists(_administered_under(OuterRef("pk"), user, at))


def has_unused_seats(user: User, at: datetime) -> Exists:
    """Match mandates whose client has free seats in a service that a person may administer."""
    mine = _administered_under(OuterRef(OuterRef("pk")), user, at)
    entitlements = Entitlement.objects.in_force(at).filter(
        company=OuterRef("client"), service__in=mine.values("item__service")
    )
    return Exists(entitlements.with_free_seats(at))


def map_administered_seats(
    user: User, mandates: Collection[Mandate], *, at: datetime
) -> Mapping[uuid.UUID, SeatCount]:
    """Map mandates to the seats of the services that a person may administer there. Three queries.

    Who assigns others, or only works in a service, isn't told: a mandate without `admin` in the
    person's own assignment is missing from the answer.
    """
    # By keys, one step after the other: as one query PostgreSQL joins everything that an assignment
    # rests on with every item, and without statistics of new rows in an order that takes minutes.
    mine = Assignment.objects.in_force(at).of_person(user.pk).filter(mandate__in=mandates)
    items = _with_admin().filter(assignment__in=list(mine.values_list("pk", flat=True)))
    pairs = set(items.values_list("item__mandate__client_id", "item__service_id"))
    entitlements = (
        Entitlement.objects.in_force(at)
        .filter(
            company__in={company for company, _service in pairs},
            service__in={service for _company, service in pairs},
        )
        .with_taken(at)
        .order_by("pk")
    )
    found: dict[uuid.UUID, list[Entitlement]] = {company: [] for company, _service in pairs}
    for row in entitlements:
        if (row.company_id, row.service_id) in pairs:
            found[row.company_id].append(row)
    return {
        mandate.pk: _sum_seats(_subscribed(row) for row in found[mandate.client_id])
        for mandate in mandates
        if mandate.client_id in found
    }


def list_offered_services() -> QuerySet[Service]:
    """List the catalogue."""
    return Service.objects.offered().by_name()


def get_service(slug: str) -> Service | None:
    """Return the service of that short name, also one that isn't offered any more."""
    return Service.objects.filter(slug=slug).first()


def get_picture(slug: str, sha256: str) -> bytes | None:
    """Return the bytes of a service's picture, if it is that one."""
    rows = ServicePicture.objects.filter(service__slug=slug, service__picture_sha256=sha256)
    content = rows.values_list("content", flat=True).first()
    return None if content is None else bytes(content)  # a memoryview on PostgreSQL


def name_services() -> Mapping[str, str]:
    """Return what services are called, by their short names."""
    return dict(Service.objects.values_list("slug", "name"))


def name_service_roles() -> Mapping[str, str]:
    """Return what roles in services are called, by `<service>/<code>`."""
    rows = ServiceRole.objects.values_list("service__slug", "code", "name")
    return {f"{slug}/{code}": name for slug, code, name in rows}


def map_roles(services: Collection[Service]) -> Mapping[uuid.UUID, list[ServiceRole]]:
    """Map services to what a person can be in them, in one query."""
    found: dict[uuid.UUID, list[ServiceRole]] = {service.pk: [] for service in services}
    for role in ServiceRole.objects.filter(service__in=services).in_order():
        found[role.service_id].append(role)
    return found


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
    return _sum_seats(list_subscribed(company_id, at=at))


def list_seats(entitlement: Entitlement, *, at: datetime) -> QuerySet[Seat]:
    """List who has a seat, by name, with person and role loaded."""
    seats = Seat.objects.in_force(at).filter(entitlement=entitlement)
    return seats.select_related("membership__user", "role").by_person()


def list_seats_of(memberships: Sequence[Membership], *, at: datetime) -> Sequence[Seat]:
    """List the seats that some members have, with role and service loaded, in one query."""
    seats = Seat.objects.in_force(at).filter(membership__in=memberships)
    return list(
        seats.select_related("role", "entitlement__service").order_by(
            "entitlement__service__name", "pk"
        )
    )


def list_members_without_seat(
    entitlement: Entitlement, *, at: datetime, limit: int
) -> Sequence[Membership]:
    """List members of a company to whom a seat can still be given, by name."""
    seated = Seat.objects.not_ended(at).filter(entitlement=entitlement).values("membership_id")
    members = Membership.objects.in_force(at).filter(
        company_id=entitlement.company_id, user__is_active=True
    )
    return list(members.exclude(pk__in=seated).select_related("user").by_person()[:limit])


def get_seat(company_id: uuid.UUID, slug: str, seat_id: uuid.UUID) -> Seat | None:
    """Return a seat of a company in a service, whether it has ended or not."""
    return (
        Seat.objects.filter(
            pk=seat_id, entitlement__company_id=company_id, entitlement__service__slug=slug
        )
        .with_names()
        .first()
    )


def _administered_under(
    mandate: OuterRef, user: User, at: datetime
) -> QuerySet[AssignmentItem, AssignmentItem]:
    """Select what a person may administer under the outer row's mandate."""
    mine = Assignment.objects.in_force(at).of_person(user.pk)
    return _with_admin().filter(
        item__mandate=mandate, assignment__in=mine.filter(mandate=OuterRef(mandate))
    )


def _with_admin() -> QuerySet[AssignmentItem, AssignmentItem]:
    return AssignmentItem.objects.filter(item__package=Package.ADMIN)


def _sum_seats(rows: Iterable[Subscribed]) -> SeatCount:
    rows = list(rows)
    known = [row.seats.limit for row in rows if row.seats.limit is not None]
    return SeatCount(
        taken=sum(row.seats.taken for row in rows),
        limit=sum(known) if len(known) == len(rows) else None,
    )


def _subscribed(row: Entitlement) -> Subscribed:
    return Subscribed(row, SeatCount(taken=row.taken, limit=row.seat_limit))


def _group(pairs: Iterable[tuple[Service, Any]]) -> list[CoveredService]:
    services: dict[Service, set[Package]] = {}
    for service, package in pairs:
        services.setdefault(service, set()).add(Package(package))
    return cover(services)
