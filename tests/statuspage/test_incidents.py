import threading
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from statuspage import operations
from statuspage.models import (
    Component,
    ComponentStatus,
    DismissalReason,
    Impact,
    Incident,
    IncidentState,
    Text,
)
from tests.factories.statuspage import acting, make_components, make_incident
from vop.lib.errors import StaleError
from vop.lib.outbox.models import Job

DOWN, SLOW, WORKS = (
    ComponentStatus.MAJOR_OUTAGE,
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.OPERATIONAL,
)
TEXT = Text("Vi undersöker felet.")


@pytest.fixture
def parts(db: None) -> dict[str, Component]:
    return make_components()


@pytest.fixture
def suspected(parts: dict[str, Component], system: Actor, now: datetime) -> Incident:
    Job.objects.all().delete()
    return operations.suspect_incident(
        name=Text("Inloggning svarar inte"), source="Sond 3", actor=system, now=now
    )


def actions() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("action", flat=True))


def status_of(component: Component) -> str:
    return Component.objects.get(pk=component.pk).status


def confirm(
    incident: Incident, staff: User, parts: dict[str, Component], now: datetime, **changes: object
) -> Incident:
    values = {
        "name": incident.name,
        "text": TEXT,
        "effects": {parts["login"]: DOWN},
        "assignee": staff,
        "next_update_at": now + timedelta(minutes=15),
        "actor": acting(staff),
        "now": now,
    }
    return operations.confirm_incident(incident=incident, **(values | changes))  # type: ignore[arg-type]


def test_suspected_incident_is_nobody_elses_business(
    suspected: Incident, parts: dict[str, Component]
) -> None:
    assert suspected.state == IncidentState.SUSPECTED
    assert Incident.objects.public().count() == 0
    assert Job.objects.count() == 0
    assert actions()[-1] == "incident.suspected"


