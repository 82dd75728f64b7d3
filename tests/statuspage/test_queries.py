from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from accounts.models import User
from auditlog.actors import Actor
from statuspage import operations, queries
from statuspage.models import Component, ComponentStatus, Text
from tests.factories.statuspage import acting, make_announced, make_components, make_incident

Queries = Callable[[int], Any]


@pytest.fixture
def parts(db: None) -> dict[str, Component]:
    return make_components()


def test_open_incidents_in_the_readers_language(
    parts: dict[str, Component],
    staff: User,
    now: datetime,
    django_assert_num_queries: Queries,
) -> None:
    incident = make_incident(staff, {parts["login"]: ComponentStatus.MAJOR_OUTAGE}, now=now)
    make_incident(staff, {parts["invoicing"]: ComponentStatus.MAJOR_OUTAGE}, now=now)

    with translation.override("sv"), django_assert_num_queries(1):
        (notice,) = queries.list_open_incidents()
    with translation.override("en"):
        (english,) = queries.list_open_incidents()

    assert (notice.code, notice.impact) == (incident.code, "critical")
    assert notice.name == "Inloggningen går långsamt"
    assert notice.url == f"http://localhost:8001/incidents/{incident.code}"
    assert english.name == "Sign-in is slow"
    assert english.url == f"http://localhost:8001/en/incidents/{incident.code}"
    operations.resolve_incident(incident=incident, text=Text("Löst."), actor=acting(staff), now=now)
    assert queries.list_open_incidents() == []


def test_next_planned_update_is_announced_or_near(
    parts: dict[str, Component],
    staff: User,
    system: Actor,
    now: datetime,
    django_assert_num_queries: Queries,
) -> None:
    update = operations.plan_ordinary_updates(months=1, actor=system, now=now)[0]

    assert queries.get_next_planned_update(now) is None, "tentative, and three weeks away"
    near = queries.get_next_planned_update(update.window_start - timedelta(days=14))
    assert near is not None
    assert near.is_tentative
    make_announced(staff, now=now)
    with django_assert_num_queries(1):
        announced = queries.get_next_planned_update(now)
    assert announced is not None
    assert not announced.is_tentative
    assert announced.expected_downtime_minutes == 30
    assert queries.get_next_planned_update(update.window_start) is None


def test_active_updates_count_from_the_window(
    parts: dict[str, Component],
    staff: User,
    system: Actor,
    now: datetime,
    django_assert_num_queries: Queries,
) -> None:
    update = make_announced(staff, now=now)

    assert queries.list_active_planned_updates(now) == []
    with django_assert_num_queries(1):
        (begun,) = queries.list_active_planned_updates(update.window_start)
    assert begun.is_active
    operations.advance_planned_updates(actor=system, now=update.window_start)
    operations.advance_planned_updates(actor=system, now=update.window_end)
    (verified,) = queries.list_active_planned_updates(update.window_end + timedelta(hours=3))
    assert verified.code == update.code


def test_snapshot_takes_as_many_queries_for_much_as_for_little(
    parts: dict[str, Component],
    staff: User,
    now: datetime,
    django_assert_max_num_queries: Queries,
) -> None:
    for number in range(8):
        make_incident(
            staff,
            {parts["login"]: ComponentStatus.DEGRADED_PERFORMANCE},
            now=now + timedelta(minutes=number),
        )
    make_announced(staff, now=now)

    with django_assert_max_num_queries(12):
        snapshot = queries.load_snapshot(now)
        assert len(snapshot.incidents) == 8
        assert [str(effect.component.name) for effect in snapshot.incidents[0].effects.all()]
