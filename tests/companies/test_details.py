"""The company's own data: shown to members, changed by those who may, never over a newer state."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError
from django.test import Client

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Role
from tests.factories.accounts import make_user
from tests.factories.companies import join_company

SignIn = Callable[[User], Client]
ADDRESS = {
    "version": "1",
    "invoice_recipient": "Acme AB, Ekonomi",
    "invoice_street": "Box 12",
    "invoice_postcode": "11122",
    "invoice_city": "Stockholm",
    "invoice_country": "SE",
    "invoice_email": "faktura@acme.se",
    "invoice_reference": "Eva Ek",
    "invoice_delivery": "email",
    "e_invoice_address": "",
}
FACTS = {"version": "1", "name": "Acme Nya AB", "vat_number": "", "language": "sv"}


def test_member_reads_without_changing(sign_in: SignIn, bob: User, acme: Company) -> None:
    page = sign_in(bob).get(f"/c/{acme.pk}/company/")

    assert page.status_code == 200
    assert "556016-0680" in page.content.decode()
    assert 'id="edit-company"' not in page.content.decode()


def test_company_is_changed_and_logged(sign_in: SignIn, alice: User, acme: Company) -> None:
    answer = sign_in(alice).post(
        f"/c/{acme.pk}/company/edit/", {**FACTS, "vat_number": "se 556016-0680 01"}
    )

    assert answer["Location"] == f"/c/{acme.pk}/company/"
    acme.refresh_from_db()
    assert (acme.name, acme.vat_number, acme.version) == ("Acme Nya AB", "SE556016068001", 2)
    event = Event.objects.get(action="company.updated")
    assert event.data == {"fields": ["name", "vat_number"]}
    assert event.personal.data["changes"] == {
        "name": ["Acme AB", "Acme Nya AB"],
        "vat_number": ["", "SE556016068001"],
    }


def test_invoice_address_is_changed_and_logged(sign_in: SignIn, acme: Company) -> None:
    manager = make_user(email="frida@exempel.se")
    join_company(acme, manager, Role.BILLING)

    answer = sign_in(manager).post(f"/c/{acme.pk}/company/invoice-address/", ADDRESS)

    assert answer["Location"] == f"/c/{acme.pk}/company/"
    acme.refresh_from_db()
    assert acme.invoice_postcode == "111 22"
    assert acme.invoice_reference == "Eva Ek"
    event = Event.objects.get(action="company.invoice_address_changed")
    assert "invoice_email" in event.data["fields"]
    assert "faktura@acme.se" not in str(event.data)
    assert event.personal.data["changes"]["invoice_email"] == ["", "faktura@acme.se"]


def test_saving_without_a_change_leaves_no_trace(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    sign_in(alice).post(f"/c/{acme.pk}/company/edit/", {**FACTS, "name": "Acme AB"})

    acme.refresh_from_db()
    assert acme.version == 1
    assert not Event.objects.filter(action="company.updated").exists()


def test_stale_form_is_told_so_and_loses_nothing(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    client = sign_in(alice)
    client.post(f"/c/{acme.pk}/company/edit/", {**FACTS, "name": "Först AB"})

    answer = client.post(f"/c/{acme.pk}/company/edit/", {**FACTS, "name": "Sedan AB"})

    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'value="Sedan AB"' in page
    assert "Först AB" in page
    assert 'name="version" value="2"' in page
    acme.refresh_from_db()
    assert acme.name == "Först AB"
    answer = client.post(
        f"/c/{acme.pk}/company/edit/", {**FACTS, "name": "Sedan AB", "version": "2"}
    )
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 161}, "name"),
        ({"vat_number": "SE123"}, "vat_number"),
        ({"language": "xx"}, "language"),
        ({"version": ""}, "version"),
        ({"version": "ett"}, "version"),
    ],
)
def test_company_data_that_makes_no_sense_is_refused(
    sign_in: SignIn, alice: User, acme: Company, changes: dict[str, str], field: str
) -> None:
    answer = sign_in(alice).post(f"/c/{acme.pk}/company/edit/", {**FACTS, **changes})

    assert answer.status_code == 422
    assert field in answer.context["form"].errors


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"invoice_postcode": "1234"}, "invoice_postcode"),
        ({"invoice_postcode": ""}, "invoice_postcode"),
        ({"invoice_street": ""}, "invoice_street"),
        ({"invoice_country": "XX"}, "invoice_country"),
        ({"invoice_email": "nix"}, "invoice_email"),
    ],
)
def test_invoice_address_that_makes_no_sense_is_refused(
    sign_in: SignIn, alice: User, acme: Company, changes: dict[str, str], field: str
) -> None:
    answer = sign_in(alice).post(f"/c/{acme.pk}/company/invoice-address/", {**ADDRESS, **changes})

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "Acme AB, Ekonomi" in answer.content.decode()


def test_foreign_postcode_is_taken_as_it_is(sign_in: SignIn, alice: User, acme: Company) -> None:
    answer = sign_in(alice).post(
        f"/c/{acme.pk}/company/invoice-address/",
        {**ADDRESS, "invoice_country": "DE", "invoice_postcode": "D-10115"},
    )

    assert answer.status_code == 302


def test_what_people_type_is_shown_as_text(sign_in: SignIn, alice: User, acme: Company) -> None:
    client = sign_in(alice)
    client.post(f"/c/{acme.pk}/company/edit/", {**FACTS, "name": "<script>alert(1)</script> AB"})

    for page in ("company/", "members/", "log/"):
        assert "<script>alert" not in client.get(f"/c/{acme.pk}/{page}").content.decode()


def test_e_invoice_needs_an_address_that_can_be_right(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    client = sign_in(alice)
    page = f"/c/{acme.pk}/company/invoice-address/"
    wanted = {**ADDRESS, "invoice_delivery": "e_invoice"}

    for wrong in (
        "",
        "5567037485",
        "0007:5567037486",
        "0088:1234567890123",
        "007:1",
        "0007:",
        "x:y",
        "1234:55",
    ):
        answer = client.post(page, {**wanted, "e_invoice_address": wrong})
        assert answer.status_code == 422
        assert "e_invoice_address" in answer.context["form"].errors
    done = client.post(page, {**wanted, "e_invoice_address": " 0007:556703-7485 "})

    assert done["Location"] == f"/c/{acme.pk}/company/"
    acme.refresh_from_db()
    assert (acme.invoice_delivery, acme.e_invoice_address) == ("e_invoice", "0007:5567037485")


@pytest.mark.parametrize(
    ("way", "missing"), [("email", "invoice_email"), ("letter", "invoice_street")]
)
def test_way_of_delivery_asks_for_what_it_needs(
    sign_in: SignIn, alice: User, acme: Company, way: str, missing: str
) -> None:
    empty = dict.fromkeys(ADDRESS, "") | {"version": "1", "invoice_country": "SE"}

    answer = sign_in(alice).post(
        f"/c/{acme.pk}/company/invoice-address/", {**empty, "invoice_delivery": way}
    )

    assert answer.status_code == 422
    assert missing in answer.context["form"].errors


def test_database_refuses_an_e_invoice_to_nowhere(acme: Company) -> None:
    with pytest.raises(IntegrityError, match="e_invoice_has_an_address"):
        Company.objects.filter(pk=acme.pk).update(invoice_delivery="e_invoice")


def test_history_tells_each_change_and_nothing_else(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    client = sign_in(alice)
    client.post(f"/c/{acme.pk}/company/edit/", {**FACTS, "street": "Storgatan 1", "city": "Lund"})
    client.post(f"/c/{acme.pk}/choose/")

    page = client.get(f"/c/{acme.pk}/company/history/")

    actions = [row.event.action for row in page.context["rows"]]
    assert actions == ["company.updated", "company.registered"]
    text = page.content.decode()
    for told in ("Acme AB", "Acme Nya AB", "Storgatan 1", "Alice Ek"):
        assert told in text


def test_history_has_pages_of_its_own(sign_in: SignIn, alice: User, acme: Company) -> None:
    client = sign_in(alice)
    for number in range(60):
        facts = {**FACTS, "name": f"Namn {number}", "version": str(number + 1)}
        client.post(f"/c/{acme.pk}/company/edit/", facts)

    first = client.get(f"/c/{acme.pk}/company/history/")
    older = client.get(f"/c/{acme.pk}/company/history/", {"before": first.context["older_than"]})

    assert len(first.context["rows"]) == 50
    assert len(older.context["rows"]) == 11
    assert client.get(f"/c/{acme.pk}/company/history/", {"before": "x"}).status_code == 200
