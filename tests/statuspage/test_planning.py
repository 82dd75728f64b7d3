import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from statuspage import operations, tasks
from statuspage.models import (
    Component,
    ComponentStatus,
    PlannedUpdate,
    Text,
    Tier,
    UpdateKind,
    UpdateState,
    Window,
)
from tests.factories.statuspage import acting, make_announced, make_components, make_incident
from vop.lib.errors import StaleError
from vop.lib.outbox.models import Job

OPENS = datetime(2026, 12, 15, 23, 0, tzinfo=UTC)  # the third Wednesday after `now`, 00:00
CLOSES = OPENS + timedelta(hours=6)
TEXT = Text("Vi uppdaterar.", "We update.")


@pytest.fixture
def parts(db: None) -> dict[str, Component]:
    return make_components()


def actions() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("action", flat=True))


def status_of(component: Component) -> str:
    return Component.objects.get(pk=component.pk).status


def tick(system: Actor, at: datetime) -> int:
    return operations.advance_planned_updates(actor=system, now=at)


def reload(update: PlannedUpdate) -> PlannedUpdate:
    return PlannedUpdate.objects.get(pk=update.pk)


def test_plan_makes_the_coming_months_once(
    parts: dict[str, Component], system: Actor, now: datetime
) -> None:
    plan = operations.plan_ordinary_updates(months=12, actor=system, now=now)
    again = operations.plan_ordinary_updates(months=12, actor=system, now=now)

    assert [u.pk for u in plan] == [u.pk for u in again]
    assert len(plan) == PlannedUpdate.objects.count() == 12
    assert (plan[0].window_start, plan[0].window_end) == (OPENS, CLOSES)
    assert plan[0].title_sv == "Månadsuppdatering, december 2026"
    assert plan[0].title_en == "Monthly update, December 2026"
    assert {u.state for u in plan} == {UpdateState.TENTATIVE}
    assert plan[0].components.count() == len(parts)
    assert actions().count("maintenance.planned") == 12


def test_plan_leaves_what_was_cancelled(
    parts: dict[str, Component], staff: User, system: Actor, now: datetime
) -> None:
    update = operations.plan_ordinary_updates(months=1, actor=system, now=now)[0]
    operations.cancel_planned_update(
        planned_update=update, reason="Julfrysning", text=Text(""), actor=acting(staff), now=now
    )

    plan = operations.plan_ordinary_updates(months=1, actor=system, now=now)

    assert [u.state for u in plan] == [UpdateState.CANCELLED]


def test_plan_skips_a_window_that_has_begun(parts: dict[str, Component], system: Actor) -> None:
    plan = operations.plan_ordinary_updates(months=1, actor=system, now=OPENS)

    assert plan[0].month is not None
    assert plan[0].month.isoformat() == "2027-01-01"


def test_announce_tells_customers(parts: dict[str, Component], staff: User, now: datetime) -> None:
    update = make_announced(staff, now=now)

    assert update.state == UpdateState.ANNOUNCED
    assert update.updates.get().status == "scheduled"
    event = Event.objects.get(action="maintenance.announced")
    assert event.data["notice_hours"] == 22 * 24 + 13
    assert event.data["expected_downtime_minutes"] == 30
    assert Job.objects.filter(task="statuspage.publish").exists()


def announce(update: PlannedUpdate, staff: User, at: datetime, **changes: object) -> PlannedUpdate:
    values = {
        "text": TEXT,
        "expected_downtime_minutes": 30,
        "components": list(update.components.all()),
        "actor": acting(staff),
        "now": at,
    }
    return operations.announce_planned_update(planned_update=update, **(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"text": Text("")}, operations.TextMissingError),
        ({"components": []}, operations.NoComponentError),
        ({"expected_downtime_minutes": 361}, operations.DowntimeTooLongError),
        ({"actor": Actor.system()}, operations.PersonNeededError),
        ({"seen_at": datetime(2020, 1, 1, tzinfo=UTC)}, StaleError),
        ({"now": OPENS - timedelta(days=13)}, operations.LateNoticeError),
        ({"now": OPENS}, operations.WindowPassedError),
    ],
)
def test_announce_refuses_what_is_not_ready(
    parts: dict[str, Component],
    staff: User,
    system: Actor,
    now: datetime,
    changes: dict[str, object],
    error: type[Exception],
) -> None:
    update = operations.plan_ordinary_updates(months=1, actor=system, now=now)[0]

    with pytest.raises(error):
        announce(update, staff, now, **changes)

    assert reload(update).state == UpdateState.TENTATIVE


