"""The list of members as a file."""

import csv
import io
from collections.abc import Callable
from typing import Any

import openpyxl
from django.test import Client

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Role
from tests.factories.accounts import make_user
from tests.factories.companies import join_company

SignIn = Callable[[User], Client]


def test_both_files_hold_the_list_and_leave_a_trace(
    sign_in: SignIn, alice: User, acme: Company, bob: User
) -> None:
    join_company(acme, make_user(email="eve@exempel.se", full_name="=1+1"), Role.BILLING)
    client = sign_in(alice)

    text = client.post(f"/c/{acme.pk}/members/export/csv/").content.decode("utf-8-sig")
    book = client.post(f"/c/{acme.pk}/members/export/xlsx/").content
    lines = list(csv.reader(io.StringIO(text), delimiter=";"))
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active

    assert [line[1] for line in lines[1:]] == [
        "eve@exempel.se",
        "alice@exempel.se",
        "bob@exempel.se",
    ]
    assert lines[1][0] == "'=1+1"
    assert [sheet.cell(2, 1).value, sheet.cell(2, 1).data_type] == ["=1+1", "s"]
    assert [row[1].value for row in list(sheet.rows)[1:]] == [line[1] for line in lines[1:]]
    kinds = Event.objects.filter(action="member.exported").order_by("pk")
    assert [event.data["kind"] for event in kinds] == ["csv", "xlsx"]


def test_search_narrows_the_file(sign_in: SignIn, alice: User, acme: Company, bob: User) -> None:
    answer = sign_in(alice).post(f"/c/{acme.pk}/members/export/csv/?q=bob")

    assert b"bob@exempel.se" in answer.content
    assert b"alice@exempel.se" not in answer.content


def test_file_of_a_large_company_asks_little(
    sign_in: SignIn, alice: User, acme: Company, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        join_company(acme, make_user(email=f"p{number}@exempel.se"), Role.MEMBER)
    client = sign_in(alice)

    with django_assert_max_num_queries(15):
        answer = client.post(f"/c/{acme.pk}/members/export/csv/")

    assert answer.content.count(b"\r\n") == 42
