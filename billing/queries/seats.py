"""A table of people and services, cell by cell, and what one more seat costs."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from billing import engine
from billing.models import Plan, Subscription
from companies.models import Company, Membership
from services.models import Seat
from services.operations import Cell
from services.queries import Subscribed, map_roles
from vop.lib.clock import local_date


@dataclass(frozen=True, slots=True)
class SeatPrice:
    """What one more seat of a running subscription costs per whole period, without VAT."""

    subscription: Subscription
    unit_price: Decimal | None

    @property
    def plan(self) -> Plan:
        """The plan, loaded."""
        return self.subscription.plan


def list_seat_prices(company: Company, *, at: datetime) -> Mapping[uuid.UUID, SeatPrice]:
    """Return what one more seat costs, by entitlement, where more can be bought. Three queries.

    Added seats cost the subscription's current price; the first days are charged in proportion.
    """
    today = local_date(at)
    rows = (
        Subscription.objects.running()
        .for_company(company.pk)
        .exclude(plan__pricing=Plan.Pricing.FLAT)
        .select_related("plan", "price")
        .prefetch_related("plan__prices", "plan__discounts")
    )
    return {
        row.entitlement_id: SeatPrice(row, _seat_price(row, today))
        for row in rows
        if row.status_on(today) is not engine.Status.ENDED
    }


def _seat_price(row: Subscription, today: date) -> Decimal | None:
    """Return what a whole period costs more with one more seat, by list price."""
    plan = row.plan.as_terms()
    try:
        price = (
            plan.price_on(today, bought_on=row.bought_on)
            if row.price is None
            else row.price.as_terms()
        )
    except engine.NoPriceError:
        return None
    paid = max(row.quantity, row.paid_quantity)
    return plan.total(price, paid + 1) - plan.total(price, paid)


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """A role that a seat could have."""

    value: str
    name: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class SeatCell:
    """One person in one service, as a tick; with the roles to choose from where there are more."""

    value: str
    service: str
    role: str
    is_on: bool
    choices: Sequence[RoleChoice] = ()


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One person in every service."""

    member: Membership
    cells: Sequence[SeatCell]


def write_seats(seats: Iterable[Seat]) -> str:
    """Return the seats that a page shows, as the form's `was` carries them."""
    return " ".join(f"{seat.membership_id}.{seat.entitlement_id}" for seat in seats)


def write_roles(seats: Iterable[Seat]) -> str:
    """Return the roles that a page shows, as the form's `were` carries them."""
    return " ".join(
        f"{seat.membership_id}.{seat.entitlement_id}.{seat.role.code}" for seat in seats
    )


def lay_out_seats(
    members: Sequence[Membership],
    services: Sequence[Subscribed],
    seats: Sequence[Seat],
    *,
    give: Collection[Cell],
    release: Collection[Cell],
    roles: Mapping[Cell, str],
) -> list[SeatRow]:
    """Return the table as it is now, with what somebody chose and couldn't save on top."""
    seated = {(seat.membership_id, seat.entitlement_id): seat.role for seat in seats}
    ticked = (seated.keys() | set(give)) - set(release)
    offered = map_roles([service.service for service in services])

    def choices(key: Cell, service: Subscribed) -> list[RoleChoice]:
        known = offered[service.service.pk]
        if key not in seated or len(known) < 2:  # noqa: PLR2004 (nothing to choose)
            return []
        chosen = roles.get(key, seated[key].code)
        return [
            RoleChoice(f"{key[0]}.{key[1]}.{role.code}", role.name, role.code == chosen)
            for role in known
        ]

    def cell(member: Membership, service: Subscribed) -> SeatCell:
        key = (member.pk, service.entitlement.pk)
        return SeatCell(
            value=f"{key[0]}.{key[1]}",
            service=service.service.name,
            role=seated[key].name if key in seated else "",
            is_on=key in ticked,
            choices=choices(key, service),
        )

    return [SeatRow(member, [cell(member, service) for service in services]) for member in members]
