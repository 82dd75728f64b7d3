"""The start page: where it leads, and what it says of each service."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from companies.models import Company, Membership, Role
from services.access import Offer
from services.models import Service
from tests.factories.accounts import make_user
from tests.factories.companies import join_company
from tests.factories.services import entitle, make_service, seat

SignIn = Callable[[User], Client]
MembershipOf = Callable[[User, Company], Membership]


def home_of(company: Company) -> str:
    return reverse("company_home", args=[company.pk])


def slugs(offers: list[Offer]) -> list[str]:
    return [offer.service.slug for offer in offers]


# --- Where it leads -------------------------------------------------------------------------------


def test_home_asks_strangers_to_sign_in(client: Client, db: None) -> None:
    response = client.get("/")

    assert (response.status_code, response.headers["Location"]) == (302, "/login/?next=/")


def test_home_leads_into_the_only_company(acme: Company, bob: User, sign_in: SignIn) -> None:
    assert sign_in(bob).get("/").headers["Location"] == home_of(acme)


def test_home_tells_who_has_no_company_what_to_do(db: None, sign_in: SignIn) -> None:
    lonely = make_user(email="ensam@exempel.se", full_name="Ensam Ek")

    response = sign_in(lonely).get("/")

    assert response.status_code == 200
    assert "ensam@exempel.se" in response.content.decode()


def test_home_asks_who_is_in_several_companies_and_chose_none(
    acme: Company, bob: User, mallory: User, other: Company, sign_in: SignIn
) -> None:
    join_company(other, bob, Role.MEMBER)

    assert sign_in(bob).get("/").headers["Location"] == reverse("companies:switch")


def test_home_leads_back_to_the_company_used_last(
    acme: Company, bob: User, other: Company, now: datetime, sign_in: SignIn
) -> None:
    membership = join_company(other, bob, Role.MEMBER)
    Membership.objects.filter(pk=membership.pk).update(last_used_at=now - timedelta(days=3))

    assert sign_in(bob).get("/").headers["Location"] == home_of(other)


def test_home_forgets_a_company_that_was_left(
    acme: Company, bob: User, other: Company, now: datetime, sign_in: SignIn
) -> None:
    membership = join_company(other, bob, Role.MEMBER)
    Membership.objects.filter(pk=membership.pk).update(
        last_used_at=now - timedelta(days=3), valid_until=now - timedelta(days=2)
    )

    assert sign_in(bob).get("/").headers["Location"] == home_of(acme)


# --- What it says ---------------------------------------------------------------------------------


@pytest.fixture
def catalogue(acme: Company, bob: User, membership_of: MembershipOf) -> dict[str, Service]:
    """One service that bob may open, one without a seat for him, one that acme doesn't have."""
    services = {
        name: make_service(slug=name, name=name.title()) for name in ("oppen", "stangd", "okopt")
    }
    make_service(slug="borta", name="Borta")
    Service.objects.filter(slug="borta").update(is_active=False)
    seat(entitle(acme, services["oppen"]), membership_of(bob, acme))
    entitle(acme, services["stangd"])
    entitle(acme, Service.objects.get(slug="borta"))
    return services


def test_tiles_tell_what_a_member_may_do(
    acme: Company, alice: User, bob: User, catalogue: dict[str, Service], sign_in: SignIn
) -> None:
    response = sign_in(bob).get(home_of(acme))

    page = response.content.decode()
    assert slugs(response.context["bought"]) == ["oppen", "stangd"]
    assert slugs(response.context["more"]) == ["okopt"]
    assert reverse("services:open", args=[acme.pk, "oppen"]) in page
    assert reverse("services:open", args=[acme.pk, "stangd"]) not in page
    assert page.count(f"mailto:{alice.email}") == 2, "for the seat, and for the purchase"
    assert "Borta" not in page
    assert response.context["seats"] is None


def test_tiles_lead_an_administrator_to_seats_and_purchase(
    acme: Company, alice: User, catalogue: dict[str, Service], sign_in: SignIn
) -> None:
    response = sign_in(alice).get(home_of(acme))

    page = response.content.decode()
    assert reverse("services:detail", args=[acme.pk, "stangd"]) in page
    assert f"{reverse('billing:catalogue', args=[acme.pk])}#okopt" in page
    assert (response.context["member_count"], response.context["seats"].taken) == (2, 1)


def test_start_page_of_a_foreign_company_is_not_found(
    acme: Company, mallory: User, other: Company, sign_in: SignIn
) -> None:
    assert sign_in(mallory).get(home_of(acme)).status_code == 404


def test_start_page_asks_as_many_questions_for_many_services_as_for_one(
    acme: Company,
    alice: User,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(20):
        service = make_service(slug=f"tjanst-{number}", name=f"Tjänst {number}")
        if number % 3:
            entitlement = entitle(acme, service, seat_limit=None)
            if number % 2:
                seat(entitlement, membership_of(alice, acme))
    client = sign_in(alice)
    client.get(home_of(acme))

    with django_assert_max_num_queries(16):
        client.get(home_of(acme))
