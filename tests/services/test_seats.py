"""Giving, counting and ending seats: row, event and signal together."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.dispatch import Signal

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from companies.models import Company, Membership, Role
from companies.signals import membership_ended, membership_suspended
from services.models import Entitlement, Seat, Service
from services.operations import (
    AlreadyEntitledError,
    AlreadySeatedError,
    ForeignRoleError,
    MemberGoneError,
    NoSeatLeftError,
    NotEntitledError,
    SeatGoneError,
    assign_seat,
    change_seat_limit,
    end_entitlement,
    entitle_company,
    release_seat,
    release_seats_of,
    withdraw_service,
)
from services.queries import count_seats, get_subscribed
from services.signals import seat_ended
from tests.factories.accounts import make_user
from tests.factories.companies import join_company
from tests.factories.services import entitle, make_service, seat
from vop.lib.db import StepOutsideUseCaseError, use_case

MembershipOf = Callable[[User, Company], Membership]


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def entitlement(acme: Company, service: Service) -> Entitlement:
    return entitle(acme, service, seat_limit=2)


@pytest.fixture
def ended_seats() -> Iterator[list[Seat]]:
    """What the room above hears of."""
    heard: list[Seat] = []

    def hear(*, seat: Seat, **_kwargs: object) -> None:
        heard.append(seat)

    seat_ended.connect(hear)
    yield heard
    seat_ended.disconnect(hear)


def list_events(*actions: str) -> list[tuple[str, str, dict[str, object]]]:
    found = Event.objects.filter(action__in=actions).order_by("pk")
    return [(event.action, event.target_id, event.data) for event in found]


def test_seat_is_given_with_its_event(
    entitlement: Entitlement,
    bob: User,
    acme: Company,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
) -> None:
    role = entitlement.service.roles.get(code="admin")

    given = assign_seat(
        entitlement=entitlement,
        membership=membership_of(bob, acme),
        role=role,
        actor=system,
        now=now,
    )

    assert (given.valid_from, given.valid_until, given.role) == (now, None, role)
    assert list_events("seat.assigned") == [
        ("seat.assigned", str(bob.pk), {"service": "bokforing", "role": "admin"})
    ]
    event = Event.objects.get(action="seat.assigned")
    assert [row.company_id for row in event.audience.all()] == [acme.pk]


def test_last_seat_is_told_of(
    entitlement: Entitlement, alice: User, bob: User, acme: Company, membership_of: MembershipOf
) -> None:
    seat(entitlement, membership_of(bob, acme))
    assert list_events("seat.limit_reached") == []
    seat(entitlement, membership_of(alice, acme))

    assert list_events("seat.limit_reached") == [
        (
            "seat.limit_reached",
            str(entitlement.service_id),
            {"service": "bokforing", "seats": 2},
        )
    ]


def test_seat_is_refused_when_all_are_taken(
    acme: Company, service: Service, alice: User, bob: User, membership_of: MembershipOf
) -> None:
    entitlement = entitle(acme, service, seat_limit=1)
    seat(entitlement, membership_of(alice, acme))

    with pytest.raises(NoSeatLeftError):
        seat(entitlement, membership_of(bob, acme))
    assert Seat.objects.count() == 1
    assert len(list_events("seat.assigned")) == 1


def test_seats_have_no_end_without_a_limit(
    acme: Company, service: Service, alice: User, bob: User, membership_of: MembershipOf
) -> None:
    entitlement = entitle(acme, service, seat_limit=None)
    seat(entitlement, membership_of(alice, acme))
    seat(entitlement, membership_of(bob, acme))

    assert Seat.objects.count() == 2
    assert list_events("seat.limit_reached") == []


def test_seat_is_refused_to_who_has_one(
    entitlement: Entitlement, bob: User, acme: Company, membership_of: MembershipOf
) -> None:
    seat(entitlement, membership_of(bob, acme))

    with pytest.raises(AlreadySeatedError):
        seat(entitlement, membership_of(bob, acme), role="admin")


def test_seat_is_refused_to_members_of_other_companies(
    entitlement: Entitlement, mallory: User, other: Company, membership_of: MembershipOf
) -> None:
    with pytest.raises(MemberGoneError):
        seat(entitlement, membership_of(mallory, other))


def test_seat_is_refused_to_somebody_suspended_while_the_request_waited(
    entitlement: Entitlement, bob: User, acme: Company, membership_of: MembershipOf, now: datetime
) -> None:
    member = membership_of(bob, acme)
    Membership.objects.filter(pk=member.pk).update(suspended_at=now + timedelta(seconds=2))

    with pytest.raises(MemberGoneError):
        seat(entitlement, member, now=now)

    assert not Seat.objects.exists()


@pytest.mark.parametrize("change", [{"valid_until": True}, {"suspended_at": True}])
def test_seat_is_refused_to_who_left(
    entitlement: Entitlement,
    bob: User,
    acme: Company,
    now: datetime,
    membership_of: MembershipOf,
    change: dict[str, bool],
) -> None:
    membership = membership_of(bob, acme)
    Membership.objects.filter(pk=membership.pk).update(**dict.fromkeys(change, now))

    with pytest.raises(MemberGoneError):
        seat(entitlement, membership, now=now)


def test_seat_is_refused_in_a_role_of_another_service(
    entitlement: Entitlement,
    bob: User,
    acme: Company,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
) -> None:
    foreign = make_service(slug="lon", name="Lön").roles.get(code="admin")

    with pytest.raises(ForeignRoleError):
        assign_seat(
            entitlement=entitlement,
            membership=membership_of(bob, acme),
            role=foreign,
            actor=system,
            now=now,
        )


def test_seat_is_refused_when_the_service_ended(
    entitlement: Entitlement,
    bob: User,
    acme: Company,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
) -> None:
    withdraw_service(entitlement=entitlement, actor=system, now=now)

    with pytest.raises(NotEntitledError):
        seat(entitlement, membership_of(bob, acme), now=now)


def test_seat_ends_with_a_membership_that_has_an_end(
    entitlement: Entitlement, bob: User, acme: Company, now: datetime, membership_of: MembershipOf
) -> None:
    membership = membership_of(bob, acme)
    end = now + timedelta(days=60)
    Membership.objects.filter(pk=membership.pk).update(valid_until=end)

    assert seat(entitlement, membership, now=now).valid_until == end


def test_seat_is_released_with_its_event_and_frees_a_place(
    acme: Company,
    service: Service,
    alice: User,
    bob: User,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
    ended_seats: list[Seat],
) -> None:
    entitlement = entitle(acme, service, seat_limit=1)
    taken = seat(entitlement, membership_of(bob, acme))

    release_seat(seat=taken, actor=system, now=now)

    taken.refresh_from_db()
    assert taken.valid_until == now
    assert list_events("seat.released") == [
        ("seat.released", str(bob.pk), {"service": "bokforing", "reason": "released"})
    ]
    assert ended_seats == [taken]
    seat(entitlement, membership_of(alice, acme), now=now)


def test_seat_is_released_once(
    entitlement: Entitlement,
    bob: User,
    acme: Company,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
) -> None:
    taken = seat(entitlement, membership_of(bob, acme))
    release_seat(seat=taken, actor=system, now=now)

    with pytest.raises(SeatGoneError):
        release_seat(seat=taken, actor=system, now=now)
    assert len(list_events("seat.released")) == 1


def test_seat_given_a_moment_later_is_released_by_an_older_request(
    entitlement: Entitlement,
    bob: User,
    acme: Company,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
) -> None:
    """Requests take their instant before they queue for the lock."""
    later = now + timedelta(milliseconds=3)
    taken = seat(entitlement, membership_of(bob, acme), now=later)

    assert release_seat(seat=taken, actor=system, now=now).valid_until == later


def test_service_ends_with_all_its_seats(
    entitlement: Entitlement,
    alice: User,
    bob: User,
    acme: Company,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
    ended_seats: list[Seat],
) -> None:
    seat(entitlement, membership_of(alice, acme))
    seat(entitlement, membership_of(bob, acme))

    ended = use_case(end_entitlement)(entitlement=entitlement, actor=system, now=now)

    assert ended.valid_until == now
    assert set(Seat.objects.values_list("valid_until", flat=True)) == {now}
    assert [data["reason"] for _a, _t, data in list_events("seat.released")] == [
        "service_ended",
        "service_ended",
    ]
    assert [target for _a, target, _d in list_events("service.cancelled")] == [
        str(entitlement.service_id)
    ]
    assert len(ended_seats) == 2
    with pytest.raises(NotEntitledError):
        use_case(end_entitlement)(entitlement=entitlement, actor=system, now=now)


def test_company_gets_a_service_once(
    acme: Company, service: Service, now: datetime, system: Actor
) -> None:
    first = entitle(acme, service, seat_limit=3, now=now + timedelta(milliseconds=3))
    with pytest.raises(AlreadyEntitledError):
        entitle(acme, service, now=now)  # asked earlier, came later
    assert list_events("service.activated") == [
        ("service.activated", str(service.pk), {"service": "bokforing", "seats": 3})
    ]

    withdraw_service(entitlement=first, actor=system, now=now + timedelta(hours=1))
    entitle(acme, service, now=now + timedelta(hours=2))


def test_seat_limit_changes_with_its_event(
    entitlement: Entitlement, now: datetime, system: Actor
) -> None:
    change = use_case(change_seat_limit)
    assert change(entitlement=entitlement, seat_limit=7, actor=system, now=now).seat_limit == 7
    change(entitlement=entitlement, seat_limit=7, actor=system, now=now)

    assert list_events("seat.limit_changed") == [
        (
            "seat.limit_changed",
            str(entitlement.service_id),
            {"service": "bokforing", "seats": [2, 7]},
        )
    ]


def test_seat_limit_of_an_ended_service_stays(
    entitlement: Entitlement, now: datetime, system: Actor
) -> None:
    withdraw_service(entitlement=entitlement, actor=system, now=now)

    with pytest.raises(NotEntitledError):
        use_case(change_seat_limit)(entitlement=entitlement, seat_limit=7, actor=system, now=now)


def test_taken_seats_stay_when_the_limit_shrinks(
    entitlement: Entitlement,
    alice: User,
    bob: User,
    acme: Company,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
) -> None:
    seat(entitlement, membership_of(alice, acme))
    seat(entitlement, membership_of(bob, acme))
    use_case(change_seat_limit)(entitlement=entitlement, seat_limit=1, actor=system, now=now)

    subscribed = get_subscribed(acme.pk, "bokforing", at=now)
    assert subscribed is not None
    assert (subscribed.seats.taken, subscribed.seats.limit, subscribed.seats.free) == (2, 1, 0)


@pytest.mark.parametrize(
    ("signal", "reason"),
    [(membership_ended, "membership_ended"), (membership_suspended, "membership_suspended")],
)
def test_seats_end_with_the_membership(
    acme: Company,
    bob: User,
    alice: User,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
    ended_seats: list[Seat],
    signal: Signal,
    reason: str,
) -> None:
    kept = seat(entitle(acme, make_service()), membership_of(alice, acme))
    membership = membership_of(bob, acme)
    seat(kept.entitlement, membership)
    seat(entitle(acme, make_service(slug="lon", name="Lön")), membership)

    use_case(signal.send)(sender=Membership, membership=membership, actor=system, now=now)

    assert not Seat.objects.in_force(now).filter(membership=membership).exists()
    assert [data["reason"] for _a, _t, data in list_events("seat.released")] == [reason] * 2
    assert {ended.membership_id for ended in ended_seats} == {membership.pk}
    kept.refresh_from_db()
    assert kept.valid_until is None


def test_steps_are_refused_outside_a_use_case(
    acme: Company, service: Service, bob: User, now: datetime, system: Actor,
    membership_of: MembershipOf,
) -> None:  # fmt: skip
    with pytest.raises(StepOutsideUseCaseError):
        entitle_company(company=acme, service=service, seat_limit=1, actor=system, now=now)
    with pytest.raises(StepOutsideUseCaseError):
        release_seats_of(membership=membership_of(bob, acme), reason="x", actor=system, now=now)


def test_seats_of_a_company_are_counted(
    acme: Company, bob: User, now: datetime, membership_of: MembershipOf
) -> None:
    assert count_seats(acme.pk, at=now).limit == 0
    seat(entitle(acme, make_service(), seat_limit=3), membership_of(bob, acme))
    carol = join_company(acme, make_user(email="carol@exempel.se"), Role.MEMBER)
    lon = entitle(acme, make_service(slug="lon", name="Lön"), seat_limit=4)
    seat(lon, membership_of(bob, acme))
    seat(lon, carol)

    counted = count_seats(acme.pk, at=now)
    assert (counted.taken, counted.limit, counted.free, counted.is_full) == (3, 7, 4, False)
    entitle(acme, make_service(slug="fri", name="Fri"), seat_limit=None)
    assert count_seats(acme.pk, at=now).limit is None
    assert not count_seats(acme.pk, at=now).is_full
