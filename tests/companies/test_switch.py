"""Choosing the company to work in."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from stdnum import luhn

from accounts.models import User
from auditlog.models import Event
from companies.models import Assignment, Company, Membership, Role
from companies.operations import block_person
from companies.queries import get_default_membership
from companies.queries.recent import list_recent_companies
from services.models import Package
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.mandates import assign, make_mandate, owner_of
from tests.factories.services import make_service

SignIn = Callable[[User], Client]


@pytest.fixture
def many(alice: User, acme: Company) -> list[Company]:
    starts = [f"55600{number:04}" for number in range(10, 22)]
    numbers = [start + luhn.calc_check_digit(start) for start in starts]
    return [
        make_company(name=f"Åkeri {number}", owner=alice, org_number=number) for number in numbers
    ]


def test_header_offers_the_five_used_last_then_others_by_name(
    alice: User, many: list[Company]
) -> None:
    now = timezone.now()
    for company, days in ((many[3], 2), (many[7], 1), (many[9], 3)):
        Membership.objects.filter(company=company).update(last_used_at=now - timedelta(days=days))
    Company.objects.filter(pk=many[9].pk).update(closed_at=now)

    found = list_recent_companies(alice, at=now)

    assert [each.pk for each in found[:2]] == [many[7].pk, many[3].pk]
    assert found[0].formatted_org_number == many[7].formatted_org_number
    rest = [each.name for each in found[2:]]
    assert len(rest) == 3
    assert rest == sorted(rest)
    assert many[9].name not in rest  # closed


def test_header_offers_clients_only_while_they_are_open_to_the_person(
    acme: Company, now: datetime
) -> None:
    owner, chosen = make_user(email="berit@exempel.se"), {make_service(): [Package.READ]}
    byra = make_company(
        name="Byrån AB", owner=owner, org_number="5590000302", firm_kind="accounting"
    )
    moa = join_company(byra, make_user(email="moa@exempel.se"), Role.MEMBER)
    held = assign(make_mandate(acme, byra, chosen, now=now), moa, chosen, now=now)
    Assignment.objects.filter(pk=held.pk).update(last_used_at=now)

    assert [each.name for each in list_recent_companies(moa.user, at=now)] == [acme.name, byra.name]
    block_person(company=acme, user=moa.user, acting=owner_of(acme), actor=SYSTEM, now=now)
    assert [each.name for each in list_recent_companies(moa.user, at=now)] == [byra.name]


def test_companies_are_listed_last_used_first(
    sign_in: SignIn, alice: User, many: list[Company]
) -> None:
    now = timezone.now()
    for company, days in ((many[3], 2), (many[7], 1)):
        Membership.objects.filter(company=company).update(last_used_at=now - timedelta(days=days))

    rows = sign_in(alice).get("/companies/").context["rows"]

    names = [row["company"].name for row in rows]
    assert names[:2] == [many[7].name, many[3].name]
    assert len(names) == 13


def test_companies_are_found_by_name_and_number(
    sign_in: SignIn, alice: User, many: list[Company]
) -> None:
    client = sign_in(alice)
    assert 'name="q"' in client.get("/companies/").content.decode()

    for text, found in (
        ("åkeri", 12),
        ("ACME", 1),
        (many[2].formatted_org_number, 1),
        (many[2].org_number, 1),
        ("finns inte", 0),
    ):
        assert len(client.get("/companies/", {"q": text}).context["rows"]) == found


def test_few_companies_need_no_search(sign_in: SignIn, alice: User, acme: Company) -> None:
    assert 'name="q"' not in sign_in(alice).get("/companies/").content.decode()


def test_person_without_a_company_is_told_what_to_do(sign_in: SignIn, mallory: User) -> None:
    page = sign_in(mallory).get("/companies/")

    assert page.status_code == 200
    assert "mallory@exempel.se" in page.content.decode()


def test_choosing_leads_there_and_is_remembered(
    sign_in: SignIn, alice: User, many: list[Company]
) -> None:
    answer = sign_in(alice).post(f"/c/{many[5].pk}/choose/")

    assert answer["Location"] == f"/c/{many[5].pk}/"
    default = get_default_membership(alice, at=timezone.now())
    assert default is not None
    assert default.company == many[5]
    assert Event.objects.get(action="company.selected").company_id == many[5].pk


def test_start_is_the_only_company_or_none_of_several(
    alice: User, acme: Company, mallory: User
) -> None:
    now = timezone.now()
    only = get_default_membership(alice, at=now)
    assert only is not None
    assert only.company == acme
    assert get_default_membership(mallory, at=now) is None

    make_company(name="Två AB", owner=alice, org_number="5567037485")
    assert get_default_membership(alice, at=now) is None


def test_closed_company_is_not_there(sign_in: SignIn, alice: User, acme: Company) -> None:
    Company.objects.update(closed_at=timezone.now() - timedelta(seconds=1))
    client = sign_in(alice)

    assert client.get("/companies/").context["rows"] == []
    assert client.post(f"/c/{acme.pk}/choose/").status_code == 404
