"""Many clients at once: requests and assignments by file and by ticks, all of them or none."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from companies.models import Assignment, Company, Mandate, MandateConsent, Membership, Role
from services.models import Package, Service
from tests.factories.accounts import make_user
from tests.factories.companies import join_company
from tests.factories.mandates import ask_for, make_mandate, owner_of, terms_of
from tests.factories.services import entitle, make_service
from vop.lib.clock import local_date
from vop.lib.tables import write_workbook

SignIn = Callable[[User], Client]
READ = [Package.READ]


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
def desk(byra: Company, sign_in: SignIn) -> Client:
    return sign_in(owner_of(byra).user)


def csv(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("klienter.csv", text.encode("cp1252"), content_type="text/csv")


def ask(byra: Company, rest: str = "") -> str:
    return f"/c/{byra.pk}/clients/ask-many/{rest}"


def assign(byra: Company, rest: str = "") -> str:
    return f"/c/{byra.pk}/clients/assign-many/{rest}"


def fill(**more: object) -> dict[str, object]:
    today = local_date(timezone.now())
    days = {"first_day": str(today), "last_day": str(today + timedelta(days=300))}
    return {**days, "level_bokforing": "operate", **more}


def read_hidden(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    text = re.search(r'<textarea name="text" hidden>(.*?)</textarea>', page, re.DOTALL)
    assert text
    found.pop("csrfmiddlewaretoken", None)
    return {**found, "text": text[1].strip()}


def test_many_clients_are_asked_after_a_look(
    acme: Company, other: Company, byra: Company, service: Service, moa: Membership, desk: Client
) -> None:
    day = local_date(timezone.now()) + timedelta(days=100)
    table = f"Org.nr;Kundansvarig;Till och med\n556016-0680;moa@exempel.se;\n5567037485;;{day}\n"

    page = desk.post(ask(byra), fill(file=csv(table))).content.decode()
    assert Mandate.objects.count() == 0
    assert "Acme AB (556016-0680) ger Byrån AB" in page
    done = desk.post(ask(byra, "send/"), read_hidden(page))

    assert done.headers["Location"] == f"/c/{byra.pk}/clients/"
    asked = {mandate.client: mandate for mandate in Mandate.objects.with_parties()}
    assert asked.keys() == {acme, other}
    assert asked[acme].lead == moa
    assert asked[other].last_day == day
    assert MandateConsent.objects.filter(side="firm").count() == 2
    assert asked[acme].items.count() == 2  # operate includes read


def test_each_wrong_row_is_named_nothing_is_saved_and_the_file_comes_back(
    acme: Company,
    other: Company,
    byra: Company,
    service: Service,
    since: datetime,
    desk: Client,
) -> None:
    ask_for(terms_of(acme, byra, now=since), {service: READ}, acting=owner_of(byra), now=since)
    rows = [
        "Org.nr;E-post;Från;Till och med",
        "556016-0681;;;",
        "559000-0013;;;",
        "556016-0680;;;",
        "556703-7485;;2030-01-01;2029-01-01",
        "556703-7485;nobody@exempel.se;;",
        "556703-7485;;31/1;",
    ]
    sent = fill(file=csv("\n".join(rows)))

    answer = desk.post(ask(byra), sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert Mandate.objects.count() == 1
    for says in (
        "Organisationsnumret är inte giltigt",
        "Inget företag med det numret",
        "Det finns redan en fullmakt",
        "är inget datum",
        "Samma som på rad 5",
    ):
        assert says in page
    refused = desk.post(ask(byra, "send/"), read_hidden(page))
    assert (refused.status_code, Mandate.objects.count()) == (422, 1)
    back = desk.post(ask(byra, "faults/"), read_hidden(page)).content.decode().splitlines()
    assert back[0].endswith(";Vad som är fel")
    assert back[1].startswith("556016-0681;;;;Organisationsnumret")
    assert len(back) == 7


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"Namn;Ort\nA;B\n", "Namn, Ort"),
        (b"Org.nr\n", "Det finns inga rader"),
        (b"PK\x03\x04broken", "kan inte läsas som en tabell"),
        (b"", "namnge kolumnerna"),
    ],
)
def test_wrong_columns_or_coding_are_told_beside_the_file(
    byra: Company, service: Service, desk: Client, raw: bytes, says: str
) -> None:
    answer = desk.post(ask(byra), fill(file=SimpleUploadedFile("x.csv", raw)))

    assert answer.status_code == 422
    if raw:
        assert says in answer.content.decode()


def test_what_is_changed_after_reading_is_not_sent(
    acme: Company, byra: Company, service: Service, desk: Client
) -> None:
    page = desk.post(ask(byra), fill(file=csv("Org.nr\n5560160680\n"))).content.decode()

    answer = desk.post(ask(byra, "send/"), read_hidden(page) | {"level_bokforing": "sign"})

    assert answer.status_code == 422
    assert not Mandate.objects.exists()


def test_people_are_assigned_by_a_workbook_or_nobody_is(
    acme: Company,
    other: Company,
    byra: Company,
    service: Service,
    moa: Membership,
    since: datetime,
    desk: Client,
) -> None:
    entitle(acme, service)
    make_mandate(acme, byra, {service: [Package.SIGN]}, now=since)
    head = ["Org.nr", "E-post"]
    book = write_workbook("k", [head, ["556016-0680", "MOA@exempel.se"], ["556703-7485", ""]])
    sent = {"file": SimpleUploadedFile("k.xlsx", book), "level": "operate"}
    page = desk.post(assign(byra), sent).content.decode()
    assert "ingen fullmakt i kraft för klienten" in page
    back = desk.post(assign(byra, "faults/"), read_hidden(page))
    assert back.content.startswith(b"PK")
    assert desk.post(assign(byra, "do/"), read_hidden(page)).status_code == 422
    assert not Assignment.objects.exists()

    make_mandate(other, byra, {service: READ}, now=since)
    right = write_workbook(
        "k", [head, *([n, "moa@exempel.se"] for n in ("5560160680", "5567037485"))]
    )
    sent = {"file": SimpleUploadedFile("k.xlsx", right), "level": "operate"}
    page = desk.post(assign(byra), sent).content.decode()
    desk.post(assign(byra, "do/"), read_hidden(page))

    made = {each.mandate.client: each for each in Assignment.objects.with_names()}
    assert made.keys() == {acme, other}
    assert {i.item.package for i in made[acme].items.all()} == {"read", "operate"}
    assert {i.item.package for i in made[other].items.all()} == {"read"}


def test_ticked_clients_get_one_person(
    acme: Company,
    byra: Company,
    service: Service,
    moa: Membership,
    since: datetime,
    desk: Client,
) -> None:
    make_mandate(acme, byra, {service: READ}, now=since)
    assert 'name="client"' in desk.get(f"/c/{byra.pk}/clients/").content.decode()

    page = desk.post(assign(byra), {"client": ["5560160680"], "email": "moa@exempel.se"})
    desk.post(assign(byra, "do/"), read_hidden(page.content.decode()))

    assert Assignment.objects.get().user == moa.user


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"email": "moa@exempel.se"}, "Markera minst en klient."),
        ({"client": ["5560160680"], "email": ""}, "Fyll i det här fältet."),
        ({"client": ["5560160680"], "email": "moa"}, "Skriv en giltig e-postadress."),
    ],
)
def test_what_is_missing_is_told_on_the_list_which_keeps_the_rest(
    acme: Company,
    byra: Company,
    service: Service,
    since: datetime,
    desk: Client,
    sent: dict[str, Any],
    says: str,
) -> None:
    make_mandate(acme, byra, {service: READ}, now=since)
    url = f"{assign(byra)}?q=acme&people=nobody"

    answer = desk.post(url, {"of_ticked": "1", **sent}, follow=True)

    assert answer.redirect_chain == [(f"/c/{byra.pk}/clients/?q=acme&people=nobody", 307)]
    assert answer.status_code == 422
    page = answer.content.decode()
    assert says in page
    assert ('value="5560160680" checked>' in page) == ("client" in sent)
    assert f'value="{sent["email"]}"' in page or not sent["email"]


def test_ticks_and_the_colleague_are_kept_on_the_way_back_from_the_preview(
    acme: Company, byra: Company, service: Service, since: datetime, desk: Client
) -> None:
    make_mandate(acme, byra, {service: READ}, now=since)
    ticked = {"client": ["5560160680"], "email": "nobody@exempel.se"}

    answer = desk.post(f"{assign(byra)}?sort=end", {"of_ticked": "1", **ticked})
    back = desk.post(answer.context["list_url"], ticked)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "ändra vilka klienter som är markerade" in page
    assert "filen" not in page
    assert answer.context["list_url"] == f"/c/{byra.pk}/clients/?sort=end"
    assert back.status_code == 200
    assert 'value="5560160680" checked>' in back.content.decode()
    assert 'value="nobody@exempel.se"' in back.content.decode()


def test_missing_file_is_asked_for(desk: Client, byra: Company) -> None:
    answer = desk.post(assign(byra), {"text": "", "email": ""})

    assert answer.status_code == 422
    assert "Välj en fil." in answer.content.decode()


def test_lead_assigns_in_bulk_for_own_clients_only(
    acme: Company,
    byra: Company,
    service: Service,
    moa: Membership,
    since: datetime,
    sign_in: SignIn,
) -> None:
    leif = join_company(byra, make_user(email="leif@exempel.se"), Role.ENGAGEMENT_LEAD)
    make_mandate(acme, byra, {service: READ}, now=since)
    desk = sign_in(leif.user)

    answer = desk.post(assign(byra), {"client": ["5560160680"], "email": "moa@exempel.se"})

    assert answer.status_code == 422
    assert not Assignment.objects.exists()
