"""Giving and ending the use of services.

Locks are taken from the ground up: company, membership, entitlement, each by its key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
from companies.models import Company, Membership
from services.access import Decision, NoAccess
from services.events import ServiceEvent
from services.models import Entitlement, Seat, Service, ServiceRole
from services.signals import seat_ended
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError


class AlreadyEntitledError(DomainError):
    message = _("The company has this service already.")


class NotEntitledError(DomainError):
    message = _("The company does not have this service any more.")


class NoSeatLeftError(DomainError):
    message = _("All seats are taken. Release one, or buy more seats.")


class AlreadySeatedError(DomainError):
    message = _("This person has a seat in the service already.")


class SeatGoneError(DomainError):
    message = _("This seat was released already.")


class MemberGoneError(DomainError):
    message = _("This person is not a member any more.")


class ForeignRoleError(DomainError):
    message = _("The service has no such role.")


class SlugTakenError(DomainError):
    message = _("Another service has this short name.")


class NoDefaultRoleError(DomainError):
    message = _("Exactly one role must be the default.")


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the catalogue says of a service."""

    slug: str
    name: str
    tagline: str
    launch_url: str
    description: str = ""
    is_first_party: bool = True
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """What the catalogue says of a role in a service."""

    code: str
    name: str
    description: str = ""
    is_default: bool = False
    rank: int = 0


# --- The catalogue --------------------------------------------------------------------------------


@use_case
def create_service(
    *, facts: ServiceFacts, roles: Sequence[RoleFacts], actor: Actor, now: datetime
) -> Service:
    """Add a service to the catalogue, with the roles that people can have in it.

    Raises: SlugTakenError, NoDefaultRoleError.
    """
    if Service.objects.filter(slug=facts.slug).exists():
        raise SlugTakenError
    service = Service.objects.create(**asdict(facts))
    _save_roles(service, roles)
    audit(
        ServiceEvent.CREATED,
        actor=actor,
        now=now,
        target=service.ref,
        data={"service": service.slug, "roles": [role.code for role in roles]},
    )
    return service


@use_case
def update_service(
    *,
    service: Service,
    facts: ServiceFacts,
    roles: Sequence[RoleFacts],
    actor: Actor,
    now: datetime,
) -> Service:
    """Change what the catalogue says; roles are known by their code, and none is taken away.

    Raises: SlugTakenError, NoDefaultRoleError.
    """
    locked = Service.objects.select_for_update(of=("self",), no_key=True).get(pk=service.pk)
    if Service.objects.filter(slug=facts.slug).exclude(pk=locked.pk).exists():
        raise SlugTakenError
    new = asdict(facts)
    changes = {
        name: [getattr(locked, name), value]
        for name, value in new.items()
        if getattr(locked, name) != value
    }
    for name, value in new.items():
        setattr(locked, name, value)
    locked.save(update_fields=list(new))
    _save_roles(locked, roles)
    audit(
        ServiceEvent.UPDATED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"changes": changes, "roles": [role.code for role in roles]},
    )
    return locked


# --- What a company may use -----------------------------------------------------------------------


@step
def entitle_company(
    *, company: Company, service: Service, seat_limit: int | None, actor: Actor, now: datetime
) -> Entitlement:
    """Let a company use a service from now on.

    Raises: AlreadyEntitledError.
    """
    Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)
    if Entitlement.objects.not_ended(now).for_company(company.pk).filter(service=service).exists():
        raise AlreadyEntitledError
    entitlement = Entitlement.objects.create(
        company=company, service=service, seat_limit=seat_limit, valid_from=now
    )
    audit(
        ServiceEvent.ACTIVATED,
        actor=actor,
        now=now,
        company=company.ref,
        target=service.ref,
        data={"service": service.slug, "seats": seat_limit},
    )
    return entitlement


@step
def change_seat_limit(
    *, entitlement: Entitlement, seat_limit: int | None, actor: Actor, now: datetime
) -> Entitlement:
    """Set how many seats an entitlement has; seats that are taken stay taken.

    Raises: NotEntitledError.
    """
    locked = _lock(entitlement)
    if _is_over(locked, entitlement, now):
        raise NotEntitledError
    if locked.seat_limit == seat_limit:
        return locked
    before, locked.seat_limit = locked.seat_limit, seat_limit
    locked.save(update_fields=["seat_limit"])
    audit(
        ServiceEvent.SEAT_LIMIT_CHANGED,
        actor=actor,
        now=now,
        company=locked.company.ref,
        target=locked.service.ref,
        data={"service": locked.service.slug, "seats": [before, seat_limit]},
    )
    return locked


@step
def end_entitlement(*, entitlement: Entitlement, actor: Actor, now: datetime) -> Entitlement:
    """End a company's use of a service now, and every seat in it.

    Raises: NotEntitledError when it has ended already.
    """
    locked = _lock(entitlement)
    if _is_over(locked, entitlement, now):
        raise NotEntitledError
    locked.valid_until = max(now, locked.valid_from)
    locked.save(update_fields=["valid_until"])
    seats = Seat.objects.not_ended(now).filter(entitlement=locked).with_names().order_by("pk")
    _end_seats(seats, reason="service_ended", actor=actor, now=now)
    audit(
        ServiceEvent.CANCELLED,
        actor=actor,
        now=now,
        company=locked.company.ref,
        target=locked.service.ref,
        data={"service": locked.service.slug},
    )
    return locked


@use_case
def withdraw_service(*, entitlement: Entitlement, actor: Actor, now: datetime) -> Entitlement:
    """End a company's use of a service as an act of its own, such as a decision by staff.

    Raises: NotEntitledError.
    """
    return end_entitlement(entitlement=entitlement, actor=actor, now=now)


