"""The pages of services, through HTTP."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Membership, Role
from services.models import Entitlement, Seat, Service
from services.operations import release_seat
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company
from tests.factories.services import entitle, make_service, seat

SignIn = Callable[[User], Client]
MembershipOf = Callable[[User, Company], Membership]


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def entitlement(acme: Company, service: Service) -> Entitlement:
    return entitle(acme, service, seat_limit=2)


def url(name: str, company: Company, *more: object) -> str:
    return reverse(f"services:{name}", args=[company.pk, *more])


# --- Opening --------------------------------------------------------------------------------------


def test_open_leads_to_the_service_with_issuer_and_company(
    entitlement: Entitlement,
    acme: Company,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    Service.objects.update(launch_url="https://bok.example/start?plan=a&iss=evil#top")
    seat(entitlement, membership_of(bob, acme))

    response = sign_in(bob).get(url("open", acme, "bokforing"))

    assert response.status_code == 302
    target = urlsplit(response.headers["Location"])
    assert (target.scheme, target.netloc, target.path) == ("https", "bok.example", "/start")
    assert parse_qsl(target.query) == [
        ("plan", "a"),
        ("iss", "http://localhost:8000/oidc"),
        ("company", str(acme.pk)),
    ]
    event = Event.objects.get(action="service.opened")
    assert (event.outcome, event.actor_id, event.company_id) == ("success", str(bob.pk), acme.pk)
    assert membership_of(bob, acme).last_used_at == event.occurred_at  # "last here"


def test_open_without_seat_says_who_can_give_one(
    entitlement: Entitlement, acme: Company, alice: User, bob: User, sign_in: SignIn
) -> None:
    response = sign_in(bob).get(url("open", acme, "bokforing"))

    assert response.status_code == 403
    assert f"mailto:{alice.email}" in response.content.decode()
    event = Event.objects.get(action="service.opened")
    assert (event.outcome, event.data) == (
        "denied",
        {"service": "bokforing", "reason": "no_seat"},
    )


def test_open_without_seat_leads_an_administrator_to_the_seats(
    entitlement: Entitlement, acme: Company, alice: User, sign_in: SignIn
) -> None:
    response = sign_in(alice).get(url("open", acme, "bokforing"))

    assert response.status_code == 403
    assert url("detail", acme, "bokforing") in response.content.decode()


def test_open_of_what_is_not_bought_says_who_can_buy(
    service: Service, acme: Company, alice: User, bob: User, sign_in: SignIn
) -> None:
    response = sign_in(bob).get(url("open", acme, "bokforing"))

    assert response.status_code == 403
    assert f"mailto:{alice.email}" in response.content.decode()


def test_subject_of_a_mail_to_a_helper_is_the_name_as_it_is(
    service: Service, acme: Company, bob: User, sign_in: SignIn
) -> None:
    Service.objects.update(name="Tid & projekt")

    response = sign_in(bob).get(url("open", acme, "bokforing"))

    assert "?subject=Tid%20%26%20projekt%20f%C3%B6r%20" in response.content.decode()


@pytest.mark.parametrize("name", ["open", "detail"])
def test_unknown_service_is_not_found(
    acme: Company, alice: User, sign_in: SignIn, name: str
) -> None:
    assert sign_in(alice).get(url(name, acme, "finns-inte")).status_code == 404


def test_service_of_another_company_stays_shut_to_outsiders(
    entitlement: Entitlement, acme: Company, mallory: User, other: Company, sign_in: SignIn
) -> None:
    client = sign_in(mallory)

    for name in ("open", "detail"):
        assert client.get(url(name, acme, "bokforing")).status_code == 404
    assert client.get(url("overview", acme)).status_code == 404
    assert not Event.objects.filter(action="service.opened").exists()


# --- Seats ----------------------------------------------------------------------------------------


def test_administrator_gives_a_seat(
    entitlement: Entitlement,
    acme: Company,
    alice: User,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    role = entitlement.service.roles.get(code="admin")
    data = {"member": bob.email.upper(), "role": role.pk}

    response = sign_in(alice).post(url("give_seat", acme, "bokforing"), data, follow=True)

    assert response.redirect_chain == [(url("detail", acme, "bokforing"), 302)]
    assert Seat.objects.get().membership.user == bob
    event = Event.objects.get(action="seat.assigned")
    assert (event.actor_kind, event.actor_id) == ("person", str(alice.pk))
    assert bob.full_name in response.content.decode()


def test_administrator_may_take_a_seat(
    entitlement: Entitlement, acme: Company, sign_in: SignIn, membership_of: MembershipOf
) -> None:
    carol = make_user(email="carol@exempel.se", full_name="Carol Cederberg")
    membership = join_company(acme, carol, Role.ADMIN)
    role = entitlement.service.roles.get(code="user")

    response = sign_in(carol).post(
        url("give_seat", acme, "bokforing"), {"member": carol.email, "role": role.pk}
    )

    assert response.status_code == 302
    assert Seat.objects.get().membership == membership


@pytest.mark.parametrize("role", [Role.MEMBER, Role.BILLING, Role.SECURITY, Role.AUDITOR])
def test_nobody_else_gives_seats_nor_takes_one(
    entitlement: Entitlement, acme: Company, now: datetime, sign_in: SignIn, role: Role
) -> None:
    carol = make_user(email="carol@exempel.se", full_name="Carol Cederberg")
    join_company(acme, carol, role, now=now)
    client = sign_in(carol)
    data = {"member": carol.email, "role": entitlement.service.roles.get(code="user").pk}

    assert client.post(url("give_seat", acme, "bokforing"), data).status_code == 403
    assert Seat.objects.count() == 0
    assert "seat-form" not in client.get(url("detail", acme, "bokforing")).content.decode()


def test_full_service_keeps_what_was_chosen(
    acme: Company,
    service: Service,
    alice: User,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    entitlement = entitle(acme, service, seat_limit=1)
    seat(entitlement, membership_of(alice, acme))
    chosen = bob.email
    role = service.roles.get(code="admin")

    response = sign_in(alice).post(
        url("give_seat", acme, "bokforing"), {"member": chosen, "role": role.pk}
    )

    assert response.status_code == 422
    form = response.context["form"]
    assert form.non_field_errors() == ["Alla licenser är upptagna. Frigör en, eller köp fler."]
    assert (form["member"].value(), form["role"].value()) == (chosen, str(role.pk))


def test_form_refuses_people_of_other_companies(
    entitlement: Entitlement,
    acme: Company,
    alice: User,
    mallory: User,
    other: Company,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    role = entitlement.service.roles.get(code="user")
    data = {"member": mallory.email, "role": role.pk}

    response = sign_in(alice).post(url("give_seat", acme, "bokforing"), data)

    assert response.status_code == 422
    form = response.context["form"]
    assert form.errors == {"member": ["Ingen aktiv medlem har den här adressen."]}
    assert form["member"].value() == mallory.email
    assert Seat.objects.count() == 0


def test_administrator_releases_a_seat_once(
    entitlement: Entitlement,
    acme: Company,
    alice: User,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    taken = seat(entitlement, membership_of(bob, acme))
    client = sign_in(alice)
    address = url("release_seat", acme, "bokforing", taken.pk)

    first = client.post(address)
    second = client.post(address, follow=True)

    assert first.headers["Location"] == url("detail", acme, "bokforing")
    assert second.status_code == 200
    assert [message.level_tag for message in second.context["messages"]][-1] == "error"
    assert Event.objects.filter(action="seat.released").count() == 1


def test_seat_of_another_company_is_not_found(
    acme: Company,
    alice: User,
    mallory: User,
    other: Company,
    service: Service,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    entitle(acme, service)
    foreign = seat(entitle(other, service), membership_of(mallory, other))

    response = sign_in(alice).post(url("release_seat", acme, "bokforing", foreign.pk))

    assert response.status_code == 404
    foreign.refresh_from_db()
    assert foreign.valid_until is None


def test_seats_are_not_changed_by_links(
    entitlement: Entitlement,
    acme: Company,
    alice: User,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    taken = seat(entitlement, membership_of(bob, acme))
    client = sign_in(alice)

    assert client.get(url("give_seat", acme, "bokforing")).status_code == 405
    assert client.get(url("release_seat", acme, "bokforing", taken.pk)).status_code == 405


# --- Lists ----------------------------------------------------------------------------------------


def test_overview_shows_numbers_to_everybody(
    entitlement: Entitlement,
    acme: Company,
    alice: User,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    taken = seat(entitlement, membership_of(alice, acme))
    release_seat(seat=taken, actor=SYSTEM, now=taken.valid_from)
    seat(entitlement, membership_of(alice, acme))

    response = sign_in(bob).get(url("overview", acme))

    [subscribed] = response.context["subscribed"]
    assert (subscribed.seats.taken, subscribed.seats.free) == (1, 1)


def test_names_are_for_those_who_may_see_members(
    entitlement: Entitlement,
    acme: Company,
    bob: User,
    sign_in: SignIn,
    membership_of: MembershipOf,
) -> None:
    carol = make_user(email="carol@exempel.se", full_name="Carol Cederberg")
    seat(entitlement, join_company(acme, carol, Role.SECURITY))

    assert (
        "Carol Cederberg" not in sign_in(bob).get(url("detail", acme, "bokforing")).content.decode()
    )
    assert (
        "Carol Cederberg" in sign_in(carol).get(url("detail", acme, "bokforing")).content.decode()
    )


def test_pages_ask_as_many_questions_for_many_as_for_one(
    acme: Company,
    alice: User,
    sign_in: SignIn,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    members = [
        join_company(acme, make_user(email=f"p{number}@exempel.se"), Role.MEMBER)
        for number in range(12)
    ]
    for number in range(20):
        service = make_service(slug=f"tjanst-{number}", name=f"Tjänst {number}")
        entitlement = entitle(acme, service, seat_limit=None)
    for member in members:
        seat(entitlement, member)
    client = sign_in(alice)

    with django_assert_max_num_queries(12):
        client.get(url("overview", acme))
    with django_assert_max_num_queries(16):
        client.get(url("detail", acme, "tjanst-19"))
