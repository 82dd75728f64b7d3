"""The company register: it is asked, it fills what is empty, and it never overwrites."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Role
from companies.protocol import RegisterEntry, RegisterSilentError, ask_registers, look_up
from companies.protocol.nordic import Bolagsverket, ask_brreg, read_bolagsverket
from tests.factories.accounts import make_user
from tests.factories.companies import join_company

SignIn = Callable[[User], Client]
FACTS = {
    "version": "1", "name": "Acme AB", "vat_number": "", "street": "", "postcode": "", "city": "",
    "language": "sv",
}  # fmt: skip
ACME = {
    "name": "Acme Aktiebolag",
    "street": "Box 1",
    "postcode": "111 22",
    "city": "Stockholm",
    "status": "ending",
}


@pytest.fixture
def register(tmp_path: Path, settings: Any, acme: Company) -> Path:
    """A register that knows one company, and two more that nobody registered here."""
    file = tmp_path / "register.json"
    known = {
        acme.org_number: ACME,
        "5567037485": {**ACME, "name": "Nya AB", "status": "active"},
    }
    file.write_text(json.dumps({"SE": known}), encoding="utf-8")
    settings.COMPANY_REGISTER = "companies.protocol.ask_offline"
    settings.COMPANY_REGISTER_FILE = file
    return file


def ask(client: Client, company: Company, **typed: Any) -> Any:
    return client.post(f"/c/{company.pk}/company/edit/register/", {**FACTS, **typed})


@pytest.mark.usefixtures("register")
def test_what_is_empty_is_filled_and_the_rest_is_shown(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    page = ask(sign_in(alice), acme, name="Acme Handel AB", vat_number="SE1")

    form = page.context["form"]
    assert form["name"].value() == "Acme Handel AB"
    assert form["vat_number"].value() == "SE1"
    assert [form[name].value() for name in ("street", "postcode", "city")] == [
        "Box 1", "111 22", "Stockholm",
    ]  # fmt: skip
    [difference] = page.context["reply"].differences
    assert (difference.typed, difference.registered) == ("Acme Handel AB", "Acme Aktiebolag")
    assert not form.errors
    acme.refresh_from_db()
    assert (acme.name, acme.street, acme.version) == ("Acme AB", "", 1)


@pytest.mark.usefixtures("register")
def test_half_an_address_is_not_completed(sign_in: SignIn, alice: User, acme: Company) -> None:
    page = ask(sign_in(alice), acme, name="ACME AKTIEBOLAG", street="Gatan 2")

    assert page.context["form"]["city"].value() == ""
    [difference] = page.context["reply"].differences
    assert difference.registered == "Box 1, 111 22, Stockholm"


@pytest.mark.usefixtures("register")
def test_what_is_ticked_is_taken_into_the_form(sign_in: SignIn, alice: User, acme: Company) -> None:
    page = ask(sign_in(alice), acme, street="Gatan 2", take=["address"])

    form = page.context["form"]
    assert form["street"].value() == "Box 1"
    assert form["name"].value() == "Acme AB"
    assert [each.part for each in page.context["reply"].differences] == ["name"]


@pytest.mark.usefixtures("register")
def test_status_is_kept_and_logged_once(sign_in: SignIn, alice: User, acme: Company) -> None:
    client = sign_in(alice)
    ask(client, acme)
    ask(client, acme)

    acme.refresh_from_db()
    assert acme.register_status == Company.RegisterStatus.ENDING
    assert acme.register_checked_at is not None
    event = Event.objects.get(action="company.register_asked")
    assert event.data == {"before": "", "after": "ending"}
    details = client.get(f"/c/{acme.pk}/company/").content.decode()
    assert "likvidation" in details
    assert "likvidation" in client.get(f"/c/{acme.pk}/company/history/").content.decode()


@pytest.mark.parametrize("content", ["", "[]", '{"SE": {"5560160680": {"name": "x"}}}', "{"])
def test_silent_register_says_so_and_loses_nothing(
    sign_in: SignIn, alice: User, acme: Company, register: Path, content: str
) -> None:
    register.write_text(content, encoding="utf-8")

    page = ask(sign_in(alice), acme, name="Skrivet AB")

    assert page.status_code == 200
    assert "svarar inte" in page.content.decode()
    assert page.context["form"]["name"].value() == "Skrivet AB"
    acme.refresh_from_db()
    assert acme.register_status == ""


def test_number_that_the_register_does_not_know_is_told(
    sign_in: SignIn, alice: User, acme: Company, register: Path
) -> None:
    register.write_text("{}", encoding="utf-8")

    page = ask(sign_in(alice), acme)

    assert "känner inte till" in page.content.decode()


@pytest.mark.usefixtures("register")
def test_register_is_not_asked_all_the_time(sign_in: SignIn, alice: User, acme: Company) -> None:
    client = sign_in(alice)
    for _each in range(10):
        assert not ask(client, acme).context["reply"].fault

    page = ask(client, acme, name="Skrivet AB")

    assert page.context["reply"].fault
    assert page.context["form"]["name"].value() == "Skrivet AB"


def test_without_a_register_nobody_is_asked_to_ask(
    sign_in: SignIn, alice: User, acme: Company, settings: Any
) -> None:
    settings.COMPANY_REGISTER = ""

    page = sign_in(alice).get(f"/c/{acme.pk}/company/edit/")

    assert "ask-register" not in page.content.decode()
    assert ask(sign_in(alice), acme).context["reply"].fault


@pytest.mark.usefixtures("register")
def test_who_may_not_change_the_company_may_not_ask(sign_in: SignIn, acme: Company) -> None:
    manager = make_user(email="frida@exempel.se")
    join_company(acme, manager, Role.BILLING)

    assert ask(sign_in(manager), acme).status_code == 403


def test_status_stands_with_an_instant(acme: Company) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Company.objects.filter(pk=acme.pk).update(register_status="active")
    with pytest.raises(IntegrityError), transaction.atomic():
        Company.objects.filter(pk=acme.pk).update(
            register_status="gone", register_checked_at=timezone.now()
        )


@pytest.mark.usefixtures("register")
def test_staff_fill_a_new_company_from_the_register(
    sign_in_staff: Callable[..., Client], staff: User
) -> None:
    staff.is_superuser = True
    staff.save()
    office = sign_in_staff()
    typed = {
        "country": "SE", "org_number": "556703-7485", "name": "", "language": "sv",
        "email": "ny@exempel.se", "full_name": "Nya Ägaren", "street": "Gatan 2",
    }  # fmt: skip

    page = office.post("/admin/companies/company/add/register/", typed)

    form = page.context["form"]
    assert (form["name"].value(), form["street"].value()) == ("Nya AB", "Gatan 2")
    assert form["email"].value() == "ny@exempel.se"
    assert [each.part for each in page.context["reply"].differences] == ["address"]
    assert not Company.objects.filter(name="Nya AB").exists()
    office.post(
        "/admin/companies/company/add/", {**typed, "name": "Nya AB", "street": "Box 1",
                                          "postcode": "11122", "city": "Stockholm"}
    )  # fmt: skip
    company = Company.objects.get(name="Nya AB")
    assert (company.register_status, company.postcode) == ("active", "111 22")


@pytest.mark.usefixtures("register")
def test_staff_are_told_of_a_number_that_cannot_be(
    sign_in_staff: Callable[..., Client], staff: User
) -> None:
    staff.is_superuser = True
    staff.save()

    page = sign_in_staff().post(
        "/admin/companies/company/add/register/",
        {"country": "SE", "org_number": "556703-7486", "name": "Skrivet AB"},
    )

    assert page.context["reply"].fault
    assert page.context["form"]["name"].value() == "Skrivet AB"


@pytest.mark.usefixtures("register")
def test_answer_is_remembered_for_a_while(acme: Company, register: Path) -> None:
    assert look_up("SE", acme.org_number) is not None

    register.write_text("{", encoding="utf-8")

    assert look_up("SE", acme.org_number) is not None


# --- The registers of the authorities, in their own words ----------------------------------------

SWEDISH: dict[str, Any] = {
    "organisationer": [
        {
            "organisationsidentitet": {"identitetsbeteckning": "5560160680"},
            "organisationsnamn": {
                "dataproducent": "Bolagsverket",
                "organisationsnamnLista": [
                    {
                        "namn": "Acme  Aktiebolag",
                        "organisationsnamntyp": {"kod": "FORETAGSNAMN"},
                        "registreringsdatum": "1980-01-01",
                    }
                ],
            },
            "avregistreradOrganisation": None,
            "pagaendeAvvecklingsEllerOmstruktureringsforfarande": None,
            "postadressOrganisation": {
                "dataproducent": "SCB",
                "postadress": {
                    "coAdress": None,
                    "land": None,
                    "postnummer": "11122",
                    "postort": "STOCKHOLM",
                    "utdelningsadress": "BOX 1",
                },
            },
        }
    ]
}
NORWEGIAN = {
    "organisasjonsnummer": "974760673",
    "navn": "REGISTERENHETEN",
    "forretningsadresse": {
        "adresse": ["Havnegata 48"], "postnummer": "8900", "poststed": "BRØNNØYSUND",
    },
    "konkurs": False,
    "underAvvikling": True,
}  # fmt: skip


class Authority(ThreadingHTTPServer):
    """Answers as an authority does, for real, on a free port of this machine."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = json.dumps(SWEDISH)
        self.calls: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}"

    def as_bolagsverket(self) -> Bolagsverket:
        return Bolagsverket(self.url, f"{self.url}/token", "vop", "hemlig:t", inside=["localhost"])


