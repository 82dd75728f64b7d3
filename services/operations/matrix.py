"""Many seats at once: what somebody ticked and unticked in a table of people and services."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from auditlog.actors import Actor
from companies.models import Company, Membership, Permission
from companies.operations import lock_company_for
from services.models import Entitlement, Seat, ServiceRole
from services.operations.rules import (
    AlreadySeatedError,
    ForeignRoleError,
    MemberGoneError,
    NotEntitledError,
    SeatRefusedError,
)
from services.operations.seats import change_role, end_seats, lock_members, seat_member
from vop.lib.db import use_case
from vop.lib.errors import DomainError

Cell: TypeAlias = tuple[uuid.UUID, uuid.UUID]  # membership, entitlement
EMPTY: Final[Mapping[Cell, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SeatsChanged:
    """How many seats were given, released, and got another role."""

    given: int
    released: int
    changed: int = 0


@use_case
def change_seats_of(
    *,
    give: Collection[Cell],
    release: Collection[Cell],
    acting: Membership,
    actor: Actor,
    now: datetime,
    roles: Mapping[Cell, str] = EMPTY,
) -> SeatsChanged:
    """Give and release seats of the asking member's company, and change roles: all or nothing.

    Each cell says what somebody changed, not what everything should be: a cell that another
    person brought there meanwhile counts as done, and cells nobody touched stay as they are.
    Releases come first, so that a seat can move within one call. A new seat has the service's
    default role; `roles` has the codes of other roles for seats that stay.

    Raises: NotAllowedError, SeatRefusedError.
    """
    company = lock_company_for(acting, Permission.SEAT_ASSIGN, at=now)
    cells = {*give, *release, *roles}
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
    staying = {cell: seat for cell, seat in seated.items() if cell not in set(release)}
    changed = _change_roles(staying, roles, actor=actor, now=now)
    return SeatsChanged(given=given, released=len(leaving), changed=changed)


def _change_roles(
    seated: Mapping[Cell, Seat], roles: Mapping[Cell, str], *, actor: Actor, now: datetime
) -> int:
    """Change roles of seats that are there still; return how many weren't so already."""
    services = {seat.entitlement.service_id for cell, seat in seated.items() if cell in roles}
    known = {
        (role.service_id, role.code): role
        for role in ServiceRole.objects.filter(service__in=services)
    }
    changed = 0
    for cell in sorted(seated.keys() & roles.keys()):
        seat = seated[cell]
        if seat.role.code == roles[cell]:
            continue
        role = known.get((seat.entitlement.service_id, roles[cell]))
        if role is None:
            name = seat.membership.user.display_name
            raise SeatRefusedError(name, seat.entitlement.service.name, ForeignRoleError())
        change_role(seat=seat, role=role, actor=actor, now=now)
        changed += 1
    return changed


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
