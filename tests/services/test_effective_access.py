from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from auditlog.actors import Actor
from companies.models import Company, Membership
from services.access import Access, Ground, NoAccess, Refusal, effective_access
from services.access.grounds import find_basis
from services.operations import end_entitlement, release_seat
from tests.factories.services import entitle, make_service, seat
from vop.lib.db import use_case

MembershipOf = Callable[[User, Company], Membership]


def test_access_needs_membership_entitlement_and_seat(
    acme: Company, bob: User, mallory: User, now: datetime, membership_of: MembershipOf
) -> None:
    service = make_service()
    assert effective_access(mallory, acme, service, now) == NoAccess(Refusal.NOT_A_MEMBER)
    assert effective_access(bob, acme, service, now) == NoAccess(Refusal.NOT_ENTITLED)
    entitlement = entitle(acme, service)
    assert effective_access(bob, acme, service, now) == NoAccess(Refusal.NO_SEAT)
    seat(entitlement, membership_of(bob, acme), role="admin")

    assert effective_access(bob, acme, service, now) == Access(
        (Ground("membership", roles=frozenset({"admin"})),)
    )


@pytest.mark.parametrize("ending", ["seat", "entitlement", "membership", "person", "service"])
def test_access_ends_with_what_it_rests_on(
    acme: Company,
    bob: User,
    now: datetime,
    system: Actor,
    membership_of: MembershipOf,
    ending: str,
) -> None:
    service = make_service()
    entitlement = entitle(acme, service)
    membership = membership_of(bob, acme)
    taken = seat(entitlement, membership)
    match ending:
        case "seat":
            release_seat(seat=taken, actor=system, now=now)
        case "entitlement":
            use_case(end_entitlement)(entitlement=entitlement, actor=system, now=now)
        case "membership":
            Membership.objects.filter(pk=membership.pk).update(valid_until=now)
        case "person":
            bob.is_active = False
        case "service":
            service.is_active = False

    assert isinstance(effective_access(bob, acme, service, now), NoAccess)
    if ending in {"seat", "entitlement", "membership"}:
        before = now - timedelta(seconds=1)
        assert isinstance(effective_access(bob, acme, service, before), Access)


def test_access_is_decided_with_one_query(
    acme: Company,
    bob: User,
    now: datetime,
    membership_of: MembershipOf,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    service = make_service()
    seat(entitle(acme, service), membership_of(bob, acme))

    with django_assert_num_queries(1):
        effective_access(bob, acme, service, now)


def test_refusal_takes_one_query_more(
    acme: Company, bob: User, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """A member's seat settles a yes by itself; for a no, all grounds are asked."""
    service = make_service()
    entitle(acme, service)

    with django_assert_num_queries(2):
        assert effective_access(bob, acme, service, now) == NoAccess(Refusal.NO_SEAT)


@pytest.mark.parametrize("until", [None, timedelta(hours=1)])
def test_seat_alone_says_what_all_grounds_say(
    acme: Company,
    bob: User,
    now: datetime,
    membership_of: MembershipOf,
    until: timedelta | None,
) -> None:
    """The usual case is read from one row; staff, who may have more, from everything there is."""
    service = make_service()
    member = membership_of(bob, acme)
    seat(entitle(acme, service), member)
    member.role_grants.update(valid_until=now + until if until else None)

    from_the_seat = find_basis(bob, acme, now, service=service)
    bob.is_staff = True
    assert find_basis(bob, acme, now, service=service) == from_the_seat
    assert from_the_seat.standings[0].until == (now + until if until else None)


def test_seat_without_a_role_opens_nothing(
    acme: Company, bob: User, now: datetime, membership_of: MembershipOf
) -> None:
    service = make_service()
    member = membership_of(bob, acme)
    seat(entitle(acme, service), member)
    member.role_grants.update(valid_until=now)

    assert effective_access(bob, acme, service, now) == NoAccess(Refusal.NO_ROLE)


def test_decision_reads_of_the_service_that_it_is_about(
    acme: Company, bob: User, now: datetime, membership_of: MembershipOf
) -> None:
    """A company with fifty services doesn't make each token request fifty rows long."""
    service = make_service()
    seat(entitle(acme, service), membership_of(bob, acme))
    entitle(acme, make_service(slug="payroll"))

    assert set(find_basis(bob, acme, now, service=service).holdings) == {service.pk}
    assert len(find_basis(bob, acme, now).holdings) == 2
