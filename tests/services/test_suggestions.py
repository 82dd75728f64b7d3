"""Choosing a person where a company has more people than a list could show."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from benchmarks.pages_world import Size, make_catalogue, make_firm, make_subject
from companies.models import Assignment, Company, Mandate
from services.models import Seat, Service, ServiceRole
from vop.lib.clock import local_date

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db

MEMBERS = 230


def pick_unsuggested(company: Company) -> User:
    """Return whom no page suggests: the last of the company's people by name."""
    people = User.objects.filter(memberships__company=company)
    return people.order_by("full_name", "email").reverse()[0]


def list_suggested(page: bytes) -> list[str]:
    [found] = re.findall(r'<datalist id="people">(.*?)</datalist>', page.decode(), re.DOTALL)
    return re.findall(r'value="([^"]+)"', found)


def test_firm_assigns_and_puts_in_charge_whom_no_page_suggests(sign_in: SignIn) -> None:
    firm = make_firm(Size(MEMBERS, 0, 0, 2, 0), make_catalogue(1))
    browser = sign_in(firm.company.main_contact.user)
    mandate = Mandate.objects.get(pk=str(firm.arguments["mandate_id"]))
    someone = pick_unsuggested(firm.company)
    ask, show, assign = (
        reverse(f"services:{name}", args=[firm.company.pk, *rest])
        for name, *rest in (("ask_client",), ("mandate", mandate.pk), ("assign", mandate.pk))
    )
    for address in (ask, show, assign):
        suggested = list_suggested(browser.get(address).content)
        assert len(suggested) == 200
        assert someone.email not in suggested

    last_day = local_date(mandate.valid_until - timedelta(days=1)).isoformat()
    sent = {"member": someone.email, "last_day": last_day, "level_tjanst-0": "read"}
    assert browser.post(assign, sent).status_code == 302
    assert browser.post(f"{show}lead/", {"lead": someone.email}).status_code == 302

    assert Assignment.objects.filter(mandate=mandate, user=someone, ended_at=None).exists()
    mandate.refresh_from_db()
    assert mandate.lead is not None
    assert mandate.lead.user == someone


def test_company_of_many_gives_a_seat_to_whom_no_page_suggests(sign_in: SignIn) -> None:
    roles = make_catalogue(6)  # members have a seat in the first five
    company = make_subject(Size(MEMBERS, 6, 1, 0, 1), roles, make_firms_of_one()).company
    browser = sign_in(company.main_contact.user)
    service: Service = roles[5].service
    role: ServiceRole = roles[5]
    someone = pick_unsuggested(company)
    address = reverse("services:detail", args=[company.pk, service.slug])
    suggested = list_suggested(browser.get(address).content)

    given = browser.post(f"{address}seats/", {"member": someone.email, "role": role.pk})

    assert len(suggested) == 200
    assert someone.email not in suggested
    assert given.status_code == 302
    assert Seat.objects.filter(entitlement__service=service, membership__user=someone).exists()


def make_firms_of_one() -> list[Company]:
    return [make_firm(Size(5, 0, 0, 0, 0), []).company]
