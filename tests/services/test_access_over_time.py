"""The one decision under any history: dates decide, ending shrinks, the past stays."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from companies.models import Company, Membership, Role, RoleGrant
from services.access import REFUSAL_TEXTS, Access, Decision, NoAccess, Refusal, effective_access
from services.models import Entitlement, Seat, Service
from tests.factories.companies import LONG_AGO
from tests.factories.services import entitle, make_service, seat

MembershipOf = Callable[[User, Company], Membership]

HOURS = 12
hours = st.integers(min_value=0, max_value=HOURS)
with_rows = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Interval:
    """Hours after LONG_AGO, half-open; without an end it goes on."""

    start: int
    end: int | None

    def holds(self, hour: int) -> bool:
        return self.start <= hour and (self.end is None or hour < self.end)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start = draw(hours)
    end = draw(st.none() | st.integers(min_value=start, max_value=HOURS))
    return Interval(start, end)


@dataclass(frozen=True)
class History:
    membership: Interval
    role: Interval
    entitlement: Interval
    seat: Interval

    def allows(self, hour: int) -> bool:
        parts = (self.membership, self.role, self.entitlement, self.seat)
        return all(part.holds(hour) for part in parts)

    def end_of(self, part: str, hour: int) -> "History":
        """End one part at an hour, unless it has ended or not begun."""
        interval: Interval = getattr(self, part)
        if not interval.holds(hour):
            return self
        return replace(self, **{part: Interval(interval.start, hour)})


PARTS = ("membership", "role", "entitlement", "seat")
histories = st.builds(History, intervals(), intervals(), intervals(), intervals())


@dataclass
class Rows:
    """The rows of one person in one service, set to whatever history a test draws."""

    person: User
    company: Company
    service: Service
    ids: dict[str, uuid.UUID]

    def live(self, history: History) -> None:
        ids = self.ids
        Membership.objects.filter(pk=ids["membership"]).update(**dates(history.membership))
        RoleGrant.objects.filter(pk=ids["role"]).update(**dates(history.role))
        Entitlement.objects.filter(pk=ids["entitlement"]).update(**dates(history.entitlement))
        Seat.objects.filter(pk=ids["seat"]).update(**dates(history.seat))

    def add_beside(self, role: Interval | None, taken: Interval | None) -> None:
        """Give the person another role and another seat there."""
        if role is not None:
            membership = Membership.objects.get(pk=self.ids["membership"])
            RoleGrant.objects.create(membership=membership, role=Role.ADMIN, **dates(role))
        if taken is not None:
            first = Seat.objects.get(pk=self.ids["seat"])
            # One seat is open at most, so that this one has an end.
            ended = taken if taken.end is not None else Interval(taken.start, HOURS)
            Seat.objects.create(
                entitlement=first.entitlement,
                membership=first.membership,
                role=first.role,
                **dates(ended),
            )

    def ask(self, hour: int) -> Decision:
        return effective_access(self.person, self.company, self.service, at(hour))

    def answers(self) -> list[bool]:
        return [isinstance(self.ask(hour), Access) for hour in range(HOURS + 1)]


def at(hour: int) -> datetime:
    return LONG_AGO + timedelta(hours=hour)


def dates(interval: Interval) -> dict[str, Any]:
    end = None if interval.end is None else at(interval.end)
    return {"valid_from": at(interval.start), "valid_until": end}


@pytest.fixture
def rows(acme: Company, bob: User, membership_of: MembershipOf) -> Rows:
    service = make_service()
    entitlement = entitle(acme, service)
    membership = membership_of(bob, acme)
    taken = seat(entitlement, membership)
    grant = RoleGrant.objects.get(membership=membership)
    ids = {
        "membership": membership.pk,
        "role": grant.pk,
        "entitlement": entitlement.pk,
        "seat": taken.pk,
    }
    return Rows(bob, acme, service, ids)


@with_rows
@given(history=histories)
def test_access_holds_exactly_while_all_it_rests_on_holds(rows: Rows, history: History) -> None:
    rows.live(history)

    assert rows.answers() == [history.allows(hour) for hour in range(HOURS + 1)]


def ending(part: str) -> History:
    """All of it from the first hour and for good, but one part, which ends at the fifth."""
    always = dict.fromkeys(PARTS, Interval(0, None))
    return History(**{**always, part: Interval(0, 5)})


@with_rows
@given(history=histories, hour=hours)
@example(history=ending("membership"), hour=1)  # random histories seldom hold at all four
@example(history=ending("role"), hour=1)
@example(history=ending("entitlement"), hour=1)
@example(history=ending("seat"), hour=1)
def test_access_says_when_it_ends(rows: Rows, history: History, hour: int) -> None:
    rows.live(history)
    decision = rows.ask(hour)

    if isinstance(decision, Access):
        ends = [
            part.end
            for part in (history.membership, history.role, history.entitlement, history.seat)
            if part.end is not None
        ]
        assert decision.until == (at(min(ends)) if ends else None)
        if ends:
            assert isinstance(rows.ask(min(ends)), NoAccess)


@with_rows
@given(
    history=histories,
    part=st.sampled_from(PARTS),
    hour=hours,
)
def test_ending_anything_shrinks_access_and_leaves_the_past(
    rows: Rows, history: History, part: str, hour: int
) -> None:
    rows.live(history)
    before = rows.answers()
    rows.live(history.end_of(part, hour))
    after = rows.answers()

    assert after[:hour] == before[:hour]
    assert all(was for was, is_now in zip(before, after, strict=True) if is_now)
    if getattr(history, part).holds(hour):
        assert not any(after[hour:])


@with_rows
@given(
    history=histories,
    suspended=st.none() | hours,
    other_role=st.none() | intervals(),
    other_seat=st.none() | intervals(),
)
@example(history=ending("role"), suspended=None, other_role=Interval(3, 7), other_seat=None)
@example(history=ending("seat"), suspended=9, other_role=None, other_seat=Interval(4, 8))
def test_seat_says_what_all_grounds_say(
    rows: Rows,
    history: History,
    suspended: int | None,
    other_role: Interval | None,
    other_seat: Interval | None,
) -> None:
    """The row that settles the usual yes never says another: staff are asked about in full."""
    suspended_at = None if suspended is None else at(suspended)
    with transaction.atomic():
        rows.live(history)
        Membership.objects.filter(pk=rows.ids["membership"]).update(suspended_at=suspended_at)
        rows.add_beside(other_role, other_seat)
        said = [rows.ask(hour) for hour in range(HOURS + 1)]
        staff = User.objects.get(pk=rows.person.pk)
        staff.is_staff = True
        in_full = [replace(rows, person=staff).ask(hour) for hour in range(HOURS + 1)]
        transaction.set_rollback(True)

    assert said == in_full


def test_suspension_ends_access_and_leaves_the_past(rows: Rows) -> None:
    Membership.objects.filter(pk=rows.ids["membership"]).update(suspended_at=at(5))

    assert rows.answers() == [hour < 5 for hour in range(HOURS + 1)]


def test_auditor_whose_role_ran_out_has_no_access(rows: Rows) -> None:
    RoleGrant.objects.filter(pk=rows.ids["role"]).update(valid_until=at(3))

    assert rows.ask(3) == NoAccess(Refusal.NO_ROLE)


def test_closed_company_opens_nothing(rows: Rows) -> None:
    rows.company.closed_at = at(4)

    assert rows.ask(4) == NoAccess(Refusal.COMPANY_CLOSED)
    assert isinstance(rows.ask(3), Access)


def test_every_refusal_has_its_words() -> None:
    assert set(REFUSAL_TEXTS) == set(Refusal)