class _Handler(BaseHTTPRequestHandler):
    server: Authority

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.calls.append((self.path, self.headers["Authorization"], sent))
        if self.path == "/token":
            self._answer(200, json.dumps({"access_token": "abc", "expires_in": 3600}))
        else:
            self._answer(self.server.status, self.server.body)

    def do_GET(self) -> None:
        self.server.calls.append((self.path, "", ""))
        self._answer(self.server.status, self.server.body)

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Say nothing."""


@contextmanager
def open_authority() -> Iterator[Authority]:
    server = Authority()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_bolagsverket_is_asked_with_a_token_of_its_own() -> None:
    with open_authority() as authority:
        entry = authority.as_bolagsverket().look_up("5560160680")

        assert entry == RegisterEntry(
            "Acme Aktiebolag", "BOX 1", "111 22", "STOCKHOLM", Company.RegisterStatus.ACTIVE
        )
        [token, question] = authority.calls
    assert token[1] == "Basic dm9wOmhlbWxpZyUzQXQ="  # "vop:hemlig%3At"
    assert "scope=vardefulla-datamangder%3Aread" in token[2]
    assert question == (
        "/organisationer", "Bearer abc", '{"identitetsbeteckning": "5560160680"}',
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, "{}"), (401, "{}"), (200, "<html>"), (200, "x" * 70_000), (302, "")],
)
def test_bolagsverket_that_stumbles_is_silent(status: int, body: str) -> None:
    with open_authority() as authority:
        authority.status, authority.body = status, body
        with pytest.raises(RegisterSilentError):
            authority.as_bolagsverket().look_up("5560160680")


def test_number_unknown_to_bolagsverket_is_no_fault() -> None:
    with open_authority() as authority:
        authority.status = 404
        assert authority.as_bolagsverket().look_up("5560160680") is None
    assert read_bolagsverket({"organisationer": []}) is None
    missing = {"organisationsnamn": {"fel": {"typ": "ORGANISATION_FINNS_EJ"}}}
    assert read_bolagsverket({"organisationer": [missing]}) is None


def test_bolagsverket_tells_of_endings() -> None:
    [company] = SWEDISH["organisationer"]
    name = "pagaendeAvvecklingsEllerOmstruktureringsforfarande"
    ending = {**company, name: {f"{name}Lista": [{"kod": "KK", "klartext": "Konkurs inledd"}]}}
    gone = {**ending, "avregistreradOrganisation": {"avregistreringsdatum": "2025-01-01"}}

    found = [read_bolagsverket({"organisationer": [each]}) for each in (ending, gone)]

    assert [entry and entry.status for entry in found] == ["ending", "deregistered"]


def test_bolagsverket_without_a_name_has_not_answered() -> None:
    with pytest.raises(RegisterSilentError):
        read_bolagsverket({"organisationer": [{"organisationsnamn": {"fel": {"typ": "TIMEOUT"}}}]})


def test_norwegian_register_is_read() -> None:
    with open_authority() as authority:
        authority.body = json.dumps(NORWEGIAN)
        entry = ask_brreg("974760673", url=authority.url, inside=["localhost"])
        assert authority.calls[0][0] == "/enheter/974760673"
        authority.status = 404
        unknown = ask_brreg("974760673", url=authority.url, inside=["localhost"])

    assert entry == RegisterEntry(
        "REGISTERENHETEN", "Havnegata 48", "8900", "BRØNNØYSUND", Company.RegisterStatus.ENDING
    )
    assert unknown is None


def test_register_of_ones_own_network_is_not_called() -> None:
    with open_authority() as authority, pytest.raises(RegisterSilentError):
        ask_brreg("974760673", url=authority.url)


@pytest.mark.parametrize("country", ["DK", "FI", "SE"])
def test_country_without_a_register_is_told_so(country: str) -> None:
    """Sweden's has none either until we are its client."""
    with pytest.raises(RegisterSilentError):
        ask_registers(country, "5560160680")


def test_status_is_asked_again_after_a_while(
    sign_in: SignIn, alice: User, acme: Company, register: Path
) -> None:
    assert register.exists()
    client = sign_in(alice)
    ask(client, acme)
    Company.objects.filter(pk=acme.pk).update(
        register_checked_at=timezone.now() - timedelta(minutes=11)
    )

    ask(client, acme)

    assert Event.objects.filter(action="company.register_asked").count() == 2


def test_slow_register_takes_one_thread_of_a_process(settings: Any) -> None:
    settings.COMPANY_REGISTER = f"{__name__}.ask_slowly"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(look_up, "SE", "5560160680")
        asked.wait(5)
        with pytest.raises(RegisterSilentError):
            look_up("SE", "5560160681")
        assert not waiting.done()
        may_answer.set()
        assert waiting.result() == LATE
        assert look_up("SE", "5560160681") == LATE


LATE = RegisterEntry(name="Sen AB", street="", postcode="", city="", status="")
asked, may_answer = threading.Event(), threading.Event()


def ask_slowly(country: str, org_number: str) -> RegisterEntry:
    asked.set()
    may_answer.wait(5)
    return LATE
