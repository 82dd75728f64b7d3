"""Staff import companies and members: shown first, then wholly done, or not at all."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from auditlog.models import Event, EventAudience
from companies.models import Company, Membership, Role
from companies.operations import RowsRefusedError, import_companies, read_import
from tests.companies.pages import deliver
from tests.concurrency import at_once
from tests.factories.companies import SYSTEM
from vop.lib.clock import local_midnight
from vop.lib.tables import parse_table, read_table, write_workbook

IMPORT = "/admin/companies/company/import/"
HEADING = "Org.nr;Företag;E-post;Namn;Roller;Från;Till och med"
TABLE = f"""{HEADING}
556703-7485;Nya AB;agda@exempel.se;Agda Ägare;Huvudadministratör, Fakturaansvarig;;
556703-7485;;bo@exempel.se;Bo Öst;;;2199-12-31
5560160680;Acme AB;agda@exempel.se;;Revisor;;
"""


@pytest.fixture
def office(sign_in_staff: Callable[..., Client], staff: User) -> Client:
    staff.is_superuser = True
    staff.save()
    return sign_in_staff()


def upload(content: bytes | str, name: str = "import.csv") -> SimpleUploadedFile:
    raw = content.encode() if isinstance(content, str) else content
    return SimpleUploadedFile(name, raw)


def faults_of(answer: Any) -> dict[int, str]:
    return {shown["row"].line: shown["fault"] for shown in answer.context["rows"] if shown["fault"]}


def rows_of(text: str) -> Any:
    return read_import(parse_table(text)).rows


def test_file_is_shown_and_then_imported(office: Client, staff: User, acme: Company) -> None:
    assert office.get(IMPORT).status_code == 200
    shown = office.post(IMPORT, {"file": upload(TABLE)})
    assert shown.status_code == 200
    report = shown.context["report"]
    assert (report.companies, report.people, report.members) == (1, 2, 3)
    assert Company.objects.count() == 1

    answer = office.post(f"{IMPORT}run/", {"text": shown.context["text"]})

    assert answer["Location"] == "/admin/companies/company/"
    new = Company.objects.get(org_number="5567037485")
    assert (new.name, new.main_contact.user.email) == ("Nya AB", "agda@exempel.se")
    roles = dict(Membership.objects.filter(company=new).values_list("user__email", "role_grants"))
    assert set(roles) == {"agda@exempel.se", "bo@exempel.se"}
    owner = Membership.objects.get(company=new, user__email="agda@exempel.se")
    assert owner.roles_at(owner.valid_from) == {Role.OWNER, Role.BILLING}
    bo = Membership.objects.get(company=new, user__email="bo@exempel.se")
    assert bo.valid_until == local_midnight(date(2200, 1, 1))
    auditor = Membership.objects.get(company=acme, user__email="agda@exempel.se")
    assert auditor.role_grants.get().valid_until is not None
    mails = [*deliver(), *deliver()]  # the job that writes them, then theirs
    assert {mail.to[0] for mail in mails} == {"agda@exempel.se", "bo@exempel.se"}


def test_log_tells_of_each_company_and_member(acme: Company, alice: User) -> None:
    import_companies(rows=rows_of(TABLE), actor=SYSTEM, now=datetime.now(UTC))

    new = Company.objects.get(org_number="5567037485")
    seen = EventAudience.objects.filter(company_id=new.pk).values_list("event__action", flat=True)
    assert sorted(seen) == [
        "company.registered", "member.added", "member.added",
        "member.role_granted", "member.role_granted", "member.role_granted",
    ]  # fmt: skip
    run = Event.objects.get(action="import.run")
    assert run.data == {"companies": 1, "people": 2, "members": 3}
    assert not EventAudience.objects.filter(event=run).exists()


def test_workbook_is_read_and_comes_back_as_one(office: Client, acme: Company) -> None:
    rows = [["Orgnr", "Company", "E-mail"], ["5560160681", "Acme AB", "x@exempel.se"]]
    book = upload(write_workbook("Blad", rows), "import.xlsx")

    shown = office.post(IMPORT, {"file": book})
    assert shown.status_code == 422
    assert set(faults_of(shown)) == {2}
    assert shown.context["is_workbook"]
    answer = office.post(f"{IMPORT}faults/", {"text": shown.context["text"], "is_workbook": "on"})

    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    heading, row = sheet.iter_rows(values_only=True)
    assert heading[:3] == tuple(rows[0])
    assert row[:3] == tuple(rows[1])
    assert row[3] == faults_of(shown)[2]


def test_number_and_date_cells_are_read(db: None) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Orgnr", "Company", "E-mail", "Roles", "Until"])
    sheet.append([5567037485.0, "Nya AB", "a@exempel.se", "owner", None])
    sheet.append([5567037485, "Nya AB", "b@exempel.se", None, datetime(2199, 1, 31)])  # noqa: DTZ001
    raw = io.BytesIO()
    book.save(raw)

    first, second = read_import(read_table(raw.getvalue())).rows
    assert (first.org_number, first.unread) == ("5567037485", ())
    assert str(second.last_day) == "2199-01-31"


def test_each_wrong_row_is_named_and_nothing_is_imported(
    office: Client, acme: Company, bob: User
) -> None:
    shut_out = User.objects.create_user("borta@exempel.se", is_active=False)
    text = f"""{HEADING}
