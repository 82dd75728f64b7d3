"""Who uses what a company has."""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
from companies.models import Company, Membership, Permission
from companies.operations import lock_company_for, note_visit
from services.access import Decision, NoAccess
from services.events import ServiceEvent
from services.models import Entitlement, Seat, Service, ServiceRole
from services.operations.rules import (
    AlreadySeatedError,
    ForeignRoleError,
    MemberGoneError,
    NoSeatLeftError,
    NotEntitledError,
    SeatGoneError,
    is_over,
    lock_entitlement,
)
from services.signals import seat_ended
from vop.lib.db import step, use_case


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
    locked = lock_entitlement(entitlement)
    if is_over(locked, entitlement, now):
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
    lock_entitlement(seat.entitlement)
    current = Seat.objects.not_ended(now).filter(pk=seat.pk).with_names().first()
    if current is None or current.valid_until != seat.valid_until:
        raise SeatGoneError
    end_seats([current], reason="released", actor=actor, now=now)
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
    end_seats(seats, reason=reason, actor=actor, now=now)
    return seats


@step
def follow_last_day(*, membership: Membership, before: datetime | None, now: datetime) -> None:
    """Let a member's seats end with the membership, and go on when it does.

    `before` is when the membership would have ended: seats that ended with it follow it on.
    """
    seats = Seat.objects.not_ended(now).filter(membership=membership)
    end = membership.valid_until
    if end is None:
        seats.filter(valid_until=before).update(valid_until=None)
    else:
        ends_later = Q(valid_until=None) | Q(valid_until__gt=end) | Q(valid_until=before)
        seats.filter(ends_later).update(valid_until=end)


@use_case
def move_seat(
    *, seat: Seat, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> Seat:
    """Take a seat from one member and give it to another, in the same role.

    Raises: NotAllowedError, SeatGoneError, MemberGoneError, AlreadySeatedError.
    """
    company = lock_company_for(acting, Permission.SEAT_ASSIGN, at=now)
    lock_members([seat.membership_id, membership.pk], company=company)
    if seat.entitlement.company_id != company.pk:
        raise SeatGoneError
    return hand_seat_on(seat=seat, membership=membership, actor=actor, now=now)


@step
def hand_seat_on(*, seat: Seat, membership: Membership, actor: Actor, now: datetime) -> Seat:
    """Move a seat as a part of something larger. Call with both members locked.

    Raises: SeatGoneError, MemberGoneError, AlreadySeatedError.
    """
    lock_entitlement(seat.entitlement)
    current = Seat.objects.not_ended(now).filter(pk=seat.pk).with_names().first()
    if current is None or current.valid_until != seat.valid_until:
        raise SeatGoneError
    end_seats([current], reason="moved", actor=actor, now=now)
    return seat_member(
        entitlement=current.entitlement,
        membership=membership,
        role=current.role,
        actor=actor,
        now=now,
    )


@step
def change_role(*, seat: Seat, role: ServiceRole, actor: Actor, now: datetime) -> Seat:
    """Give a seat another role from now on; the old one ends, so that the past stays what it was.

    What services were granted on the old role ends with it. Call with the member and the
    entitlement locked.

    Raises: ForeignRoleError.
    """
    if role.service_id != seat.entitlement.service_id:
        raise ForeignRoleError
    until, seat.valid_until = seat.valid_until, max(now, seat.valid_from)
    seat.save(update_fields=["valid_until"])
    changed = Seat.objects.create(
        entitlement=seat.entitlement,
        membership=seat.membership,
        role=role,
        valid_from=seat.valid_until,
        valid_until=until,
    )
    audit(
        ServiceEvent.SEAT_ROLE_CHANGED,
        actor=actor,
        now=now,
        company=seat.entitlement.company.ref,
        target=seat.membership.user.ref,
        data={
            "service": seat.entitlement.service.slug,
            "role": role.code,
            "role_before": seat.role.code,
        },
    )
    seat_ended.send(sender=Seat, seat=seat, actor=actor, now=now)
    return changed


def lock_members(keys: Collection[uuid.UUID], *, company: Company) -> dict[uuid.UUID, Membership]:
    """Hold members of a company in the order of their keys, so that no two wait for each other."""
    rows = (
        Membership.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .filter(company=company, pk__in=keys)
        .order_by("pk")
    )
    return {row.pk: row for row in rows}


@use_case
def record_opening(
    *, company: Company, service: Service, decision: Decision, actor: Actor, now: datetime
) -> Event:
    """Write down that a person opened a service from the portal, or was refused it."""
    refused = isinstance(decision, NoAccess)
    if not refused:
        note_visit(user_id=actor.id, company=company, now=now)
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


def end_seats(seats: Iterable[Seat], *, reason: str, actor: Actor, now: datetime) -> None:
    """End seats now, each with its event and its signal."""
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
