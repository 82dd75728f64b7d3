"""The pages of statistics, through HTTP."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.events import SignInEvent
from accounts.models import User
from companies.models import Company
from tests.stats.test_queries import write
from vop.lib.clock import local_date

SignIn = Callable[[User], Client]

# A Tuesday, 09:15 in Stockholm.
AT = datetime(2026, 3, 10, 8, 15, tzinfo=UTC)
MARCH = {"first": "2026-03-01", "last": "2026-03-31"}


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_company_sees_its_own_sign_ins(
    acme: Company, other: Company, alice: User, sign_in: SignIn
) -> None:
    write(AT, acme)
    write(AT, acme, other)
    write(AT, other)

    response = sign_in(alice).get(reverse("stats:company", args=[acme.pk]), MARCH)

    assert response.status_code == 200
    assert response.context["hours"].cells == {(2, 9): 2}
    assert '<td data-level="5"><span>2</span></td>' in response.content.decode()


def test_page_shows_the_last_four_weeks_unless_asked(
    acme: Company, alice: User, sign_in: SignIn
) -> None:
    today = local_date(timezone.now())

    response = sign_in(alice).get(reverse("stats:company", args=[acme.pk]))

    period = response.context["period"]
    assert (period.first, period.last) == (today - timedelta(days=27), today)
    assert [
        number for number, _period, is_current in response.context["choices"] if is_current
    ] == [28]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"first": "2026-03-31", "last": "2026-03-01"}, "last"),
        ({"first": "i går", "last": "2026-03-01"}, "first"),
        ({"first": "2020-01-01", "last": "2026-03-01"}, "first"),
        ({"first": "", "last": "2026-03-01"}, "first"),
    ],
)
def test_impossible_period_is_refused_beside_the_field(
    acme: Company, alice: User, sign_in: SignIn, query: dict[str, str], field: str
) -> None:
    response = sign_in(alice).get(reverse("stats:company", args=[acme.pk]), query)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert response.context["form"]["first"].value() == query["first"]


def test_files_hold_the_numbers_of_the_page(acme: Company, alice: User, sign_in: SignIn) -> None:
    write(AT, acme)
    client = sign_in(alice)
    page = client.get(reverse("stats:company", args=[acme.pk]), MARCH)

    hours = client.get(page.context["hours_file"])
    days = client.get(page.context["days_file"])

    assert parse_qs(urlsplit(page.context["hours_file"]).query)["first"] == ["2026-03-01"]
    assert hours.headers["Content-Disposition"].endswith('"sign-ins-by-hour.csv"')
    rows = read(hours.content)[1:]
    assert len(rows) == 7 * 24
    assert [row for row in rows if row[2] != "0"] == [["2", "9", "1"]]
    assert [row for row in read(days.content)[1:] if row[1] != "0"] == [["2026-03-10", "1"]]
    assert len(read(days.content)) == 1 + 31


def test_staff_see_all_and_what_failed(
    acme: Company, other: Company, sign_in_staff: Callable[..., Client]
) -> None:
    write(AT, acme)
    write(AT, other)
    write(AT, event=SignInEvent.FAILED)
    client = sign_in_staff()

    response = client.get(reverse("stats:staff"), MARCH)

    assert response.status_code == 200
    assert response.context["hours"].cells == {(2, 9): 2}
    assert response.context["failed"] == 1
    days = read(client.get(response.context["days_file"]).content)
    assert [row for row in days[1:] if row[1] != "0"] == [["2026-03-10", "2", "1"]]
    hours = read(client.get(response.context["hours_file"]).content)
    assert [row for row in hours[1:] if row[2] != "0"] == [["2", "9", "2"]]


def test_staff_page_is_shut_to_customers(acme: Company, alice: User, sign_in: SignIn) -> None:
    response = sign_in(alice).get(reverse("stats:staff"))

    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("admin:login"))


def test_page_asks_a_few_questions_however_long_the_log(
    acme: Company,
    alice: User,
    sign_in: SignIn,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for minutes in range(60):
        write(AT + timedelta(minutes=minutes * 97), acme)
    client = sign_in(alice)

    with django_assert_max_num_queries(10):
        client.get(reverse("stats:company", args=[acme.pk]), MARCH)
