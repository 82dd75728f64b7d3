"""A firm's work bench: what it lists, narrows and tells, and what stays the client's own."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from auditlog.models import Event
from billing.queries import ClientFilter, describe_clients, find_clients
from companies.models import Company, Mandate, Membership, Role
from services.models import Package, Service
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate
from tests.factories.companies import join_company, make_company
from tests.factories.mandates import ask_for, assign, make_mandate, owner_of, terms_of
from tests.factories.services import entitle, make_service

SignIn = Callable[[User], Client]
WORK = [Package.OPERATE]


@pytest.fixture
def since() -> datetime:
    return timezone.now() - timedelta(days=1)


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def moa(byra: Company) -> Membership:
    return join_company(byra, make_user(email="moa@exempel.se", full_name="Moa Matt"), Role.MEMBER)


@pytest.fixture
def leif(byra: Company) -> Membership:
    user = make_user(email="leif@exempel.se", full_name="Leif Lead")
    return join_company(byra, user, Role.ENGAGEMENT_LEAD)


@pytest.fixture
def mandate(acme: Company, byra: Company, service: Service, since: datetime) -> Mandate:
    """One that also lets the firm administer the service."""
    entitle(acme, service, seat_limit=3)
    return make_mandate(acme, byra, {service: [Package.OPERATE, Package.ADMIN]}, now=since)


@pytest.fixture
def foreign(other: Company, byra: Company, service: Service, since: datetime) -> Mandate:
    entitle(other, service, seat_limit=3)
    return make_mandate(other, byra, {service: WORK}, now=since, months=2)


def names(acting: Membership, **chosen: object) -> list[str]:
    found = find_clients(acting, ClientFilter(**chosen), at=timezone.now())  # type: ignore[arg-type]
    return [mandate.client.name for mandate in found]


def bench(company: Company, rest: str = "") -> str:
    return f"/c/{company.pk}/clients/{rest}"


def test_filters_tell_whose_mandate_ends_and_who_works_for_whom(
    byra: Company,
    mandate: Mandate,
    foreign: Mandate,
    moa: Membership,
    leif: Membership,
    service: Service,
    since: datetime,
) -> None:
    berit = owner_of(byra)
    assign(mandate, moa, {service: WORK}, now=since)

    assert names(berit) == ["Acme AB", "Other AB"]
    assert names(berit, order="end") == ["Other AB", "Acme AB"]
    assert names(berit, due_days=90) == ["Other AB"]
    assert names(berit, due_days=30) == []
    assert names(berit, people="nobody") == ["Other AB"]
    assert names(moa, people="mine") == ["Acme AB"]
    assert names(leif, people="mine") == []
    assert names(berit, text="5560160680") == ["Acme AB"]


def test_who_has_no_second_factor_is_found(
    byra: Company,
    mandate: Mandate,
    moa: Membership,
    leif: Membership,
    service: Service,
    since: datetime,
) -> None:
    for member in (moa, leif):
        assign(mandate, member, {service: WORK}, now=since)
    add_totp(leif.user)

    row = describe_clients([mandate], owner_of(byra).user, at=timezone.now())[0]
    assert (row.without_second_factor, row.people_text) == (1, "Leif Lead, Moa Matt")
    assert names(owner_of(byra), people="second_factor") == ["Acme AB"]

    add_totp(moa.user)
    assert names(owner_of(byra), people="second_factor") == []


def add_totp(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})


def test_seats_and_bases_are_told_only_to_who_may_administer_there(
    acme: Company,
    byra: Company,
    alice: User,
    mandate: Mandate,
    foreign: Mandate,
    moa: Membership,
    leif: Membership,
    service: Service,
    since: datetime,
) -> None:
    make_seller()
    make_vat_rate()
    sold = make_service(slug="lon", name="Lön")
    buy(owner_of(acme), make_plan(sold), now=since)
    assign(mandate, leif, {service: [Package.OPERATE, Package.ADMIN]}, now=since)
    assign(mandate, moa, {service: WORK}, now=since)
    assign(foreign, leif, {service: WORK}, now=since)
    now = timezone.now()

    told = {row.mandate.pk: row for row in describe_clients([mandate, foreign], leif.user, at=now)}
    seats = told[mandate.pk].seats
    assert seats is not None
    assert (seats.taken, seats.limit) == (0, 3)
    assert told[mandate.pk].basis is not None
    assert (told[foreign.pk].seats, told[foreign.pk].basis) == (None, None)
    assert names(leif, seats="free") == ["Acme AB"]
    assert names(leif, basis="recent") == ["Acme AB"]
    for blind in (moa, owner_of(byra)):
        rows = describe_clients([mandate, foreign], blind.user, at=now)
        assert [(row.seats, row.basis) for row in rows] == [(None, None), (None, None)]
        for chosen in ({"seats": "free"}, {"basis": "open"}, {"basis": "recent"}):
            assert names(blind, **chosen) == []


def test_page_and_file_show_the_same_list(
    byra: Company,
    mandate: Mandate,
    foreign: Mandate,
    moa: Membership,
    service: Service,
    since: datetime,
    sign_in: SignIn,
) -> None:
    assign(mandate, moa, {service: WORK}, now=since)
    browser = sign_in(owner_of(byra).user)

    page = browser.get(bench(byra, "?people=nobody&sort=end")).content.decode()
    assert "Other AB" in page
    assert "Acme AB" not in page
    answer = browser.post(bench(byra, "export/?people=mine"))
    assert "Acme AB" not in answer.content.decode()
    everything = browser.post(bench(byra, "export/")).content.decode()
    assert "556016-0680;Acme AB;Aktiv;" in everything
    assert "Moa Matt" in everything
    assert Event.objects.filter(action="mandate.exported").count() == 2


def test_nonsense_in_the_address_narrows_nothing(
    byra: Company, mandate: Mandate, sign_in: SignIn
) -> None:
    browser = sign_in(owner_of(byra).user)

    page = browser.get(bench(byra, "?due=abc&people=zzz&sort=%00&page=nine&q=%00"))

    assert page.status_code == 200
    assert "Acme AB" in page.content.decode()


def test_list_asks_as_often_for_60_clients_as_for_10(
    byra: Company,
    moa: Membership,
    service: Service,
    since: datetime,
    sign_in: SignIn,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    owner = make_user(email="o@exempel.se")
    browser = sign_in(moa.user)
    browser = sign_in(owner_of(byra).user)
    counts = []
    for number in range(60):
        base = f"55910{number:04d}"
        digits = [int(c) * (2 - n % 2) for n, c in enumerate(base)]
        check = -sum(sum(divmod(d, 10)) for d in digits) % 10
        client = make_company(name=f"K {number:02}", owner=owner, org_number=f"{base}{check}")
        made = make_mandate(client, byra, {service: [Package.ADMIN]}, now=since)
        assign(made, moa, {service: [Package.ADMIN]}, now=since)
        if number in {9, 59}:
            with django_assert_max_num_queries(15) as asked:
                browser.get(bench(byra, "?sort=end"))
            counts.append(len(asked.captured_queries))
    assert counts[0] == counts[1]


def test_request_that_waits_is_listed_and_cannot_be_assigned(
    acme: Company, byra: Company, service: Service, since: datetime
) -> None:
    asked = ask_for(
        terms_of(acme, byra, now=since), {service: WORK}, acting=owner_of(byra), now=since
    )

    row = describe_clients([asked], owner_of(byra).user, at=timezone.now())[0]

    assert not row.can_assign
