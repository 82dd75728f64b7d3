"""The log as its company reads it, and takes it out."""

import csv
import io
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from accounts.models import User
from accounts.operations import record_sign_in
from accounts.signals import signing_in
from auditlog.actors import Actor
from auditlog.models import Event, EventPersonal
from auditlog.operations import audit
from auditlog.queries import LogFilter, read_log
from companies.events import CompanyEvent, MemberEvent
from companies.models import Company, Role
from companies.rendering import describe_each
from tests.factories.accounts import make_user
from tests.factories.companies import join_company
from vop.lib.db import use_case
from vop.lib.tables import defuse

SignIn = Callable[[User], Client]


def actor_of(user: User) -> Actor:
    return Actor("person", str(user.pk), user.display_name, ip="192.0.2.7", user_agent="Lynx/2.9")


def write(company: Company, user: User, now: datetime, **data: Any) -> Event:
    return use_case(audit)(
        MemberEvent.INVITED, actor=actor_of(user), now=now, company=company.ref, data=data
    )


def shown(client: Client, company: Company, **query: str) -> list[int]:
    page = client.get(f"/c/{company.pk}/log/", query)
    assert page.status_code == 200
    return [row.event.pk for row in page.context["rows"]]


def read_file(client: Client, company: Company, **query: str) -> list[list[str]]:
    answer: Any = client.post(f"/c/{company.pk}/log/export/", query_params=query)
    assert isinstance(answer, StreamingHttpResponse)
    text = b"".join(answer).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))


def test_log_shows_what_happened_newest_first(sign_in: SignIn, alice: User, acme: Company) -> None:
    now = timezone.now()
    first = write(acme, alice, now, email="nils@exempel.se", roles=["member", "billing"])
    second = write(acme, alice, now, email="eva@exempel.se", roles=["member"])

    answer = sign_in(alice).get(f"/c/{acme.pk}/log/")

    page = answer.content.decode()
    assert page.index(f'id="event-{second.pk}"') < page.index(f'id="event-{first.pk}"')
    for text in ("Alice Ek", "nils@exempel.se", "192.0.2.7", "person.invited", "Lynx/2.9"):
        assert text in page


def test_log_shows_nothing_of_others(
    sign_in: SignIn, alice: User, mallory: User, acme: Company, other: Company
) -> None:
    now = timezone.now()
    mine = write(acme, alice, now)
    theirs = write(other, mallory, now)

    assert shown(sign_in(alice), acme, since="") != []
    assert theirs.pk not in shown(sign_in(alice), acme, since="")
    assert mine.pk not in shown(sign_in(mallory), other, since="")


def test_log_starts_three_months_back(sign_in: SignIn, alice: User, acme: Company) -> None:
    now = timezone.now()
    old = write(acme, alice, now - timedelta(days=93))
    recent = write(acme, alice, now - timedelta(days=80))
    client = sign_in(alice)

    assert shown(client, acme, group="people") == [recent.pk]
    assert old.pk in shown(client, acme, since="")


def test_log_is_filtered_by_kind_person_outcome_and_day(
    sign_in: SignIn, alice: User, bob: User, acme: Company
) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(text)

    invited = write(acme, alice, at("2026-06-30T22:30:00+00:00"))  # 1 July in Stockholm
    changed = use_case(audit)(
        CompanyEvent.UPDATED,
        actor=actor_of(bob),
        now=at("2026-07-02T21:59:00+00:00"),  # still 2 July in Stockholm
        company=acme.ref,
        outcome=Event.Outcome.DENIED,
    )
    client = sign_in(alice)
    period = {"since": "2026-07-01", "until": "2026-07-02"}

    assert shown(client, acme, **period) == [changed.pk, invited.pk]
    assert shown(client, acme, **period, group="company") == [changed.pk]
    assert shown(client, acme, **period, group="people") == [invited.pk]
    assert shown(client, acme, **period, person=alice.email) == [invited.pk]
    nobody = client.get(f"/c/{acme.pk}/log/", {**period, "person": "ingen@exempel.se"})
    assert "Ingen som är eller har varit medlem" in nobody.content.decode()
    assert shown(client, acme, **period, outcome="denied") == [changed.pk]
    assert shown(client, acme, since="2026-07-02", until="2026-07-02") == [changed.pk]
    assert shown(client, acme, since="2026-07-01", until="2026-07-01") == [invited.pk]