def test_announce_late_needs_a_reason_and_keeps_it(
    parts: dict[str, Component], staff: User, system: Actor, now: datetime
) -> None:
    update = operations.plan_ordinary_updates(months=1, actor=system, now=now)[0]
    late = OPENS - timedelta(days=3)

    announced = announce(update, staff, late, reason="Säkerhetsrättning")

    assert announced.reason == "Säkerhetsrättning"
    assert Event.objects.get(action="maintenance.announced").data["notice_hours"] == 72


def test_announce_twice_is_refused(parts: dict[str, Component], staff: User, now: datetime) -> None:
    update = make_announced(staff, now=now)

    with pytest.raises(operations.PlannedUpdateStateError):
        announce(update, staff, now)


def test_unscheduled_update_is_announced_in_the_same_moment(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    update = operations.announce_unscheduled_update(
        title=Text("Säkerhetsrättning"),
        text=TEXT,
        window=Window(now, now + timedelta(hours=1)),
        expected_downtime_minutes=5,
        components=[parts["login"]],
        reason="Sårbarhet i ett bibliotek",
        actor=acting(staff),
        now=now,
    )

    assert (update.kind, update.state) == (UpdateKind.UNSCHEDULED, UpdateState.ANNOUNCED)
    event = Event.objects.get(action="maintenance.unscheduled_announced")
    assert event.data["notice_hours"] == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"reason": " "}, operations.ReasonMissingError),
        ({"window": Window(CLOSES, OPENS)}, operations.WindowOrderError),
        (
            {"window": Window(OPENS - timedelta(days=60), OPENS - timedelta(days=59))},
            operations.WindowPassedError,
        ),
    ],
)
def test_unscheduled_update_refuses_what_makes_no_sense(
    parts: dict[str, Component],
    staff: User,
    now: datetime,
    changes: dict[str, object],
    error: type[Exception],
) -> None:
    values = {
        "title": Text("Rättning"),
        "text": TEXT,
        "window": Window(OPENS, CLOSES),
        "expected_downtime_minutes": 5,
        "components": [parts["login"]],
        "reason": "Därför",
        "actor": acting(staff),
        "now": now,
    }

    with pytest.raises(error):
        operations.announce_unscheduled_update(**(values | changes))  # type: ignore[arg-type]

    assert PlannedUpdate.objects.count() == 0


def test_move_tells_and_counts(parts: dict[str, Component], staff: User, now: datetime) -> None:
    update = make_announced(staff, now=now)
    window = Window(OPENS + timedelta(days=1), CLOSES + timedelta(days=1))

    moved = operations.move_planned_update(
        planned_update=update,
        window=window,
        reason="Leverantören",
        text=Text("Flyttad."),
        actor=acting(staff),
        now=now,
    )

    assert (moved.window, moved.sequence) == (window, 1)
    assert moved.updates.newest_first()[0].body_sv == "Flyttad."
    assert actions()[-1] == "maintenance.moved"


def test_move_needs_a_reason(parts: dict[str, Component], staff: User, now: datetime) -> None:
    update = make_announced(staff, now=now)

    with pytest.raises(operations.ReasonMissingError):
        operations.move_planned_update(
            planned_update=update,
            window=Window(OPENS, CLOSES),
            reason="",
            text=TEXT,
            actor=acting(staff),
            now=now,
        )


def test_cancelled_update_is_told_and_never_starts(
    parts: dict[str, Component], staff: User, system: Actor, now: datetime
) -> None:
    update = make_announced(staff, now=now)
    operations.cancel_planned_update(
        planned_update=update,
        reason="Inget att uppdatera",
        text=Text("Inställd."),
        actor=acting(staff),
        now=now,
    )

    assert tick(system, OPENS + timedelta(minutes=1)) == 0
    cancelled = reload(update)
    assert (cancelled.state, cancelled.sequence) == (UpdateState.CANCELLED, 1)
    assert cancelled.updates.newest_first()[0].status == "completed"


def test_clock_starts_and_verifies_but_never_completes(
    parts: dict[str, Component], staff: User, system: Actor, now: datetime
) -> None:
    update = make_announced(staff, now=now, components=[parts["login"]])

    assert tick(system, OPENS - timedelta(seconds=1)) == 0
    assert tick(system, OPENS) == 1
    assert reload(update).state == UpdateState.IN_PROGRESS
    assert status_of(parts["login"]) == ComponentStatus.UNDER_MAINTENANCE
    assert status_of(parts["portal"]) == ComponentStatus.OPERATIONAL
    assert tick(system, OPENS + timedelta(minutes=1)) == 0

    assert tick(system, CLOSES) == 1
    assert reload(update).state == UpdateState.VERIFYING
    assert "maintenance.overran" in actions()
    assert tick(system, CLOSES + timedelta(days=1)) == 0

    with pytest.raises(operations.PersonNeededError):
        operations.complete_planned_update(
            planned_update=update, text=TEXT, actor=system, now=CLOSES
        )
    done = operations.complete_planned_update(
        planned_update=update, text=TEXT, actor=acting(staff), now=CLOSES
    )
    assert done.state == UpdateState.COMPLETED
    assert status_of(parts["login"]) == ComponentStatus.OPERATIONAL
    assert [u.status for u in done.updates.newest_first()] == [
        "completed",
        "verifying",
        "in_progress",
        "scheduled",
    ]