# --- Who in it ------------------------------------------------------------------------------------


@use_case
def assign_seat(
    *,
    entitlement: Entitlement,
    membership: Membership,
    role: ServiceRole,
    actor: Actor,
    now: datetime,
) -> Seat:
    """Give a member a seat in a service that the company has.

    Who may give seats (`seat.assign`: owners and administrators) may take one too. It widens
    nothing that they couldn't reach by seating somebody, it is in the log, and in a company of
    one there is nobody else to ask.

    Raises: NotEntitledError, MemberGoneError, ForeignRoleError, AlreadySeatedError,
    NoSeatLeftError.
    """
    return seat_member(
        entitlement=entitlement, membership=membership, role=role, actor=actor, now=now
    )


@step
def seat_member(
    *,
    entitlement: Entitlement,
    membership: Membership,
    role: ServiceRole,
    actor: Actor,
    now: datetime,
) -> Seat:
    """Give a member a seat as a part of something larger, such as a purchase.

    Raises: as `assign_seat`.
    """
    member = Membership.objects.select_for_update(of=("self",), no_key=True).get(pk=membership.pk)
    locked = _lock(entitlement)
    if _is_over(locked, entitlement, now):
        raise NotEntitledError
    # Suspended at all: maybe while we waited for the lock, at a later instant than ours.
    is_there = member.is_in_force(now) and not member.is_suspended
    if not is_there or member.company_id != locked.company_id:
        raise MemberGoneError
    if role.service_id != locked.service_id:
        raise ForeignRoleError
    taken = Seat.objects.not_ended(now).filter(entitlement=locked)
    if taken.filter(membership=member).exists():
        raise AlreadySeatedError
    count = taken.count()
    if locked.seat_limit is not None and count >= locked.seat_limit:
        raise NoSeatLeftError
    seat = Seat.objects.create(
        entitlement=locked,
        membership=member,
        role=role,
        valid_from=now,
        valid_until=member.valid_until,  # a seat never outlives the membership
    )
    audit(
        ServiceEvent.SEAT_ASSIGNED,
        actor=actor,
        now=now,
        company=locked.company.ref,
        target=member.user.ref,
        data={"service": locked.service.slug, "role": role.code},
    )
    if locked.seat_limit == count + 1:
        audit(
            ServiceEvent.SEAT_LIMIT_REACHED,
            actor=actor,
            now=now,
            company=locked.company.ref,
            target=locked.service.ref,
            data={"service": locked.service.slug, "seats": locked.seat_limit},
        )
    return seat


@use_case
def release_seat(*, seat: Seat, actor: Actor, now: datetime) -> Seat:
    """End a member's use of a service now.

    Raises: SeatGoneError.
    """
    _lock(seat.entitlement)
    current = Seat.objects.not_ended(now).filter(pk=seat.pk).with_names().first()
    if current is None or current.valid_until != seat.valid_until:
        raise SeatGoneError
    _end_seats([current], reason="released", actor=actor, now=now)
    return current


@step
def release_seats_of(
    *, membership: Membership, reason: str, actor: Actor, now: datetime
) -> list[Seat]:
    """End every seat of a member whose membership ends or is suspended; return what ended."""
    held = Seat.objects.not_ended(now).filter(membership=membership)
    list(
        Entitlement.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=held.values("entitlement_id"))
        .order_by("pk")
    )
    seats = list(held.with_names().order_by("pk"))
    _end_seats(seats, reason=reason, actor=actor, now=now)
    return seats


@use_case
def record_opening(
    *, company: Company, service: Service, decision: Decision, actor: Actor, now: datetime
) -> Event:
    """Write down that a person opened a service from the portal, or was refused it."""
    refused = isinstance(decision, NoAccess)
    return audit(
        ServiceEvent.OPENED,
        actor=actor,
        now=now,
        company=company.ref,
        target=service.ref,
        outcome=Event.Outcome.DENIED if refused else Event.Outcome.SUCCESS,
        data={"service": service.slug}
        | ({"reason": decision.reason.value} if isinstance(decision, NoAccess) else {}),
    )


def _lock(entitlement: Entitlement) -> Entitlement:
    return (
        Entitlement.objects.select_for_update(of=("self",), no_key=True)
        .select_related("company", "service")
        .get(pk=entitlement.pk)
    )


def _is_over(locked: Entitlement, seen: Entitlement, now: datetime) -> bool:
    """Tell whether it ended: before now, or while we waited for the lock, at a later instant."""
    return locked.has_ended(now) or locked.valid_until != seen.valid_until


def _end_seats(seats: Iterable[Seat], *, reason: str, actor: Actor, now: datetime) -> None:
    for seat in seats:
        seat.valid_until = max(now, seat.valid_from)
        seat.save(update_fields=["valid_until"])
        audit(
            ServiceEvent.SEAT_RELEASED,
            actor=actor,
            now=now,
            company=seat.entitlement.company.ref,
            target=seat.membership.user.ref,
            data={"service": seat.entitlement.service.slug, "reason": reason},
        )
        seat_ended.send(sender=Seat, seat=seat, actor=actor, now=now)


def _save_roles(service: Service, roles: Sequence[RoleFacts]) -> None:
    if sum(role.is_default for role in roles) != 1:
        raise NoDefaultRoleError
    # Only one may be the default at any moment, so the old one steps down first.
    ServiceRole.objects.filter(service=service).update(is_default=False)
    for role in roles:
        values = asdict(role)
        ServiceRole.objects.update_or_create(
            service=service, code=values.pop("code"), defaults=values
        )
