"""What access can rest on: each ground is found by one leg of one query, and contributes alone.

A leg selects, with the same columns, how a person stands in a company through one kind of ground.
To add a ground, write its leg and its `contribute`, and name it in `_GROUND_LEGS` and in
`_CONTRIBUTIONS`; and let `_may_have_more` tell who may have it beside a seat of their own.

Nearly everybody who asks is a member with a seat and nothing else. `BASIS` finds just that, by one
row. Whomever it doesn't settle is asked about in full: PostgreSQL sets up every table of a plan,
also those that it never looks into.
"""

import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from django.db.models import (
    CharField,
    Count,
    DateTimeField,
    Exists,
    F,
    FilteredRelation,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    UUIDField,
    Value,
)
from django.db.models.functions import Cast, Coalesce, Least

from accounts.models import User
from companies.models import Assignment, Block, Company, Membership, RoleGrant, SupportGrant
from services.models import Entitlement, Seat, Service
from vop.lib.db import in_force
from vop.lib.statements import Parameter, Query


class Refusal(StrEnum):
    """Why the answer is no; each has its explanation for people in `REFUSAL_TEXTS`."""

    PERSON_DISABLED = "person_disabled"
    COMPANY_CLOSED = "company_closed"
    NOT_A_MEMBER = "not_a_member"
    NO_ROLE = "no_role"
    BLOCKED = "blocked"
    NOT_IN_MANDATE = "not_in_mandate"
    SERVICE_NOT_OFFERED = "service_not_offered"
    NOT_ENTITLED = "not_entitled"
    NO_SEAT = "no_seat"
    OUTSIDE_NETWORK = "outside_network"
    SECOND_FACTOR_MISSING = "second_factor_missing"
    SESSION_TOO_OLD = "session_too_old"


