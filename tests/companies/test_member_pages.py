"""The pages about members: what they show to whom, and what their forms do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from companies.models import Company, Membership, Role
from companies.operations import suspend_member
from tests.companies.pages import invite
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company
from vop.lib.clock import local_date, local_midnight

SignIn = Callable[[User], Client]
MembershipOf = Callable[[User, Company], Membership]


@pytest.fixture
def bobs(bob: User, acme: Company) -> Membership:
    return Membership.objects.get(user=bob, company=acme)


def test_members_are_listed_with_roles_and_invitations(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership
) -> None:
    invite(acme, email="nils@exempel.se")

    page = sign_in(alice).get(f"/c/{acme.pk}/members/").content.decode()

    assert "Alice Ek" in page
    assert f'href="/c/{acme.pk}/members/{bobs.pk}/"' in page
    assert "nils@exempel.se" in page
    assert 'id="invite"' in page


def test_security_manager_reads_members_without_changing_them(
    sign_in: SignIn, acme: Company, bobs: Membership
) -> None:
    invite(acme)
    reader = make_user(email="sara@exempel.se")
    join_company(acme, reader, Role.SECURITY)
    client = sign_in(reader)

    listed = client.get(f"/c/{acme.pk}/members/").content.decode()
    page = client.get(f"/c/{acme.pk}/members/{bobs.pk}/").content.decode()

    assert 'id="invite"' not in listed
    assert "/resend/" not in listed
    for form in ("save-roles", "suspend-member", "end-membership", "make-main-contact"):
        assert f'id="{form}"' not in page


def test_members_are_found_by_name(sign_in: SignIn, alice: User, acme: Company) -> None:
    for number in range(12):
        person = make_user(email=f"p{number}@exempel.se", full_name=f"Person {number}")
        join_company(acme, person, Role.MEMBER)
    client = sign_in(alice)

    assert 'name="q"' in client.get(f"/c/{acme.pk}/members/").content.decode()
    page = client.get(f"/c/{acme.pk}/members/", {"q": "person 11"}).content.decode()

    assert "p11@exempel.se" in page
    assert "p10@exempel.se" not in page


def test_search_takes_whatever_is_typed(sign_in: SignIn, alice: User, acme: Company) -> None:
    for text in ("\0", "%", "_", "'", "\\", "å" * 5000):
        assert sign_in(alice).get(f"/c/{acme.pk}/members/", {"q": text}).status_code == 200
        assert sign_in(alice).get("/companies/", {"q": text}).status_code == 200


def test_list_of_members_costs_the_same_for_few_and_many(
    sign_in: SignIn, alice: User, acme: Company, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        person = make_user(email=f"p{number}@exempel.se", full_name=f"Person {number}")
        join_company(acme, person, Role.MEMBER, Role.BILLING)
        invite(acme, email=f"i{number}@exempel.se")
    client = sign_in(alice)

    with django_assert_max_num_queries(14):
        page = client.get(f"/c/{acme.pk}/members/")

    assert page.content.decode().count("<tr") > 100


def test_roles_are_changed_on_the_page(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership
) -> None:
    last_day = local_date(timezone.now()) + timedelta(days=30)

    answer = sign_in(alice).post(
        f"/c/{acme.pk}/members/{bobs.pk}/roles/",
        {"roles": ["admin", "auditor"], "auditor_until": last_day.isoformat()},
    )

    assert answer["Location"] == f"/c/{acme.pk}/members/{bobs.pk}/"
    assert bobs.roles_at(timezone.now()) == {Role.ADMIN, Role.AUDITOR}
    auditor = bobs.role_grants.get(role="auditor")
    assert auditor.valid_until == local_midnight(last_day + timedelta(days=1))
    assert auditor.last_day == last_day


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "roles"),
        ({"roles": ["kung"]}, "roles"),
        ({"roles": ["auditor"], "auditor_until": "2020-01-01"}, "auditor_until"),
        ({"roles": ["auditor"], "auditor_until": "2099-01-01"}, "auditor_until"),
        ({"roles": ["auditor"], "auditor_until": "i morgon"}, "auditor_until"),
    ],
)
def test_roles_that_make_no_sense_are_refused(
    sign_in: SignIn,
    alice: User,
    acme: Company,
    bobs: Membership,
    data: dict[str, object],
    field: str,
) -> None:
    answer = sign_in(alice).post(f"/c/{acme.pk}/members/{bobs.pk}/roles/", data)

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert bobs.roles_at(timezone.now()) == {Role.MEMBER}


def test_own_page_offers_no_change_of_roles(
    sign_in: SignIn, alice: User, acme: Company, membership_of: MembershipOf
) -> None:
    own = membership_of(alice, acme)
    client = sign_in(alice)

    page = client.get(f"/c/{acme.pk}/members/{own.pk}/").content.decode()
    answer = client.post(f"/c/{acme.pk}/members/{own.pk}/roles/", {"roles": ["owner", "admin"]})

    assert 'id="save-roles"' not in page
    assert answer.status_code == 422


def test_admin_sees_an_owner_without_forms(
    sign_in: SignIn, alice: User, acme: Company, membership_of: MembershipOf
) -> None:
    admin = make_user(email="adam@exempel.se")
    join_company(acme, admin, Role.ADMIN)
    owner = membership_of(alice, acme)
    client = sign_in(admin)

    page = client.get(f"/c/{acme.pk}/members/{owner.pk}/").content.decode()
    client.post(f"/c/{acme.pk}/members/{owner.pk}/end/")
    client.post(f"/c/{acme.pk}/members/{owner.pk}/suspend/")

    assert 'id="end-membership"' not in page
    owner.refresh_from_db()
    assert owner.is_in_force(timezone.now())


def test_member_is_suspended_and_let_in_again(
    sign_in: SignIn, alice: User, bob: User, acme: Company, bobs: Membership
) -> None:
    client = sign_in(alice)
    page = f"/c/{acme.pk}/members/{bobs.pk}/"

    client.post(f"{page}suspend/")
    assert 'id="reactivate-member"' in client.get(page).content.decode()
    assert sign_in(bob).get(f"/c/{acme.pk}/").status_code == 404
    sign_in(alice).post(f"{page}reactivate/")

    assert sign_in(bob).get(f"/c/{acme.pk}/").status_code == 200


def test_ended_member_is_out_at_once(
    sign_in: SignIn, alice: User, bob: User, acme: Company, bobs: Membership
) -> None:
    answer = sign_in(alice).post(f"/c/{acme.pk}/members/{bobs.pk}/end/")

    assert answer["Location"] == f"/c/{acme.pk}/members/"
    assert sign_in(bob).get(f"/c/{acme.pk}/").status_code == 404
    assert sign_in(alice).get(f"/c/{acme.pk}/members/{bobs.pk}/").status_code == 404


def test_main_contact_is_handed_over(
    sign_in: SignIn, alice: User, acme: Company, bobs: Membership
) -> None:
    sign_in(alice).post(f"/c/{acme.pk}/members/{bobs.pk}/main-contact/")

    acme.refresh_from_db()
    assert acme.main_contact == bobs


def test_member_leaves(sign_in: SignIn, bob: User, acme: Company, bobs: Membership) -> None:
    client = sign_in(bob)
    assert 'id="leave-company"' in client.get(f"/c/{acme.pk}/company/").content.decode()

    answer = client.post(f"/c/{acme.pk}/leave/")

    assert answer["Location"] == "/"
    bobs.refresh_from_db()
    assert bobs.valid_until is not None


def test_last_owner_is_told_why_they_cannot_leave(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    client = sign_in(alice)

    answer = client.post(f"/c/{acme.pk}/leave/", follow=True)

    assert answer.redirect_chain == [(f"/c/{acme.pk}/company/", 302)]
    assert 'class="messages"' in answer.content.decode()
    assert client.get(f"/c/{acme.pk}/").status_code == 200


def test_member_of_another_company_is_not_found_here(
    sign_in: SignIn, mallory: User, other: Company, bobs: Membership
) -> None:
    client = sign_in(mallory)
    page = f"/c/{other.pk}/members/{bobs.pk}/"

    assert client.get(page).status_code == 404
    for then in ("roles", "suspend", "reactivate", "main-contact", "end"):
        assert client.post(f"{page}{then}/").status_code == 404


def test_suspended_admin_is_an_outsider(
    sign_in: SignIn, alice: User, acme: Company, membership_of: MembershipOf
) -> None:
    admin = make_user(email="adam@exempel.se")
    membership = join_company(acme, admin, Role.ADMIN)
    suspend_member(
        membership=membership,
        acting=membership_of(alice, acme),
        actor=SYSTEM,
        now=timezone.now(),
    )

    assert sign_in(admin).get(f"/c/{acme.pk}/members/").status_code == 404
