"""The log in the staff pages: found and read, never touched."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event, EventPersonal
from auditlog.operations import audit
from companies.events import CompanyEvent, MemberEvent
from companies.models import Company
from vop.lib.db import use_case

LIST = "/admin/auditlog/event/"


@pytest.fixture
def office(sign_in_staff: Callable[..., Client], staff: User) -> Client:
    staff.is_superuser = True
    staff.save()
    return sign_in_staff()


@pytest.fixture
def event(acme: Company, alice: User, now: datetime) -> Event:
    actor = Actor("person", str(alice.pk), alice.display_name, request_id="abcdef0123456789")
    return use_case(audit)(
        MemberEvent.INVITED,
        actor=actor,
        now=now,
        company=acme.ref,
        data={"email": "nils@exempel.se", "roles": ["member"]},
    )


def found(office: Client, text: str) -> list[str]:
    answer = office.get(LIST, {"q": text})
    return [row.action for row in answer.context["cl"].result_list]


def test_staff_find_events(office: Client, event: Event, acme: Company, alice: User) -> None:
    use_case(audit)(
        CompanyEvent.CLOSED, actor=Actor.system(), now=event.occurred_at, company=acme.ref
    )

    assert found(office, "person.") == ["person.invited"]
    assert found(office, "abcdef0123456789") == ["person.invited"]
    assert found(office, str(alice.pk))[0] == "person.invited"
    assert found(office, str(event.uid)) == ["person.invited"]
    assert set(found(office, str(acme.pk))) >= {"person.invited", "company.closed"}
    assert found(office, "nothing like it") == []


def test_staff_filter_events_by_group(office: Client, event: Event) -> None:
    rows = office.get(LIST, {"group": "people"}).context["cl"].result_list

    assert [row.action for row in rows] == ["person.invited"]
    assert office.get(LIST, {"group": "nonsense"}).status_code == 200


def test_list_costs_the_same_for_few_and_many(
    office: Client, event: Event, acme: Company, django_assert_max_num_queries: Any
) -> None:
    for _number in range(30):
        use_case(audit)(
            CompanyEvent.CLOSED, actor=Actor.system(), now=event.occurred_at, company=acme.ref
        )

    with django_assert_max_num_queries(8):
        assert office.get(LIST).status_code == 200


def test_staff_read_an_event(office: Client, event: Event) -> None:
    page = office.get(f"{LIST}{event.pk}/change/").content.decode()

    assert "nils@exempel.se" in page
    assert 'name="_save"' not in page


def test_event_without_its_personal_part_can_be_read(office: Client, event: Event) -> None:
    EventPersonal.objects.filter(event=event).delete()

    assert office.get(LIST).status_code == 200
    assert "nils@exempel.se" not in office.get(f"{LIST}{event.pk}/change/").content.decode()


def test_not_even_a_superuser_touches_the_log(office: Client, event: Event) -> None:
    assert office.get(f"{LIST}add/").status_code == 403
    assert office.post(f"{LIST}add/", {}).status_code == 403
    assert office.post(f"{LIST}{event.pk}/change/", {"action": "x"}).status_code == 403
    assert office.post(f"{LIST}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    office.post(LIST, {"action": "delete_selected", "_selected_action": [event.pk]})
    assert Event.objects.filter(pk=event.pk).exists()