def test_clock_that_slept_through_the_window_asks_a_person(
    parts: dict[str, Component], staff: User, system: Actor, now: datetime
) -> None:
    update = make_announced(staff, now=now)

    assert tick(system, CLOSES + timedelta(hours=2)) == 1
    assert reload(update).state == UpdateState.VERIFYING
    assert [u.status for u in update.updates.newest_first()] == ["verifying", "scheduled"]


def test_clock_drops_what_nobody_announced(
    parts: dict[str, Component], system: Actor, now: datetime
) -> None:
    update = operations.plan_ordinary_updates(months=1, actor=system, now=now)[0]

    assert tick(system, OPENS + timedelta(hours=1)) == 0
    assert tick(system, CLOSES) == 1
    assert reload(update).state == UpdateState.CANCELLED
    assert update.updates.count() == 0


def test_start_waits_for_the_window(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    update = make_announced(staff, now=now)

    with pytest.raises(operations.WindowNotOpenError):
        operations.start_planned_update(planned_update=update, actor=acting(staff), now=now)
    with pytest.raises(operations.PlannedUpdateStateError):
        operations.verify_planned_update(planned_update=update, actor=acting(staff), now=now)


def test_incident_outranks_the_work(
    parts: dict[str, Component], staff: User, system: Actor, now: datetime
) -> None:
    update = make_announced(staff, now=now)
    tick(system, OPENS)
    incident = make_incident(staff, {parts["login"]: ComponentStatus.PARTIAL_OUTAGE}, now=OPENS)

    assert status_of(parts["login"]) == ComponentStatus.PARTIAL_OUTAGE
    operations.resolve_incident(incident=incident, text=TEXT, actor=acting(staff), now=OPENS)
    assert status_of(parts["login"]) == ComponentStatus.UNDER_MAINTENANCE
    operations.complete_planned_update(
        planned_update=update, text=TEXT, actor=acting(staff), now=OPENS
    )
    assert status_of(parts["login"]) == ComponentStatus.OPERATIONAL


def test_cancel_needs_a_reason(parts: dict[str, Component], staff: User, now: datetime) -> None:
    update = make_announced(staff, now=now)

    with pytest.raises(operations.ReasonMissingError):
        operations.cancel_planned_update(
            planned_update=update, reason=" ", text=TEXT, actor=acting(staff), now=now
        )


def test_drop_leaves_a_window_that_is_to_come(
    parts: dict[str, Component], system: Actor, now: datetime
) -> None:
    update = operations.plan_ordinary_updates(months=1, actor=system, now=now)[0]

    with pytest.raises(operations.PlannedUpdateStateError):
        operations.drop_missed_update(planned_update=update, actor=system, now=now)


@pytest.mark.django_db(transaction=True)
def test_clock_and_person_at_once_start_it_once(staff: User, system: Actor, now: datetime) -> None:
    make_components()
    update = make_announced(staff, now=now)
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    def work(start: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=10)
            start()
        except operations.PlannedUpdateStateError:
            pass
        except BaseException as error:  # noqa: BLE001 (told below)
            failures.append(error)
        finally:
            connections.close_all()

    starts: list[Callable[[], object]] = [
        lambda: tick(system, OPENS),
        lambda: operations.start_planned_update(
            planned_update=update, actor=acting(staff), now=OPENS
        ),
    ]
    threads = [threading.Thread(target=work, args=(start,)) for start in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert failures == []
    assert Event.objects.filter(action="maintenance.started").count() == 1


def test_component_saved_unchanged_leaves_no_trace(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    part = parts["login"]
    operations.update_component(
        component=part,
        group=part.group,
        name=part.name,
        description=part.description,
        tier=Tier(part.tier),
        position=part.position,
        is_public=part.is_public,
        actor=acting(staff),
        now=now,
    )

    assert "component.updated" not in actions()


@pytest.mark.django_db
def test_clock_keeps_a_year_of_updates_planned() -> None:
    tasks.plan_updates.run()
    tasks.plan_updates.run()

    assert PlannedUpdate.objects.count() == 12