@pytest.mark.parametrize(
    "query",
    [
        {"group": "nonsense"},
        {"person": "nobody"},
        {"outcome": "maybe"},
        {"since": "i går"},
        {"since": "2026-07-02", "until": "2026-07-01"},
        {"before": "x"},
        {"before": "9" * 40},
        {"since": "0001-01-01", "until": "9999-12-31"},
    ],
)
def test_log_survives_a_filter_that_makes_no_sense(
    sign_in: SignIn, alice: User, acme: Company, query: dict[str, str]
) -> None:
    assert sign_in(alice).get(f"/c/{acme.pk}/log/", query).status_code == 200


def test_log_goes_back_page_by_page(sign_in: SignIn, alice: User, acme: Company) -> None:
    now = timezone.now()
    written = [write(acme, alice, now).pk for _number in range(120)]
    client = sign_in(alice)

    seen: list[int] = []
    page = client.get(f"/c/{acme.pk}/log/", {"group": "people"})
    while True:
        seen += [row.event.pk for row in page.context["rows"]]
        if not page.context["older"]:
            break
        page = client.get(f"/c/{acme.pk}/log/?{page.context['older']}")

    assert seen == sorted(written, reverse=True)


def test_log_costs_the_same_for_few_and_many(
    sign_in: SignIn, alice: User, acme: Company, django_assert_max_num_queries: Any
) -> None:
    now = timezone.now()
    for _number in range(60):
        write(acme, alice, now)
    client = sign_in(alice)

    with django_assert_max_num_queries(9):
        client.get(f"/c/{acme.pk}/log/")


def test_log_reads_a_page_in_one_query(
    alice: User, acme: Company, django_assert_num_queries: Any
) -> None:
    write(acme, alice, timezone.now())

    with django_assert_num_queries(1):
        page = read_log(acme.pk, LogFilter(group="people"))
        assert [row.who for row in describe_each(page.events)] == ["Alice Ek"]


def test_sign_in_shows_in_every_company_of_the_person(
    sign_in: SignIn, bob: User, alice: User, acme: Company, other: Company
) -> None:
    join_company(other, bob, Role.MEMBER)
    now = timezone.now()

    event = record_sign_in(
        user=bob, session_ref="ref", methods=("password",), actor=actor_of(bob), now=now
    )

    assert {row.company_id for row in event.audience.all()} == {acme.pk, other.pk}
    assert event.pk in shown(sign_in(alice), acme, group="sign_in")


@pytest.mark.parametrize("count", [3, 7])
def test_sign_in_shows_in_as_many_companies_as_there_are(
    bob: User, acme: Company, count: int
) -> None:
    keys = {uuid.uuid4() for _number in range(count)}

    def name_more(**_kwargs: object) -> set[uuid.UUID]:
        return keys

    signing_in.connect(name_more)
    event = record_sign_in(
        user=bob, session_ref="", methods=(), actor=actor_of(bob), now=timezone.now()
    )
    signing_in.disconnect(name_more)

    shown_in = [row.company_id for row in event.audience.all()]
    assert sorted(shown_in) == sorted({acme.pk, *keys})


def test_sign_in_does_not_show_where_the_person_is_suspended(bob: User, acme: Company) -> None:
    bob.memberships.update(suspended_at=timezone.now())

    event = record_sign_in(
        user=bob, session_ref="", methods=(), actor=actor_of(bob), now=timezone.now()
    )

    assert not event.audience.exists()


