"""Leaving with a hand-over, a seat that moves, and a membership that ends by itself."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Membership, Role
from companies.operations import (
    LastOwnerError,
    MainContactError,
    MemberGoneError,
    NotAllowedError,
    OwnerOnlyError,
    set_last_day,
    suspend_member,
)
from services.access import Access, NoAccess, effective_access
from services.models import Entitlement, Seat
from services.operations import SeatRefusedError, end_with_handover
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.services import entitle, make_service, seat
from vop.lib.clock import local_date, local_midnight

SignIn = Callable[[User], Client]
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


def holders(entitlement: Entitlement) -> list[tuple[object, str]]:
    rows = Seat.objects.in_force(datetime.now(UTC)).filter(entitlement=entitlement)
    return list(rows.values_list("membership_id", "role__code"))


def end(leaving: Membership, acting: Membership, **facts: Any) -> Membership:
    return end_with_handover(
        membership=leaving,
        acting=acting,
        actor=SYSTEM,
        now=datetime.now(UTC),
        **{"new_main_contact": None, "new_owner": None, "seats": {}, **facts},
    )


def test_everything_changes_hands_at_once(
    owner: Membership, bobs: Membership, acme: Company, books: Entitlement
) -> None:
    held = seat(books, owner, role="admin")

    end(owner, owner, new_main_contact=bobs, new_owner=bobs, seats={held.pk: bobs})

    acme.refresh_from_db()
    owner.refresh_from_db()
    assert acme.main_contact == bobs
    assert bobs.roles_at(datetime.now(UTC)) == {Role.OWNER, Role.MEMBER}
    assert holders(books) == [(bobs.pk, "admin")]
    assert owner.valid_until is not None
    released = Event.objects.get(action="seat.released")
    assert released.data["reason"] == "moved"


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({}, LastOwnerError),
        ({"new_owner": True}, MainContactError),
        ({"new_main_contact": True}, LastOwnerError),
    ],
)
def test_nothing_changes_hands_when_something_is_left_behind(
    owner: Membership,
    bobs: Membership,
    acme: Company,
    books: Entitlement,
    facts: dict[str, bool],
    error: type[Exception],
) -> None:
    held = seat(books, owner)

    with pytest.raises(error):
        end(owner, owner, seats={held.pk: bobs}, **dict.fromkeys(facts, bobs))

    acme.refresh_from_db()
    assert acme.main_contact == owner
    assert holders(books) == [(owner.pk, "user")]


def test_heir_who_has_a_seat_keeps_their_own(
    owner: Membership, bobs: Membership, acme: Company
) -> None:
    wide = entitle(acme, make_service(slug="wide", name="Lön"), seat_limit=5)
    seat(wide, owner, role="admin")
    held = seat(wide, bobs)

    end(bobs, owner, seats={held.pk: owner})

    assert holders(wide) == [(owner.pk, "admin")]


def test_heir_who_is_gone_is_named(
    owner: Membership, bobs: Membership, acme: Company, books: Entitlement
) -> None:
    held = seat(books, bobs)
    eve = join_company(acme, make_user(email="eve@exempel.se"), Role.MEMBER)
    suspend_member(membership=eve, acting=owner, actor=SYSTEM, now=datetime.now(UTC))

    with pytest.raises(SeatRefusedError):
        end(bobs, owner, seats={held.pk: eve})

    assert holders(books) == [(bobs.pk, "user")]


def test_seat_of_another_company_is_out_of_reach(
    owner: Membership, bobs: Membership, mallory: User, books: Entitlement
) -> None:
    other = make_company(name="Other AB", owner=mallory, org_number="5567037485")
    theirs = seat(entitle(other, books.service), other.main_contact)

    end(bobs, owner, seats={theirs.pk: owner})

    assert holders(theirs.entitlement) == [(other.main_contact_id, "user")]


def test_administrator_ends_no_owner(owner: Membership, acme: Company, bobs: Membership) -> None:
    adam = join_company(acme, make_user(email="adam@exempel.se"), Role.ADMIN)

    with pytest.raises(NotAllowedError):
        end(owner, adam, new_owner=bobs, new_main_contact=bobs)
    join_company(acme, make_user(email="berta@exempel.se"), Role.OWNER)
    with pytest.raises(OwnerOnlyError):
        end(owner, adam, new_main_contact=bobs)


def test_page_asks_for_what_is_held_and_keeps_what_was_typed(
    sign_in: SignIn, alice: User, owner: Membership, bobs: Membership, books: Entitlement
) -> None:
    held = seat(books, owner)
    client = sign_in(alice)
    address = f"/c/{owner.company_id}/members/{owner.pk}/hand-over/"
    page = client.get(address).content.decode()

    refused = client.post(
        address, {"owner": "nobody@exempel.se", "main_contact": "alice@exempel.se"}
    )
    done = client.post(
        address,
        {"owner": "BOB@exempel.se", "main_contact": "bob@exempel.se", f"seat_{held.pk.hex}": ""},
    )

    assert re.findall(r'<input type="email" name="(\w+)"', page) == [
        "owner", "main_contact", f"seat_{held.pk.hex}",
    ]  # fmt: skip
    assert refused.status_code == 422
    assert set(refused.context["form"].errors) == {"owner", "main_contact"}
    assert b"nobody@exempel.se" in refused.content
    assert done["Location"] == "/"
    assert holders(books) == []
    assert client.get(f"/c/{owner.company_id}/").status_code == 404


def test_page_costs_the_same_for_a_large_company(
    sign_in: SignIn,
    alice: User,
    acme: Company,
    bobs: Membership,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(30):
        join_company(acme, make_user(email=f"p{number}@exempel.se"), Role.MEMBER)
    client = sign_in(alice)

    with django_assert_max_num_queries(14):
        client.get(f"/c/{acme.pk}/members/{bobs.pk}/hand-over/")


def test_seat_moves_on_its_page(
    sign_in: SignIn, alice: User, owner: Membership, bobs: Membership, books: Entitlement
) -> None:
    held = seat(books, bobs, role="admin")
    address = f"/c/{owner.company_id}/services/books/seats/{held.pk}/move/"
    client = sign_in(alice)

    assert client.post(address, {"person": "mallory@exempel.se"}).status_code == 422
    assert client.post(address, {"person": "bob@exempel.se"}).status_code == 422
    answer = client.post(address, {"person": "alice@exempel.se"})

    assert answer["Location"] == f"/c/{owner.company_id}/services/books/"
    assert holders(books) == [(owner.pk, "admin")]
    assert client.post(address, {"person": "alice@exempel.se"}).status_code == 422


def test_membership_ends_by_itself_and_its_seats_with_it(
    bob: User, owner: Membership, bobs: Membership, acme: Company, books: Entitlement
) -> None:
    seat(books, bobs)
    now = datetime.now(UTC)
    later = now + timedelta(days=10)

    def set_end(until: datetime | None) -> None:
        set_last_day(membership=bobs, valid_until=until, acting=owner, actor=SYSTEM, now=now)

    set_end(later)
    assert isinstance(effective_access(bob, acme, books.service, now), Access)
    assert isinstance(effective_access(bob, acme, books.service, later), NoAccess)
    assert Seat.objects.get(membership=bobs).valid_until == later
    set_end(later + timedelta(days=1))
    assert Seat.objects.get(membership=bobs).valid_until == later + timedelta(days=1)
    set_end(None)

    assert isinstance(effective_access(bob, acme, books.service, later), Access)
    assert Event.objects.filter(action="member.last_day_set").count() == 3


def test_last_day_is_not_for_who_must_stay(owner: Membership, bobs: Membership) -> None:
    now = datetime.now(UTC)
    facts: dict[str, Any] = {"valid_until": now + timedelta(days=9), "actor": SYSTEM, "now": now}
    second = join_company(bobs.company, make_user(email="berta@exempel.se"), Role.OWNER)

    with pytest.raises(MainContactError):
        set_last_day(membership=owner, acting=second, **facts)
    set_last_day(membership=second, acting=owner, **facts)
    end(bobs, owner)
    with pytest.raises(MemberGoneError):
        set_last_day(membership=bobs, acting=owner, **facts)


def test_last_day_is_set_on_the_page(
    sign_in: SignIn, alice: User, bobs: Membership, owner: Membership
) -> None:
    client = sign_in(alice)
    address = f"/c/{bobs.company_id}/members/{bobs.pk}/last-day/"
    day = local_date(timezone.now()) + timedelta(days=3)

    for wrong in ("2020-01-01", "i morgon"):
        answer = client.post(address, {"last_day": wrong})
        assert answer.status_code == 422
        assert "last_day" in answer.context["last_day"].errors
    client.post(address, {"last_day": day.isoformat()})

    bobs.refresh_from_db()
    assert bobs.valid_until == local_midnight(day + timedelta(days=1))


@pytest.mark.django_db(transaction=True)
def test_two_who_hand_over_to_each_other_leave_one() -> None:
    """Each names the other as heir; the second one finds that the heir has left."""
    anna_user = make_user(email="anna@exempel.se")
    company = make_company(name="Race AB", owner=anna_user, org_number="5560160680")
    anna = company.main_contact
    bert = join_company(company, make_user(email="bert@exempel.se"), Role.OWNER)
    books = entitle(company, make_service(slug="books"), seat_limit=2)
    of_anna, of_bert = seat(books, anna), seat(books, bert)

    ends = at_once(
        lambda: end(anna, anna, new_main_contact=bert, seats={of_anna.pk: bert}),
        lambda: end(bert, bert, seats={of_bert.pk: anna}),
    )

    assert ends[1] == "done"
    assert ends[0] != "done"
    company.refresh_from_db()
    assert company.main_contact.valid_until is None
    assert Membership.objects.owners().filter(company=company).count() == 1
    assert len(holders(books)) == 1
