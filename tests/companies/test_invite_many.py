"""Many invitations at once: first what will happen is shown, then it does, wholly or not."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Invitation, Membership, Role
from companies.operations import (
    Draft,
    NotAllowedError,
    RowsRefusedError,
    invite_people,
)
from tests.companies.pages import deliver, invite
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company
from vop.lib.tables import read_table, write_workbook

SignIn = Callable[[User], Client]
PEOPLE = "E-post;Namn;Roller\nasa@exempel.se;Åsa Öberg;Användare, billing\nbo@exempel.se;;\n"


@pytest.fixture
def client_of_alice(sign_in: SignIn, alice: User, acme: Company) -> Client:
    return sign_in(alice)


def ask(client: Client, company: Company, then: str = "", **data: object) -> Any:
    return client.post(f"/c/{company.pk}/members/invite-many/{then}", {"roles": ["member"], **data})


def upload(raw: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("folk.csv", raw, content_type="text/csv")


def drafts_of(answer: Any) -> dict[str, tuple[str, list[str], str]]:
    return {
        row["draft"].email: (row["draft"].full_name, sorted(row["draft"].roles), row["fault"])
        for row in answer.context["rows"]
    }


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("mark", [";", "\t"])
def test_file_is_previewed_before_anything_is_sent(
    client_of_alice: Client, acme: Company, coding: str, mark: str
) -> None:
    raw = PEOPLE.replace(";", mark).encode(coding)

    answer = ask(client_of_alice, acme, file=upload(raw))

    assert answer.status_code == 200
    assert drafts_of(answer) == {
        "asa@exempel.se": ("Åsa Öberg", ["billing", "member"], ""),
        "bo@exempel.se": ("", ["member"], ""),
    }
    assert not Invitation.objects.exists()


def test_list_is_changed_on_the_way_back_from_the_preview(
    client_of_alice: Client, acme: Company
) -> None:
    shown = ask(client_of_alice, acme, file=upload(PEOPLE.encode()))
    assert 'name="change"' in shown.content.decode()

    back = ask(client_of_alice, acme, text=shown.context["text"], change="1")

    assert back.status_code == 200
    assert "asa@exempel.se;Åsa Öberg;Användare, billing" in back.content.decode()
    assert "Något behöver rättas" not in back.content.decode()


def test_what_was_shown_is_sent(client_of_alice: Client, acme: Company) -> None:
    shown = ask(client_of_alice, acme, text=PEOPLE)
    text = shown.context["text"]

    answer = ask(client_of_alice, acme, "send/", text=text)

    assert answer["Location"] == f"/c/{acme.pk}/members/"
    rows = dict(Invitation.objects.values_list("email", "roles"))
    assert rows == {"asa@exempel.se": ["billing", "member"], "bo@exempel.se": ["member"]}
    assert {mail.to[0] for mail in deliver()} == set(rows)
    assert Event.objects.filter(action="person.invited").count() == 2


@pytest.mark.parametrize(
    ("text", "emails"),
    [
        ("a@exempel.se", ["a@exempel.se"]),
        ("A@Exempel.se\n\n b@exempel.se ", ["a@exempel.se", "b@exempel.se"]),
        ("a@exempel.se, b@exempel.se; c@exempel.se", None),
        ("a@exempel.se; b@exempel.se", ["a@exempel.se", "b@exempel.se"]),
        ("Nils Ny <nils@exempel.se>", ["nils@exempel.se"]),
        ("+info@exempel.se;Info", ["+info@exempel.se"]),
    ],
)
def test_addresses_are_pasted_as_they_come(
    client_of_alice: Client, acme: Company, text: str, emails: list[str] | None
) -> None:
    answer = ask(client_of_alice, acme, text=text)

    if emails is None:  # two separators at once: told, not guessed
        assert answer.status_code == 422
        return
    assert answer.status_code == 200
    assert sorted(drafts_of(answer)) == emails
    ask(client_of_alice, acme, "send/", text=answer.context["text"])
    assert sorted(Invitation.objects.values_list("email", flat=True)) == emails


def test_each_wrong_row_is_named_and_nothing_is_sent(
    client_of_alice: Client, acme: Company, bob: User
) -> None:
    invite(acme, email="nils@exempel.se")
    text = (
        "E-post;Namn;Roller\n"
        "ny@exempel.se;Ny;\n"
        "bob@exempel.se;Bob;\n"
        "nils@exempel.se;Nils;\n"
        "inte en adress;;\n"
        "a@exempel.se;;kung\n"
        "b@exempel.se;;client_admin\n"
        "NY@exempel.se;Igen;\n"
        f"c@exempel.se;{'x' * 200};\n"
    )

    for then in ("", "send/"):
        answer = ask(client_of_alice, acme, then, text=text)
        faults = {row["draft"].line: row["fault"] for row in answer.context["rows"]}
        assert answer.status_code == 422
        assert {line for line, fault in faults.items() if fault} == {3, 4, 5, 6, 7, 8, 9}
        assert "kung" in faults[6]
        assert "2" in faults[8]
    assert Invitation.objects.count() == 1


def test_list_comes_back_with_the_faults_in_a_column(
    client_of_alice: Client, acme: Company, bob: User
) -> None:
    text = "E-post;Namn\nny@exempel.se;=1+1\nbob@exempel.se;Bob\n"

    answer = ask(client_of_alice, acme, "faults/", text=text)
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))

    assert rows[0][:2] == ["E-post", "Namn"]
    assert rows[0][2]
    assert rows[1] == ["ny@exempel.se", "'=1+1", ""]
    assert rows[2][:2] == ["bob@exempel.se", "Bob"]
    assert rows[2][2]


def test_workbook_is_read_and_comes_back_as_one(
    client_of_alice: Client, acme: Company, bob: User
) -> None:
    rows = [["Namn", "E-post", "Roller"], ["Ny Person", "ny@exempel.se", ""],
            ["Bob", "bob@exempel.se", "kung"]]  # fmt: skip
    book = upload(write_workbook("Blad", rows))

    shown = ask(client_of_alice, acme, file=book)
    carried = {"text": shown.context["text"], "is_workbook": "on"}
    answer = ask(client_of_alice, acme, "faults/", **carried)

    assert [row["draft"].email for row in shown.context["rows"]] == [
        "bob@exempel.se", "ny@exempel.se",
    ]  # fmt: skip
    assert 'name="is_workbook"' in shown.content.decode()
    assert answer["Content-Disposition"].endswith('.xlsx"')
    sent = read_table(answer.content)
    assert sent[0].cells[:3] == ("Namn", "E-post", "Roller")
    assert sent[1].cells == ("Ny Person", "ny@exempel.se")
    assert sent[2].cells[3]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": "   "},
        {"text": "Förnamn;Efternamn\nÅsa;Öberg"},
        {"text": "Namn\nÅsa"},
        {"text": "E-post;Lön\na@exempel.se;1"},
        {"text": "\n".join(f"p{number}@exempel.se" for number in range(501))},
        {"roles": []},
        {"roles": ["kung"], "text": "a@exempel.se"},
        {"file": b"PK\x03\x04workbook"},
        {"file": b"a@exempel.se\0"},
        {"file": b"x" * (1024 * 1024 + 1)},
    ],
)
def test_wrong_columns_and_files_are_refused(
    client_of_alice: Client, acme: Company, data: dict[str, Any]
) -> None:
    if "file" in data:
        data = {"file": upload(data["file"])}

    for then in ("", "send/", "faults/"):
        answer = ask(client_of_alice, acme, then, **data)
        assert answer.status_code == 422
        assert answer.context["form"].errors
        for file in (data.get("file"),):
            if file:
                file.seek(0)
    assert not Invitation.objects.exists()


def test_administrator_invites_no_owner(sign_in: SignIn, acme: Company) -> None:
    adam = make_user(email="adam@exempel.se")
    join_company(acme, adam, Role.ADMIN)

    answer = ask(sign_in(adam), acme, text="E-post;Roller\na@exempel.se;owner")

    assert answer.status_code == 422


def test_invitation_that_ran_out_makes_room(client_of_alice: Client, acme: Company) -> None:
    Invitation.objects.create(
        company=acme,
        email="a@exempel.se",
        roles=["member"],
        invited_by=acme.main_contact.user,
        created_at=datetime(2025, 1, 2, tzinfo=UTC),
        expires_at=datetime(2025, 1, 16, tzinfo=UTC),
    )

    ask(client_of_alice, acme, "send/", text="a@exempel.se")

    assert Invitation.objects.open().filter(email="a@exempel.se").count() == 1
    assert Invitation.objects.pending(datetime.now(UTC)).exists()


def test_right_is_asked_for_under_the_lock(acme: Company, bob: User) -> None:
    draft = Draft(1, "a@exempel.se", "", frozenset({Role.MEMBER}))

    with pytest.raises(NotAllowedError):
        invite_people(
            company=acme,
            drafts=[draft],
            acting=Membership.objects.get(user=bob),
            actor=SYSTEM,
            now=datetime.now(UTC),
        )


@pytest.mark.django_db
def test_list_sent_twice_invites_once(acme: Company) -> None:
    drafts = [Draft(1, "a@exempel.se", "", frozenset({Role.MEMBER}))]
    facts: dict[str, Any] = {
        "company": acme,
        "drafts": drafts,
        "acting": Membership.objects.get(pk=acme.main_contact_id),
        "actor": SYSTEM,
        "now": datetime.now(UTC),
    }
    invite_people(**facts)

    with pytest.raises(RowsRefusedError):
        invite_people(**facts)

    assert Invitation.objects.count() == 1
