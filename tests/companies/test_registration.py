"""Staff register companies, and read them."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from companies.models import Company, Membership, Role
from companies.operations import CompanyExistsError, register_company
from tests.companies.pages import deliver
from tests.factories.companies import let_support_in

ADD = "/admin/companies/company/add/"
FACTS = {
    "name": "Nya AB",
    "country": "SE",
    "org_number": "16556703-7485",
    "vat_number": "",
    "firm_kind": "accounting",
    "language": "sv",
    "email": "Ny.Agare@exempel.se",
    "full_name": "Nya Ägaren",
}


@pytest.fixture
def office(sign_in_staff: Callable[..., Client], staff: User) -> Client:
    staff.is_superuser = True
    staff.save()
    return sign_in_staff()


def test_staff_register_a_company_and_its_new_owner(office: Client, staff: User) -> None:
    assert office.get(ADD).status_code == 200

    answer = office.post(ADD, FACTS)

    company = Company.objects.get()
    assert answer["Location"] == "/admin/companies/company/"
    assert (company.org_number, company.firm_kind) == ("5567037485", "accounting")
    owner = company.main_contact
    assert owner.user.email == "ny.agare@exempel.se"
    assert not owner.user.has_usable_password()
    assert owner.role_grants.get().role == Role.OWNER
    [message] = deliver()
    assert message.to == ["ny.agare@exempel.se"]
    assert "/password/reset/" in str(message.body)
    event = Event.objects.get(action="company.registered")
    assert (event.actor_kind, event.actor_id) == ("staff", str(staff.pk))


def test_staff_register_a_company_for_somebody_known(office: Client, alice: User) -> None:
    office.post(ADD, {**FACTS, "email": "ALICE@exempel.se"})

    assert Company.objects.get().main_contact.user == alice
    [message] = deliver()
    assert "/login/" in str(message.body)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"org_number": "556703-7486"}, "org_number"),
        ({"org_number": ""}, "org_number"),
        ({"vat_number": "SE1"}, "vat_number"),
        ({"country": "NO"}, "org_number"),
        ({"country": "XX"}, "country"),
        ({"firm_kind": "kiosk"}, "firm_kind"),
        ({"email": "nix"}, "email"),
        ({"full_name": ""}, "full_name"),
    ],
)
def test_company_that_makes_no_sense_is_not_registered(
    office: Client, changes: dict[str, str], field: str
) -> None:
    answer = office.post(ADD, {**FACTS, **changes})

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Company.objects.exists()
    assert not User.objects.filter(email="ny.agare@exempel.se").exists()


def test_company_is_registered_once(office: Client, other: Company) -> None:
    answer = office.post(ADD, FACTS)

    assert answer.status_code == 422
    assert Company.objects.count() == 1
    assert not User.objects.filter(email="ny.agare@exempel.se").exists()


def test_same_number_may_exist_in_another_country(
    alice: User, system: Actor, now: datetime, other: Company
) -> None:
    with pytest.raises(CompanyExistsError):
        register_company(
            name="Igen AB", org_number="556703-7485", owner=alice, actor=system, now=now
        )

    register_company(
        name="Norsk AS", org_number="995525828", country="NO", owner=alice, actor=system, now=now
    )


def test_staff_find_and_read_companies(
    office: Client, acme: Company, other: Company, bob: User
) -> None:
    changelist = "/admin/companies/company/"
    for text in ("acme", "5560160680", "556016-0680", "165560160680", str(acme.pk)):
        page = office.get(changelist, {"q": text}).content.decode()
        assert "Acme AB" in page
        assert "Other AB" not in page

    let_support_in(acme)
    page = office.get(f"{changelist}{acme.pk}/change/").content.decode()
    assert "bob@exempel.se" in page
    assert 'name="_save"' not in page


def test_staff_change_and_delete_no_company(office: Client, acme: Company) -> None:
    page = f"/admin/companies/company/{acme.pk}/"

    assert office.post(f"{page}change/", {"name": "Hackad AB"}).status_code == 403
    assert office.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    acme.refresh_from_db()
    assert acme.name == "Acme AB"
    assert Membership.objects.filter(company=acme).exists()
