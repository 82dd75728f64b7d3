"""The table of people and services: one form, only what was touched, at any size of company."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from companies.models import Company, Membership, Role
from companies.operations import suspend_member
from services.models import Entitlement, Seat
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate
from tests.factories.companies import SYSTEM, join_company
from tests.factories.services import entitle, make_service, seat

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
    return entitle(acme, make_service(slug="books", name="Bokföring"), seat_limit=2)


def value(member: Membership, entitlement: Entitlement) -> str:
    return f"{member.pk}.{entitlement.pk}"


def has_seat(member: Membership) -> bool:
    return Seat.objects.in_force(datetime.now(UTC)).filter(membership=member).exists()


def save(client: Client, company: Company, query: str = "", **data: object) -> Any:
    return client.post(f"/c/{company.pk}/seats/save/{query}", data)


def test_ticks_hold_at_once(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership, books: Entitlement
) -> None:
    client = sign_in(alice)

    answer = save(client, acme, "?q=bob", was="", seat=[value(bobs, books)])
    page = client.get(answer["Location"]).content.decode()

    assert answer["Location"] == f"/c/{acme.pk}/seats/?q=bob"
    assert has_seat(bobs)
    assert re.search(rf'id="seat-{value(bobs, books)}"[^>]*checked', page)


def test_untick_takes_the_seat_back(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership, books: Entitlement
) -> None:
    seat(books, bobs)

    save(sign_in(alice), acme, was=value(bobs, books))

    assert not has_seat(bobs)


def test_old_page_takes_nothing_back_that_it_did_not_show(
    sign_in: SignIn,
    alice: User,
    acme: Company,
    owner: Membership,
    bobs: Membership,
    books: Entitlement,
) -> None:
    seat(books, bobs)  # after the page was shown with nobody ticked

    save(sign_in(alice), acme, was="", seat=[value(owner, books)])

    assert has_seat(bobs)
    assert has_seat(owner)


def test_refused_ticks_are_still_there(
    sign_in: SignIn, alice: User, acme: Company, owner: Membership, bobs: Membership
) -> None:
    full = entitle(acme, make_service(slug="full", name="Full"), seat_limit=1)
    seat(full, owner)

    answer = save(sign_in(alice), acme, was="", seat=[value(bobs, full)])
    page = answer.content.decode()

    assert answer.status_code == 422
    assert not has_seat(bobs)
    assert 'role="alert"' in page
    assert re.search(rf'id="seat-{value(bobs, full)}"[^>]*checked', page)
    assert re.search(rf'id="seat-{value(owner, full)}"[^>]*checked', page)
    assert f'name="was" value="{value(owner, full)}"' in page


@pytest.mark.parametrize("broken", ["x", "1.2", f"{'a' * 40}.", "\0.\0"])
def test_damaged_form_is_refused(
    sign_in: SignIn, alice: User, acme: Company, books: Entitlement, broken: str
) -> None:
    assert save(sign_in(alice), acme, was=broken).status_code == 422
    assert save(sign_in(alice), acme, seat=[broken]).status_code == 422


def test_page_shows_seats_and_what_one_more_costs(
    sign_in: SignIn, alice: User, acme: Company, owner: Membership
) -> None:
    make_seller()
    make_vat_rate()
    plan = make_plan(make_service(slug="bok", name="Bokföring"), price="149.00")
    order = buy(owner, plan, quantity=3, now=datetime.now(UTC))

    page = sign_in(alice).get(f"/c/{acme.pk}/seats/").content.decode()

    assert "149,00" in page
    assert f"/subscriptions/{order.subscription.pk}/seats/" in page


def test_suspended_member_cannot_be_ticked(
    sign_in: SignIn,
    alice: User,
    acme: Company,
    owner: Membership,
    bobs: Membership,
    books: Entitlement,
) -> None:
    suspend_member(membership=bobs, acting=owner, actor=SYSTEM, now=datetime.now(UTC))

    page = sign_in(alice).get(f"/c/{acme.pk}/seats/").content.decode()

    assert re.search(rf'id="seat-{value(bobs, books)}"[^>]*disabled', page)


def test_large_company_costs_the_same(
    sign_in: SignIn, alice: User, acme: Company, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        entitle(acme, make_service(slug=f"s{number}", name=f"Tjänst {number}"))
    for number in range(60):
        join_company(acme, make_user(email=f"p{number}@exempel.se"), Role.MEMBER)
    client = sign_in(alice)

    with django_assert_max_num_queries(14):
        page = client.get(f"/c/{acme.pk}/seats/", {"page": 2}).content.decode()

    assert page.count('type="checkbox"') == 25 * 8
    assert 'rel="next"' in page


def role_value(member: Membership, entitlement: Entitlement, code: str) -> str:
    return f"{value(member, entitlement)}.{code}"


def test_role_is_chosen_in_the_table(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership, books: Entitlement
) -> None:
    taken = seat(books, bobs)
    client = sign_in(alice)
    cell, was = value(bobs, books), role_value(bobs, books, taken.role.code)
    assert f'id="role-{cell}"' in client.get(f"/c/{acme.pk}/seats/").content.decode()

    save(client, acme, was=cell, were=was, seat=[cell], role=[role_value(bobs, books, "admin")])

    held = Seat.objects.in_force(datetime.now(UTC)).get(membership=bobs)
    assert held.role.code == "admin"
    page = client.get(f"/c/{acme.pk}/seats/").content.decode()
    assert re.search(rf'value="{role_value(bobs, books, "admin")}" selected', page)


def test_role_that_another_chose_meanwhile_stays(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership, books: Entitlement
) -> None:
    """The old page shows `user` and sends it untouched."""
    seat(books, bobs, role="admin")
    was = role_value(bobs, books, "user")

    save(sign_in(alice), acme, was=value(bobs, books), were=was, seat=[value(bobs, books)],
         role=[was])  # fmt: skip

    assert Seat.objects.in_force(datetime.now(UTC)).get(membership=bobs).role.code == "admin"


def test_role_that_the_service_does_not_have_is_refused(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership, books: Entitlement
) -> None:
    seat(books, bobs)
    sent = [role_value(bobs, books, "king")]

    answer = save(
        sign_in(alice), acme, was=value(bobs, books), seat=[value(bobs, books)], role=sent
    )

    assert answer.status_code == 422
    assert Seat.objects.get(membership=bobs).role.code == "user"


def test_damaged_role_is_refused(sign_in: SignIn, alice: User, acme: Company) -> None:
    assert save(sign_in(alice), acme, role=["x"]).status_code == 422