def test_erased_part_of_an_event_leaves_the_rest(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    event = write(acme, alice, timezone.now(), email="nils@exempel.se", roles=["member"])
    EventPersonal.objects.filter(event=event).delete()

    answer = sign_in(alice).get(f"/c/{acme.pk}/log/")

    assert f'id="event-{event.pk}"' in answer.content.decode()
    assert "nils@exempel.se" not in answer.content.decode()


def test_change_reads_as_before_and_after_until_it_is_erased(acme: Company, alice: User) -> None:
    event = use_case(audit)(
        CompanyEvent.UPDATED,
        actor=actor_of(alice),
        now=timezone.now(),
        company=acme.ref,
        data={"fields": ["name"], "changes": {"name": ["Acme AB", "Acme Nya AB"]}},
    )
    assert "Acme AB → Acme Nya AB" in next(describe_each([event])).sentence

    EventPersonal.objects.filter(event=event).delete()

    with override("en"):
        row = next(describe_each([Event.objects.get(pk=event.pk)]))
    assert (row.sentence, row.who, row.target) == ("Company name", "Erased person", "")


def test_event_of_the_platform_and_of_nobody_says_so(acme: Company) -> None:
    now = timezone.now()
    write_as = use_case(audit)
    mine = write_as(CompanyEvent.CLOSED, actor=Actor.system(), now=now, company=acme.ref)
    nobodys = write_as(CompanyEvent.CLOSED, actor=Actor.anonymous(), now=now, company=acme.ref)

    with override("en"):
        assert next(describe_each([mine])).who == "The platform"
        assert next(describe_each([nobodys])).who == "Somebody not signed in"


def test_export_is_the_filtered_log_and_stands_in_the_log(
    sign_in: SignIn, alice: User, acme: Company
) -> None:
    now = timezone.now()
    event = write(acme, alice, now, email="nils@exempel.se", roles=["member"])
    client = sign_in(alice)

    head, *lines = read_file(client, acme, group="people")

    assert len(head) == 10
    assert [line[-1] for line in lines] == [str(event.uid)]
    assert lines[0][2] == "person.invited"
    assert "nils@exempel.se" in lines[0][7]
    exported = Event.objects.get(action="audit.exported")
    assert exported.data["filter"]["group"] == "people"
    assert exported.company_id == acme.pk
    assert exported.actor_id == str(alice.pk)


def test_export_is_safe_to_open_in_a_spreadsheet(sign_in: SignIn, acme: Company) -> None:
    evil = make_user(email="evil@exempel.se", full_name='=HYPERLINK("http://evil","x")')
    join_company(acme, evil, Role.OWNER)
    use_case(audit)(
        MemberEvent.ENDED, actor=actor_of(evil), now=timezone.now(), company=acme.ref,
        target=evil.ref,
    )  # fmt: skip

    lines = read_file(sign_in(evil), acme, since="")

    cells = [cell for line in lines for cell in line]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝"])
def test_cell_that_looks_like_a_formula_is_defused(start: str) -> None:
    assert defuse(f"{start}1+1") == f"'{start}1+1"


def test_export_takes_no_query_per_row(
    sign_in: SignIn, alice: User, acme: Company, django_assert_max_num_queries: Any
) -> None:
    for _number in range(50):
        write(acme, alice, timezone.now())
    client = sign_in(alice)

    with django_assert_max_num_queries(16):
        assert len(read_file(client, acme)) > 50


def test_admin_reads_the_log_without_taking_it_out(sign_in: SignIn, acme: Company) -> None:
    admin = make_user(email="adam@exempel.se")
    join_company(acme, admin, Role.ADMIN)
    client = sign_in(admin)

    page = client.get(f"/c/{acme.pk}/log/")

    assert 'id="export-log"' not in page.content.decode()
    assert client.post(f"/c/{acme.pk}/log/export/").status_code == 403
    assert not Event.objects.filter(action="audit.exported").exists()


def test_log_names_our_staff_but_not_where_they_sit(
    sign_in: SignIn, alice: User, acme: Company, staff: User
) -> None:
    actor = Actor("staff", str(staff.pk), staff.full_name, ip="198.51.100.4", user_agent="Lynx/2.9")
    use_case(audit)(
        CompanyEvent.UPDATED, actor=actor, now=timezone.now(), company=acme.ref, data={}
    )

    page = sign_in(alice).get(f"/c/{acme.pk}/log/").content.decode()

    assert staff.full_name in page
    assert "198.51.100.4" not in page
    assert "Lynx/2.9" not in page
