from datetime import datetime

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from auditlog.actors import Actor
from auditlog.events import LogEvent
from auditlog.models import Event, EventAudience, EventPersonal
from auditlog.operations import audit
from companies.events import MemberEvent
from companies.models import Company
from vop.lib.db import StepOutsideUseCaseError, use_case


def write(company: Company, actor: Actor, now: datetime) -> Event:
    return use_case(audit)(
        MemberEvent.INVITED,
        actor=actor,
        now=now,
        company=company.ref,
        data={"email": "nils@exempel.se", "roles": ["member"]},
    )


def test_event_keeps_personal_data_beside_itself(acme: Company, alice: User, now: datetime) -> None:
    actor = Actor("person", str(alice.pk), alice.full_name, ip="192.0.2.7", user_agent="Lynx")

    event = write(acme, actor, now)

    assert event.data == {"roles": ["member"]}
    personal = EventPersonal.objects.get(event=event)
    assert personal.data == {"email": "nils@exempel.se"}
    assert personal.ip == "192.0.2.7"
    assert [row.company_id for row in EventAudience.objects.filter(event=event)] == [acme.pk]


def test_event_is_refused_outside_a_transaction(
    acme: Company, system: Actor, now: datetime
) -> None:
    with pytest.raises(StepOutsideUseCaseError):
        audit(LogEvent.VIEWED, actor=system, now=now, company=acme.ref)


@pytest.mark.parametrize("table", ["auditlog_event", "auditlog_eventaudience"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {table} SET id = id", "DELETE FROM {table}"], ids=["update", "delete"]
)
def test_log_refuses_to_be_changed_by_anybody(
    acme: Company, system: Actor, now: datetime, table: str, statement: str
) -> None:
    write(acme, system, now)

    with (
        pytest.raises(DatabaseError, match=r"append-only|vop_retention"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table=table))

    assert Event.objects.filter(action="person.invited").count() == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite can replace a row")
def test_log_refuses_to_be_replaced(acme: Company, system: Actor, now: datetime) -> None:
    event = write(acme, system, now)
    fields = [str(field.column) for field in Event._meta.concrete_fields]
    forged = ", ".join("'forged.event'" if name == "action" else name for name in fields)

    with (
        pytest.raises(DatabaseError, match=r"append-only|vop_retention"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"INSERT OR REPLACE INTO auditlog_event ({', '.join(fields)})"  # noqa: S608
            f" SELECT {forged} FROM auditlog_event WHERE id = %s",
            [event.pk],
        )

    assert not Event.objects.filter(action="forged.event").exists()
