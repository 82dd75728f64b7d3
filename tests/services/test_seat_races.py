"""Two at once, with threads and real locks, on whichever database the run has."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from django.db import connection

from auditlog.models import Event
from companies.models import Company, Membership, Role
from services.models import Entitlement, Seat
from services.operations import (
    AlreadyEntitledError,
    AlreadySeatedError,
    NoSeatLeftError,
    NotEntitledError,
    SeatGoneError,
    release_seat,
    withdraw_service,
)
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.services import entitle, make_service, seat
from vop.lib.errors import DomainError

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], object]) -> list[str]:
    """Run them in threads of their own, from one starting shot; return how each ended."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], object]) -> str:
        try:
            barrier.wait(timeout=10)
            work()
        except DomainError as error:
            return type(error).__name__
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return sorted(pool.map(run, works))


@pytest.fixture
def company() -> Company:
    owner = make_user(email="owner@exempel.se", full_name="Olle Owner")
    return make_company(name="Race AB", owner=owner, org_number="5560160680")


@pytest.fixture
def members(company: Company) -> list[Membership]:
    people = [make_user(email=f"person{number}@exempel.se") for number in range(4)]
    return [join_company(company, person, Role.MEMBER) for person in people]


def test_last_seat_goes_to_exactly_one(company: Company, members: list[Membership]) -> None:
    entitlement = entitle(company, make_service(), seat_limit=2)
    seat(entitlement, members[0])

    # Each takes its instant before it waits for the lock, as requests do.
    ends = at_once(
        *(
            lambda member=member: seat(entitlement, member, now=datetime.now(UTC))
            for member in members[1:]
        )
    )

    assert ends == [NoSeatLeftError.__name__, NoSeatLeftError.__name__, "done"]
    assert Seat.objects.count() == 2
    assert Event.objects.filter(action="seat.assigned").count() == 2


def test_one_person_gets_one_seat_when_asked_twice_at_once(
    company: Company, members: list[Membership]
) -> None:
    entitlement = entitle(company, make_service())

    ends = at_once(*[lambda: seat(entitlement, members[0], now=datetime.now(UTC))] * 2)

    assert ends == [AlreadySeatedError.__name__, "done"]
    assert Seat.objects.count() == 1


def test_seat_released_twice_at_once_is_released_once(
    company: Company, members: list[Membership]
) -> None:
    taken = seat(entitle(company, make_service()), members[0])

    ends = at_once(*[lambda: release_seat(seat=taken, actor=SYSTEM, now=datetime.now(UTC))] * 2)

    assert ends == [SeatGoneError.__name__, "done"]
    assert Event.objects.filter(action="seat.released").count() == 1


def test_service_ended_twice_at_once_ends_once(company: Company, members: list[Membership]) -> None:
    entitlement = entitle(company, make_service())
    seat(entitlement, members[0])

    ends = at_once(
        *[lambda: withdraw_service(entitlement=entitlement, actor=SYSTEM, now=datetime.now(UTC))]
        * 2
    )

    assert ends == [NotEntitledError.__name__, "done"]
    assert Event.objects.filter(action="service.cancelled").count() == 1
    assert Event.objects.filter(action="seat.released").count() == 1


def test_company_gets_a_service_once_when_bought_twice_at_once(company: Company) -> None:
    service = make_service()

    ends = at_once(*[lambda: entitle(company, service, now=datetime.now(UTC))] * 2)

    assert ends == [AlreadyEntitledError.__name__, "done"]
    assert Entitlement.objects.count() == 1