5560160681;Acme AB;a@exempel.se;;;;
5560160680;;bob@exempel.se;Bob;;;
5560160680;;c@exempel.se;;;2199-02-01;2199-01-31
5560160680;;c@exempel.se;;;;
5560160680;Annan AB;d@exempel.se;;;;
5560160680;;inte en adress;;;;
5560160680;;e@exempel.se;;kung;;
5560160680;;f@exempel.se;;client_admin;;
5560160680;;g@exempel.se;;;31/1-27;
5560160680;;h@exempel.se;;;2020-01-01;
5560160680;;{shut_out.email};;;;
556703-7485;;i@exempel.se;;;;
5560160680;;ok@exempel.se;;;;
"""

    for page in (IMPORT, f"{IMPORT}run/"):
        answer = office.post(page, {"text": text})
        assert answer.status_code == 422
        faults = faults_of(answer)
        assert set(faults) == {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
        assert "Acme AB" in faults[6]
        assert "kung" in faults[8]
        assert faults[13].count(".") >= 2  # neither a name nor an owner
    assert Company.objects.count() == 1
    assert not User.objects.filter(email="ok@exempel.se").exists()


def test_csv_comes_back_with_the_faults_in_a_column(
    office: Client, acme: Company, bob: User
) -> None:
    text = f"{HEADING}\n5560160680;=1+1;bob@exempel.se;Bob;;;\n5560160680;;ny@exempel.se;;;;\n"

    answer = office.post(f"{IMPORT}faults/", {"text": text})

    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0][:7] == HEADING.split(";")
    assert rows[1][1] == "'=1+1"
    assert [bool(row[7]) for row in rows] == [True, True, False]


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADING,
        "Org.nr;Företag\n5567037485;Nya AB",
        "E-post\na@exempel.se",
        f"{HEADING};Lön\n5567037485;Nya AB;a@exempel.se;;;;;1",
        "Org.nr;E-post;E-post\n5567037485;a@exempel.se;b@exempel.se",
        b"PK\x03\x04 this is no workbook",
        b"Org.nr;E-post\n\0",
        b"x" * (1024 * 1024 + 1),
        HEADING + "\n5567037485;;a@exempel.se;;;;" * 5001,
    ],
)
def test_file_of_wrong_columns_coding_or_size_is_refused(
    office: Client, content: str | bytes
) -> None:
    for page in ("", "run/", "faults/"):
        answer = office.post(f"{IMPORT}{page}", {"file": upload(content)})
        assert answer.status_code == 422
        assert answer.context["form"].errors
    assert not Company.objects.exists()


def test_import_takes_the_right_to_register(
    sign_in_staff: Callable[..., Client], staff: User, acme: Company
) -> None:
    client = sign_in_staff()

    assert client.get(IMPORT).status_code == 403
    for page in (IMPORT, f"{IMPORT}run/", f"{IMPORT}faults/"):
        assert client.post(page, {"text": TABLE}).status_code == 403
    assert Company.objects.count() == 1


def test_import_twice_is_refused_the_second_time(acme: Company) -> None:
    import_companies(rows=rows_of(TABLE), actor=SYSTEM, now=datetime.now(UTC))

    with pytest.raises(RowsRefusedError):
        import_companies(rows=rows_of(TABLE), actor=SYSTEM, now=datetime.now(UTC))


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_everything_once(acme: Company) -> None:
    now = datetime.now(UTC)
    rows = rows_of(TABLE)

    outcomes = at_once(
        *[lambda: import_companies(rows=rows, actor=SYSTEM, now=now) for _number in range(2)]
    )

    assert outcomes[1] == "done"
    assert outcomes[0] in {"ImportOvertakenError", "RowsRefusedError"}
    assert Membership.objects.filter(user__email="agda@exempel.se").count() == 2
    assert User.objects.filter(email="bo@exempel.se").count() == 1


def make_numbers(count: int) -> list[str]:
    """Organisation numbers of legal persons that Luhn's rule lets pass."""
    numbers = []
    for number in range(count):
        digits = f"55{7000000 + number}"
        doubled = [int(d) * (2 - i % 2) for i, d in enumerate(digits)]
        total = sum(d // 10 + d % 10 for d in doubled)
        numbers.append(f"{digits}{-total % 10}")
    return numbers


@pytest.mark.django_db
def test_thousand_rows_take_few_queries() -> None:
    lines = [HEADING]
    for place, number in enumerate(make_numbers(500)):
        lines.append(f"{number};Bolag {place};agare{place}@exempel.se;;owner;;")
        lines.append(f"{number};;nils{place}@exempel.se;;;;")
    rows = rows_of("\n".join(lines))

    with CaptureQueriesContext(connection) as queries:
        report = import_companies(rows=rows, actor=SYSTEM, now=datetime.now(UTC))

    assert (report.companies, report.people, report.members) == (500, 1000, 1000)
    # SQLite takes at most 999 values in a statement, and so makes parts of each insert.
    assert len(queries) < (60 if connection.vendor == "postgresql" else 300)


def test_wrong_row_is_shown_as_it_was_written(office: Client, acme: Company) -> None:
    shown = office.post(
        IMPORT, {"file": upload("Org number;E-mail;Roles\n123-45;a@exempel.se;kung\n")}
    )

    page = shown.content.decode()
    assert "<td>123-45</td>" in page
    assert "kung" in page


def test_form_without_a_file_says_so(office: Client) -> None:
    answer = office.post(IMPORT, {})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["file"]