@dataclass(frozen=True, slots=True)
class Ground:
    """What one membership, mandate or grant contributes, and until when at most.

    `firm_id` is the company that the person works for when they act for another.
    """

    name: str
    roles: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()
    until: datetime | None = None
    firm_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a person stands in a company through one ground, before any service is asked about.

    `items` has the packages of each service that it covers; nothing means that seats decide.
    """

    kind: str
    key: uuid.UUID
    firm_id: uuid.UUID | None
    until: datetime | None
    has_role: bool
    is_blocked: bool
    items: Mapping[uuid.UUID, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Holding:
    """A company's entitlement to one service and, when there is one, the person's seat in it."""

    until: datetime | None
    role: str | None
    seat_until: datetime | None


Contribution: TypeAlias = Ground | Refusal
MEMBERSHIP = "membership"
MANDATE = "mandate"
SUPPORT = "support"
HOLDING = "holding"  # no ground: what the company has, and the person's seat in it
READ = "read"  # the package of staff who look
_COLUMNS = (
    "kind", "key", "firm", "service", "package", "until", "roles", "endless", "roles_until",
    "blocked",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Basis:
    """All that one decision rests on: how the person stands, and what the company has."""

    standings: list[Standing]
    holdings: Mapping[uuid.UUID, Holding]


def find_basis(
    person: User, company: Company, at: datetime, *, service: Service | None = None
) -> Basis:
    """Find every ground that a person has in a company at an instant, and what the company has.

    With `service` only what it has of this one. One query; with `service` two for who isn't simply
    a member with a seat.
    """
    if service is None:
        return _find_all(person, company.pk, at)
    asked = {"person_id": person.pk, "company_id": company.pk, "service_id": service.pk, "at": at}
    return read_basis(BASIS.all(**asked), person, company.pk, service.pk, at)


def read_basis(
    rows: Sequence[Sequence[Any]],
    person: User,
    company_id: uuid.UUID,
    service_id: uuid.UUID,
    at: datetime,
) -> Basis:
    """Read what `BASIS` found for these; one query more for who isn't simply a member with a seat.

    What it settles by itself is a yes. For every no the grounds are asked in full: they know why.
    """
    if len(rows) != 1 or _may_have_more(person, rows[0]):
        return _find_all(person, company_id, at, service_id=service_id)
    key, until, roles_until, role, holding_until, seat_until, _is_assigned = rows[0]
    standing = Standing(
        kind=MEMBERSHIP,
        key=key,
        firm_id=None,
        until=earliest([until, None if roles_until == _FOREVER else roles_until]),
        has_role=True,
        is_blocked=False,
        items={},
    )
    return Basis([standing], {service_id: Holding(holding_until, role, seat_until)})


def _may_have_more(person: User, row: Sequence[Any]) -> bool:
    """Tell whether a member with a seat may have another ground beside it, or lacks a role."""
    _key, _until, roles_until, *_rest, is_assigned = row
    return roles_until is None or bool(is_assigned) or person.is_staff


def _find_all(
    person: User, company_id: uuid.UUID, at: datetime, *, service_id: uuid.UUID | None = None
) -> Basis:
    asked: dict[str, Any] = {"person_id": person.pk, "company_id": company_id, "at": at}
    if service_id is None:
        rows = _ALL_GROUNDS.all(**asked)
    else:
        rows = _GROUNDS_IN_ONE.all(**asked, service_id=service_id)
    found: dict[tuple[str, uuid.UUID], list[Sequence[Any]]] = {}
    holdings: dict[uuid.UUID, Holding] = {}
    for row in rows:
        if row[0] == HOLDING:
            service, holding = row[3], _read_holding(row)
            holdings[service] = max(holdings.get(service, holding), holding, key=_weigh)
        else:
            found.setdefault((row[0], row[1]), []).append(row)
    standings = [_read(each) for each in found.values()]
    order = list(_CONTRIBUTIONS)
    standings.sort(key=lambda each: (order.index(each.kind), str(each.key)))
    return Basis(standings, holdings)


def contribute(standing: Standing, service: Service, holding: Holding | None) -> Contribution:
    """Tell what a ground opens in a service, or why it opens nothing."""
    if standing.is_blocked:
        return Refusal.BLOCKED
    if not standing.has_role:
        return Refusal.NO_ROLE
    return _CONTRIBUTIONS[standing.kind](standing, service, holding)


def earliest(ends: Iterable[datetime | None]) -> datetime | None:
    """Return the first of some ends; nothing when there is none."""
    return min((end for end in ends if end), default=None)


def _seat(standing: Standing, _service: Service, holding: Holding | None) -> Contribution:
    """Give a member what they have a seat in."""
    if holding is None:
        return Refusal.NOT_ENTITLED
    if holding.role is None:
        return Refusal.NO_SEAT
    until = earliest([standing.until, holding.until, holding.seat_until])
    return Ground(MEMBERSHIP, roles=frozenset({holding.role}), until=until)


def _packages(standing: Standing, service: Service, holding: Holding | None) -> Contribution:
    """Give an assigned person its items, as far as the client has the service; no seat is taken."""
    packages = standing.items.get(service.pk)
    if packages is None:
        return Refusal.NOT_IN_MANDATE
    if holding is None:
        return Refusal.NOT_ENTITLED
    return Ground(
        f"{MANDATE}:{standing.key}",
        packages=packages,
        until=earliest([standing.until, holding.until]),
        firm_id=standing.firm_id,
    )


def _look(standing: Standing, _service: Service, holding: Holding | None) -> Contribution:
    """Let staff read what the company has of the service, while it lets them."""
    if holding is None:
        return Refusal.NOT_ENTITLED
    until = earliest([standing.until, holding.until])
    return Ground(f"{SUPPORT}:{standing.key}", packages=frozenset({READ}), until=until)


_CONTRIBUTIONS: Mapping[str, Callable[[Standing, Service, Holding | None], Contribution]] = {
    MEMBERSHIP: _seat,
    MANDATE: _packages,
    SUPPORT: _look,
}


_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)  # the end of a role that has none
_AT: Any = Parameter("at", DateTimeField())
_PERSON, _COMPANY, _SERVICE = (
    Parameter(name, UUIDField()) for name in ("person_id", "company_id", "service_id")
)


def _membership_leg() -> QuerySet[Any, Any]:
    at = _AT
    held = in_force(at, "role_grants__")
    endless = held & Q(role_grants__valid_until=None)
    return (
        Membership.objects.in_force(at)
        .filter(company_id=_COMPANY, user_id=_PERSON)
        .annotate(
            kind=Value(MEMBERSHIP, output_field=CharField()),
            key=F("pk"),
            firm=_nothing(UUIDField()),
            service=_nothing(UUIDField()),
            package=Value("", output_field=CharField()),
            until=F("valid_until"),
            roles=Count("role_grants", filter=held),
            endless=Count("role_grants", filter=endless),
            roles_until=Max("role_grants__valid_until", filter=held),
            blocked=Value(0, output_field=IntegerField()),
        )
        .values_list(*_COLUMNS)
    )


def _mandate_leg() -> QuerySet[Any, Any]:
    at = _AT
    own = F("valid_until")
    until = Least(
        own,
        Coalesce("ended_at", own),
        "mandate__valid_until",
        Coalesce("mandate__ended_at", own),
        Coalesce("membership__valid_until", own),
    )
    blocks = Block.objects.in_force(at).filter(company_id=_COMPANY, user_id=_PERSON)
    roles = RoleGrant.objects.in_force(at).filter(membership=OuterRef("membership"))
    return (
        Assignment.objects.with_grounds(at)
        .filter(user_id=_PERSON, mandate__client_id=_COMPANY, items__isnull=False)
        .annotate(
            kind=Value(MANDATE, output_field=CharField()),
            key=F("mandate_id"),
            firm=F("mandate__firm_id"),
            service=F("items__item__service_id"),
            package=F("items__item__package"),
            until=until,
            roles=Cast(Exists(roles), IntegerField()),
            endless=Value(1, output_field=IntegerField()),
            roles_until=_nothing(DateTimeField()),
            blocked=Cast(Exists(blocks), IntegerField()),
        )
        .values_list(*_COLUMNS)
    )


def _support_leg() -> QuerySet[Any, Any]:
    staff = User.objects.filter(pk=_PERSON, is_staff=True)
    return (
        SupportGrant.objects.in_force(_AT)
        .for_staff(_PERSON)
        .filter(Exists(staff), company_id=_COMPANY)
        .annotate(
            kind=Value(SUPPORT, output_field=CharField()),
            key=F("pk"),
            firm=_nothing(UUIDField()),
            service=_nothing(UUIDField()),
            package=Value("", output_field=CharField()),
            until=F("valid_until"),
            roles=Value(1, output_field=IntegerField()),
            endless=Value(1, output_field=IntegerField()),
            roles_until=_nothing(DateTimeField()),
            blocked=Value(0, output_field=IntegerField()),
        )
        .values_list(*_COLUMNS)
    )


def _holding_leg() -> QuerySet[Any, Any]:
    at = _AT
    memberships = Membership.objects.in_force(at).filter(company_id=_COMPANY, user_id=_PERSON)
    own = Q(seats__membership__in=Subquery(memberships.values("pk")))
    return (
        Entitlement.objects.in_force(at)
        .for_company(_COMPANY)
        .annotate(
            seat=FilteredRelation("seats", condition=own & in_force(at, "seats__")),
            kind=Value(HOLDING, output_field=CharField()),
            key=F("pk"),
            firm=_nothing(UUIDField()),
            package=Coalesce("seat__role__code", Value("")),
            until=F("valid_until"),
            roles=Value(0, output_field=IntegerField()),
            endless=Value(0, output_field=IntegerField()),
            roles_until=F("seat__valid_until"),
            blocked=Value(0, output_field=IntegerField()),
        )
        .values_list(*(name if name != "service" else "service_id" for name in _COLUMNS))
    )


def _holding_leg_of_one() -> QuerySet[Any, Any]:
    return _holding_leg().filter(service_id=_SERVICE)


def _list_seats() -> QuerySet[Any, Any]:
    """Find what a member with a seat needs: all but the roles must be there for a row to be."""
    at = _AT
    roles = RoleGrant.objects.in_force(at).filter(membership=OuterRef("membership"))
    ends = roles.values("membership").annotate(end=Max(Coalesce("valid_until", Value(_FOREVER))))
    assignments = Assignment.objects.of_person(_PERSON).filter(mandate__client_id=_COMPANY)
    return (
        Seat.objects.with_grounds(at)
        .filter(
            membership__user_id=_PERSON,
            membership__company_id=_COMPANY,
            entitlement__company_id=_COMPANY,
            entitlement__service_id=_SERVICE,
        )
        .annotate(roles_until=Subquery(ends.values("end")), is_assigned=Exists(assignments))
        .values_list(
            "membership_id",
            "membership__valid_until",
            "roles_until",
            "role__code",
            "entitlement__valid_until",
            "valid_until",
            "is_assigned",
        )
    )


_Leg: TypeAlias = Callable[[], QuerySet[Any, Any]]
_GROUND_LEGS: Sequence[_Leg] = (_membership_leg, _mandate_leg, _support_leg)


def _join_legs(legs: Iterable[_Leg]) -> QuerySet[Any, Any]:
    first, *others = (leg() for leg in legs)
    return first.union(*others, all=True)


# Asked at every request of a service: compiled once (docs/performance.md).
BASIS = Query(_list_seats)
_GROUNDS_IN_ONE = Query(lambda: _join_legs((*_GROUND_LEGS, _holding_leg_of_one)))
_ALL_GROUNDS = Query(lambda: _join_legs((*_GROUND_LEGS, _holding_leg)))


def _nothing(field: Any) -> Any:
    """Return NULL of a type: PostgreSQL wants the legs of a union to agree."""
    return Cast(Value(None), field)


def _read(rows: Sequence[Sequence[Any]]) -> Standing:
    kind, key, firm_id, _service, _package, until, roles, endless, roles_until, blocked = rows[0]
    items: dict[uuid.UUID, set[str]] = {}
    for row in rows:
        if row[3] is not None:
            items.setdefault(row[3], set()).add(row[4])
    ends = [until, None if endless else roles_until]
    return Standing(
        kind=kind,
        key=key,
        firm_id=firm_id,
        until=earliest(ends),
        has_role=roles > 0,
        is_blocked=bool(blocked),
        items={service: frozenset(packages) for service, packages in items.items()},
    )


def _read_holding(row: Sequence[Any]) -> Holding:
    _kind, _key, _firm, _service, role, until, _roles, _endless, seat_until, _blocked = row
    return Holding(until, role or None, seat_until)


def _weigh(holding: Holding) -> tuple[bool, float]:
    """Order entitlements to the same service: the one with a seat, then the one that lasts."""
    return holding.role is not None, holding.until.timestamp() if holding.until else math.inf
