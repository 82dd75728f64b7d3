"""Many seats at once: all or none, only what somebody touched, and never more than there are."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Membership, Role
from companies.operations import NotAllowedError, suspend_member
from services.access import Access, effective_access
from services.models import Entitlement, Seat
from services.operations import (
    Cell,
    MemberGoneError,
    NotEntitledError,
    SeatRefusedError,
    SeatsChanged,
    change_seats_of,
    withdraw_service,
)
from services.signals import seat_ended
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.companies import LONG_AGO, SYSTEM, join_company, make_company
from tests.factories.services import entitle, make_service, seat

MembershipOf = Callable[[User, Company], Membership]


@pytest.fixture
def owner(alice: User, acme: Company, membership_of: MembershipOf) -> Membership:
    return membership_of(alice, acme)


@pytest.fixture
def bobs(bob: User, acme: Company, membership_of: MembershipOf) -> Membership:
    return membership_of(bob, acme)


@pytest.fixture
def books(acme: Company) -> Entitlement:
    return entitle(acme, make_service(slug="books", name="Bokföring"), seat_limit=1)


@pytest.fixture
def wages(acme: Company) -> Entitlement:
    return entitle(acme, make_service(slug="wages", name="Lön"), seat_limit=5)


def cell(member: Membership, entitlement: Entitlement) -> Cell:
    return member.pk, entitlement.pk


def change(
    acting: Membership,
    *,
    give: list[Cell] | None = None,
    release: list[Cell] | None = None,
    roles: dict[Cell, str] | None = None,
    now: datetime | None = None,
) -> SeatsChanged:
    return change_seats_of(
        give=give or [],
        release=release or [],
        roles=roles or {},
        acting=acting,
        actor=SYSTEM,
        now=now or datetime.now(UTC),
    )


def seated(entitlement: Entitlement) -> set[object]:
    rows = Seat.objects.not_ended(datetime.now(UTC)).filter(entitlement=entitlement)
    return set(rows.values_list("membership_id", flat=True))


def test_seats_are_given_in_the_default_role_and_logged(
    owner: Membership, bobs: Membership, books: Entitlement, wages: Entitlement
) -> None:
    changed = change(owner, give=[cell(bobs, books), cell(bobs, wages), cell(owner, wages)])

    assert changed == SeatsChanged(given=3, released=0)
    assert seated(books) == {bobs.pk}
    assert seated(wages) == {bobs.pk, owner.pk}
    assert {s.role.is_default for s in Seat.objects.select_related("role")} == {True}
    assert Event.objects.filter(action="seat.assigned").count() == 3


def test_seat_moves_within_one_call(
    owner: Membership, bobs: Membership, books: Entitlement
) -> None:
    seat(books, bobs)
    told: list[Seat] = []

    def hear(seat: Seat, **_kwargs: object) -> None:
        told.append(seat)

    seat_ended.connect(hear)
    changed = change(owner, give=[cell(owner, books)], release=[cell(bobs, books)])
    seat_ended.disconnect(hear)

    assert changed == SeatsChanged(given=1, released=1)
    assert seated(books) == {owner.pk}
    assert [s.membership_id for s in told] == [bobs.pk]  # so that services are told


def test_role_changes_and_the_past_keeps_the_old_one(
    owner: Membership, bobs: Membership, books: Entitlement
) -> None:
    last_day = datetime(2099, 1, 1, tzinfo=UTC)
    before = seat(books, bobs)
    Seat.objects.filter(pk=before.pk).update(valid_until=last_day)
    told: list[Seat] = []

    def hear(seat: Seat, **_kwargs: object) -> None:
        told.append(seat)

    seat_ended.connect(hear)
    changed = change(owner, roles={cell(bobs, books): "admin"})
    seat_ended.disconnect(hear)

    assert changed == SeatsChanged(given=0, released=0, changed=1)
    now, then = datetime.now(UTC), LONG_AGO
    decided = [effective_access(bobs.user, books.company, books.service, at) for at in (then, now)]
    assert [isinstance(each, Access) and set(each.roles) for each in decided] == [
        {"user"}, {"admin"},
    ]  # fmt: skip
    assert Seat.objects.in_force(now).get().valid_until == last_day
    assert [each.pk for each in told] == [before.pk]
    event = Event.objects.get(action="seat.role_changed")
    assert event.data == {"service": "books", "role": "admin", "role_before": "user"}
    assert change(owner, roles={cell(bobs, books): "admin"}).changed == 0


def test_role_of_a_seat_that_is_gone_changes_nothing(
    owner: Membership, bobs: Membership, books: Entitlement
) -> None:
    seat(books, bobs)

    changed = change(
        owner, release=[cell(bobs, books)], roles={cell(bobs, books): "admin"}
    )  # both at once: the release wins

    assert changed == SeatsChanged(given=0, released=1)
    assert seated(books) == set()


@pytest.mark.django_db(transaction=True)
def test_two_who_change_a_role_at_once_leave_one_seat(
    owner: Membership, bobs: Membership, books: Entitlement
) -> None:
    seat(books, bobs)
    adam = join_company(books.company, make_user(email="adam@exempel.se"), Role.ADMIN)
    wanted = {cell(bobs, books): "admin"}

    ends = at_once(lambda: change(owner, roles=wanted), lambda: change(adam, roles=wanted))

    assert ends == ["done", "done"]
    assert Seat.objects.in_force(datetime.now(UTC)).get().role.code == "admin"
    assert Event.objects.filter(action="seat.role_changed").count() == 1


def test_nothing_is_done_when_one_cell_is_refused(
    owner: Membership, bobs: Membership, books: Entitlement, wages: Entitlement
) -> None:
    seat(wages, bobs)

    with pytest.raises(SeatRefusedError) as refused:
        change(
            owner,
            give=[cell(owner, books), cell(bobs, books), cell(owner, wages)],
            release=[cell(bobs, wages)],
        )

    assert "Bokföring" in str(refused.value.message)
    assert seated(books) == set()
    assert seated(wages) == {bobs.pk}


def test_what_somebody_else_did_meanwhile_counts_as_done(
    owner: Membership, bobs: Membership, books: Entitlement, wages: Entitlement
) -> None:
    seat(books, bobs)

    changed = change(owner, give=[cell(bobs, books)], release=[cell(bobs, wages)])

    assert changed == SeatsChanged(given=0, released=0)
    assert seated(books) == {bobs.pk}


def test_right_that_was_lost_meanwhile_is_missed(bobs: Membership, books: Entitlement) -> None:
    with pytest.raises(NotAllowedError):
        change(bobs, give=[cell(bobs, books)])

    assert seated(books) == set()


def test_what_is_gone_is_refused_with_a_name(
    owner: Membership, bobs: Membership, books: Entitlement, wages: Entitlement, mallory: User
) -> None:
    stranger = make_company(name="Other AB", owner=mallory, org_number="5567037485").main_contact
    suspend_member(membership=bobs, acting=owner, actor=SYSTEM, now=datetime.now(UTC))
    withdraw_service(entitlement=wages, actor=SYSTEM, now=datetime.now(UTC))

    with pytest.raises(SeatRefusedError, match="SeatRefusedError"):
        change(owner, give=[cell(bobs, books)])
    with pytest.raises(MemberGoneError):
        change(owner, give=[cell(stranger, books)])
    with pytest.raises(NotEntitledError):
        change(owner, give=[cell(owner, wages)])


def test_seat_of_another_company_is_out_of_reach(
    owner: Membership, mallory: User, books: Entitlement
) -> None:
    other = make_company(name="Other AB", owner=mallory, org_number="5567037485")
    theirs = entitle(other, books.service)
    seat(theirs, other.main_contact)

    assert change(owner, release=[cell(other.main_contact, theirs)]).released == 0
    assert seated(theirs) == {other.main_contact_id}


@pytest.mark.django_db(transaction=True)
def test_last_seat_is_given_once() -> None:
    """Two administrators tick different people for the last seat, in opposite order of locks."""
    company = make_company(
        name="Race AB", owner=make_user(email="anna@exempel.se"), org_number="5560160680"
    )
    acting = company.main_contact
    adam = join_company(company, make_user(email="adam@exempel.se"), Role.ADMIN)
    others = [
        join_company(company, make_user(email=f"p{number}@exempel.se"), Role.MEMBER)
        for number in range(2)
    ]
    first = entitle(company, make_service(slug="one", name="Ett"), seat_limit=1)
    second = entitle(company, make_service(slug="two", name="Två"), seat_limit=1)
    seat(first, others[0], now=LONG_AGO)

    ends = at_once(
        lambda: change(
            acting,
            release=[cell(others[0], first)],
            give=[cell(others[1], first), cell(others[1], second)],
        ),
        lambda: change(adam, give=[cell(others[0], second)]),
    )

    assert ends == ["SeatRefusedError", "done"]
    assert len(seated(second)) == 1
    assert len(seated(first)) == 1
