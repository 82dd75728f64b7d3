"""Many seats at once: what somebody ticked and unticked in a table of people and services."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from auditlog.actors import Actor
from companies.models import Company, Membership, Permission
from companies.operations import lock_company_for
from services.models import Entitlement, Seat, ServiceRole
from services.operations.rules import (
    AlreadySeatedError,
    MemberGoneError,
    NotEntitledError,
    SeatRefusedError,
)
from services.operations.seats import end_seats, lock_members, seat_member
from vop.lib.db import use_case
from vop.lib.errors import DomainError

Cell: TypeAlias = tuple[uuid.UUID, uuid.UUID]  # membership, entitlement


@dataclass(frozen=True, slots=True)
class SeatsChanged:
    """How many seats were given and released."""

    given: int
    released: int


@use_case
def change_seats_of(
    *,
    give: Collection[Cell],
    release: Collection[Cell],
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> SeatsChanged:
    """Give and release seats of the asking member's company, all or none of them.

    Each cell says what somebody changed, not what everything should be: a cell that another
    person brought there meanwhile counts as done, and cells nobody touched stay as they are.
    Releases come first, so that a seat can move within one call. A new seat has the service's
    default role.

    Raises: NotAllowedError, SeatRefusedError.
    """
    company = lock_company_for(acting, Permission.SEAT_ASSIGN, at=now)
    cells = {*give, *release}
    members = lock_members({member for member, _entitlement in cells}, company=company)
    entitlements = _lock_entitlements(company, {entitlement for _member, entitlement in cells})
    seated = _find_seats(members.values(), entitlements.values(), now)
    leaving = [seated[cell] for cell in sorted(release) if cell in seated]
    end_seats(leaving, reason="released", actor=actor, now=now)
    default_role = {
        role.service_id: role
        for role in ServiceRole.objects.filter(
            is_default=True, service__entitlements__in=entitlements.values()
        )
    }
    given = 0
    for member_id, entitlement_id in sorted(set(give) - seated.keys()):
        member, entitlement = members.get(member_id), entitlements.get(entitlement_id)
        given += _give(member, entitlement, default_role, actor=actor, now=now)
    return SeatsChanged(given=given, released=len(leaving))


def _lock_entitlements(company: Company, keys: Iterable[uuid.UUID]) -> dict[uuid.UUID, Entitlement]:
    rows = (
        Entitlement.objects.select_for_update(of=("self",), no_key=True)
        .select_related("company", "service")
        .filter(company=company, pk__in=keys)
        .order_by("pk")
    )
    return {row.pk: row for row in rows}


def _find_seats(
    members: Iterable[Membership], entitlements: Iterable[Entitlement], now: datetime
) -> dict[Cell, Seat]:
    seats = Seat.objects.not_ended(now).filter(
        membership__in=list(members), entitlement__in=list(entitlements)
    )
    return {(seat.membership_id, seat.entitlement_id): seat for seat in seats.with_names()}


def _give(
    member: Membership | None,
    entitlement: Entitlement | None,
    default_role: dict[uuid.UUID, ServiceRole],
    *,
    actor: Actor,
    now: datetime,
) -> int:
    """Give one seat; return how many were given, none when somebody just did."""
    if entitlement is None or entitlement.has_ended(now):
        raise NotEntitledError
    if member is None:
        raise MemberGoneError
    try:
        seat_member(
            entitlement=entitlement,
            membership=member,
            role=default_role[entitlement.service_id],
            actor=actor,
            now=now,
        )
    except AlreadySeatedError:
        return 0
    except DomainError as error:
        name = member.user.display_name
        raise SeatRefusedError(name, entitlement.service.name, error) from error
    return 1