def test_confirm_makes_it_public_with_components_and_a_promise(
    suspected: Incident, parts: dict[str, Component], staff: User, now: datetime
) -> None:
    incident = confirm(suspected, staff, parts, now)

    assert incident.state == IncidentState.CONFIRMED
    assert incident.impact == Impact.CRITICAL
    assert incident.assignee == staff
    assert status_of(parts["login"]) == DOWN
    told = incident.updates.get()
    assert told.status == "investigating"
    assert told.changes == [
        {"code": "login0000001", "old_status": "operational", "new_status": "major_outage"}
    ]
    assert Job.objects.get().task == "statuspage.publish"
    assert actions()[-2:] == ["component.status_changed", "incident.confirmed"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"text": Text("  ")}, operations.TextMissingError),
        ({"name": Text("")}, operations.TextMissingError),
        ({"effects": {}}, operations.NoComponentError),
        ({"actor": Actor.system()}, operations.PersonNeededError),
    ],
)
def test_confirm_refuses_what_is_not_ready(
    suspected: Incident,
    parts: dict[str, Component],
    staff: User,
    now: datetime,
    changes: dict[str, object],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        confirm(suspected, staff, parts, now, **changes)

    assert Incident.objects.public().count() == 0
    assert Job.objects.count() == 0


def test_confirm_refuses_operational_components_alone(
    suspected: Incident, parts: dict[str, Component], staff: User, now: datetime
) -> None:
    with pytest.raises(operations.NoComponentError):
        confirm(suspected, staff, parts, now, effects={parts["login"]: WORKS})


def test_confirm_refuses_a_promise_in_the_past(
    suspected: Incident, parts: dict[str, Component], staff: User, now: datetime
) -> None:
    with pytest.raises(operations.NextUpdateInThePastError):
        confirm(suspected, staff, parts, now, next_update_at=now)


def test_confirm_refuses_an_assignee_outside_staff(
    suspected: Incident, parts: dict[str, Component], staff: User, alice: User, now: datetime
) -> None:
    with pytest.raises(operations.NotStaffError):
        confirm(suspected, staff, parts, now, assignee=alice)


def test_confirm_twice_is_refused(
    suspected: Incident, parts: dict[str, Component], staff: User, now: datetime
) -> None:
    confirm(suspected, staff, parts, now)

    with pytest.raises(operations.IncidentStateError):
        confirm(suspected, staff, parts, now)


@pytest.mark.django_db(transaction=True)
def test_confirm_twice_at_once_has_one_winner(staff: User, system: Actor, now: datetime) -> None:
    parts = make_components()
    incident = operations.suspect_incident(name=Text("Fel"), source="", actor=system, now=now)
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def work() -> None:
        try:
            barrier.wait(timeout=10)
            confirm(incident, staff, parts, now)
            outcomes.append("confirmed")
        except operations.IncidentStateError:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(outcomes) == ["confirmed", "refused"]
    assert Event.objects.filter(action="incident.confirmed").count() == 1
    assert incident.updates.count() == 1


def test_database_refuses_a_public_incident_without_assignee(
    suspected: Incident, parts: dict[str, Component], staff: User, now: datetime
) -> None:
    confirm(suspected, staff, parts, now)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE statuspage_incident SET assignee_id = NULL")


def test_review_and_dismiss_stay_private(suspected: Incident, staff: User, now: datetime) -> None:
    actor = acting(staff)
    operations.review_incident(incident=suspected, reviewer=staff, actor=actor, now=now)
    dismissed = operations.dismiss_incident(
        incident=suspected, reason=DismissalReason.FALSE_POSITIVE, actor=actor, now=now
    )

    assert dismissed.state == IncidentState.DISMISSED
    assert Job.objects.count() == 0
    assert actions()[-2:] == ["incident.review_started", "incident.dismissed"]


def test_clock_cannot_dismiss(suspected: Incident, system: Actor, now: datetime) -> None:
    with pytest.raises(operations.PersonNeededError):
        operations.dismiss_incident(
            incident=suspected, reason=DismissalReason.EXPECTED, actor=system, now=now
        )


def test_incident_is_told_about_until_it_is_over(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    actor = acting(staff)
    incident = make_incident(staff, {parts["login"]: DOWN, parts["portal"]: SLOW}, now=now)
    later = now + timedelta(minutes=20)
    incident = operations.update_incident(
        incident=incident,
        state=IncidentState.MONITORING,
        text=Text("Åtgärdat, vi följer upp."),
        effects={parts["login"]: SLOW},
        next_update_at=later + timedelta(hours=1),
        actor=actor,
        now=later,
        seen_at=incident.updated_at,
    )

    assert incident.monitoring_at == later
    assert incident.impact == Impact.CRITICAL  # the worst it ever was
    assert status_of(parts["login"]) == SLOW

    over = later + timedelta(minutes=10)
    incident = operations.resolve_incident(
        incident=incident, text=Text("Allt fungerar."), actor=actor, now=over
    )

    assert incident.resolved_at == over
    assert status_of(parts["login"]) == status_of(parts["portal"]) == WORKS
    assert [u.status for u in incident.updates.newest_first()] == [
        "resolved",
        "monitoring",
        "investigating",
    ]
    assert incident.updates.newest_first()[0].changes[0] == {
        "code": "login0000001",
        "old_status": "degraded_performance",
        "new_status": "operational",
    }
    resolved = Event.objects.get(action="incident.resolved")
    assert resolved.data == {"minutes": 30, "impact": "critical"}

    incident = operations.publish_postmortem(
        incident=incident, text=Text("Vi har lärt oss."), actor=actor, now=over
    )
    assert incident.state == IncidentState.POSTMORTEM


def test_nothing_confirmed_resolves_itself(
    parts: dict[str, Component], staff: User, system: Actor, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=now)

    with pytest.raises(operations.PersonNeededError):
        operations.resolve_incident(incident=incident, text=TEXT, actor=system, now=now)


def test_component_keeps_the_worst_of_two_incidents(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    bad = make_incident(staff, {parts["login"]: DOWN}, now=now, name="Nere")
    make_incident(staff, {parts["login"]: SLOW}, now=now, name="Segt")

    assert status_of(parts["login"]) == DOWN
    operations.resolve_incident(incident=bad, text=TEXT, actor=acting(staff), now=now)
    assert status_of(parts["login"]) == SLOW


def test_update_refuses_what_was_decided_on_old_news(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=now)
    values = {
        "incident": incident,
        "state": IncidentState.IDENTIFIED,
        "text": TEXT,
        "effects": {},
        "next_update_at": now + timedelta(hours=1),
        "actor": acting(staff),
        "seen_at": incident.updated_at,
    }
    operations.update_incident(**values, now=now + timedelta(minutes=1))  # type: ignore[arg-type]

    with pytest.raises(StaleError):
        operations.update_incident(**values, now=now + timedelta(minutes=2))  # type: ignore[arg-type]

    assert incident.updates.count() == 2


def test_update_goes_nowhere_but_to_an_open_state(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=now)

    with pytest.raises(operations.IncidentStateError):
        operations.update_incident(
            incident=incident,
            state=IncidentState.RESOLVED,
            text=TEXT,
            effects={},
            next_update_at=now + timedelta(hours=1),
            actor=acting(staff),
            now=now,
        )


def test_assign_hands_over(
    parts: dict[str, Component], staff: User, alice: User, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=now)
    other = User.objects.create_user("natt@vop.example", is_staff=True, full_name="Nina Natt")

    handed = operations.assign_incident(
        incident=incident, assignee=other, actor=acting(staff), now=now
    )

    assert handed.assignee == other
    assert actions()[-1] == "incident.reassigned"
    with pytest.raises(operations.NotStaffError):
        operations.assign_incident(incident=incident, assignee=alice, actor=acting(staff), now=now)


def test_incident_cannot_begin_in_the_future(db: None, system: Actor, now: datetime) -> None:
    with pytest.raises(operations.StartInTheFutureError):
        operations.suspect_incident(
            name=Text("Fel"),
            source="",
            actor=system,
            now=now,
            started_at=now + timedelta(minutes=1),
        )
