"""Somebody leaves a company, and others take over what they had: all in one step."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from auditlog.actors import Actor
from companies.models import Membership, Permission
from companies.operations import add_owner, end_member, lock_company_for, move_main_contact
from services.models import Seat
from services.operations.rules import SeatRefusedError
from services.operations.seats import hand_seat_on, lock_members
from vop.lib.db import use_case
from vop.lib.errors import DomainError


@use_case
def end_with_handover(
    *,
    membership: Membership,
    new_main_contact: Membership | None,
    new_owner: Membership | None,
    seats: Mapping[uuid.UUID, Membership],
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Membership:
    """End a membership after moving what its member holds; seats not named are released.

    `seats` says by seat who takes it over, in the same role; somebody who has one already in that
    service keeps it, and the old one is free.

    Raises: NotAllowedError, MemberGoneError, OwnerOnlyError, LastOwnerError, MainContactError,
    OwnRolesError, SeatRefusedError.
    """
    company = lock_company_for(acting, Permission.SEAT_ASSIGN, at=now)
    taking_over = {member.pk for member in seats.values()}
    lock_members([membership.pk, *taking_over], company=company)
    if new_owner is not None:
        add_owner(membership=new_owner, acting=acting, actor=actor, now=now)
    if new_main_contact is not None:
        move_main_contact(membership=new_main_contact, acting=acting, actor=actor, now=now)
    held = Seat.objects.not_ended(now).filter(membership=membership, pk__in=seats.keys())
    for seat in held.with_names().order_by("entitlement_id", "pk"):
        _move(seat, seats[seat.pk], actor=actor, now=now)
    return end_member(membership=membership, acting=acting, actor=actor, now=now)


def _move(seat: Seat, member: Membership, *, actor: Actor, now: datetime) -> None:
    taken = Seat.objects.not_ended(now).filter(
        entitlement_id=seat.entitlement_id, membership_id=member.pk
    )
    if taken.exists():
        return  # the end of the membership releases it
    try:
        hand_seat_on(seat=seat, membership=member, actor=actor, now=now)
    except DomainError as error:
        service = seat.entitlement.service.name
        raise SeatRefusedError(member.user.display_name, service, error) from error
