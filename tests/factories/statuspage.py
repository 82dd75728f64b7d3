from collections.abc import Mapping
from datetime import date, datetime, timedelta

from accounts.models import User
from auditlog.actors import Actor
from statuspage import operations
from statuspage.models import Component, ComponentStatus, Incident, PlannedUpdate, Text
from tests.factories.companies import LONG_AGO, SYSTEM

START = date(2025, 1, 2)


def acting(staff: User) -> Actor:
    """A member of staff as the one who acts."""
    return Actor("staff", str(staff.pk), staff.display_name)


def make_components(now: datetime = LONG_AGO) -> dict[str, Component]:
    """The standard components by a short name: login, access, oidc, portal, company, …."""
    made = operations.ensure_components(actor=SYSTEM, now=now, start_date=START)
    return {component.code.rstrip("0123456789"): component for component in made}


def make_incident(
    staff: User,
    effects: Mapping[Component, ComponentStatus],
    *,
    now: datetime,
    name: str = "Inloggningen går långsamt",
) -> Incident:
    """A confirmed incident."""
    return operations.open_incident(
        name=Text(name, "Sign-in is slow"),
        text=Text("Vi undersöker varför.", "We are looking into why."),
        effects=effects,
        assignee=staff,
        next_update_at=now + timedelta(minutes=30),
        actor=acting(staff),
        now=now,
    )


def make_announced(
    staff: User, *, now: datetime, components: list[Component] | None = None
) -> PlannedUpdate:
    """The next ordinary update, announced; now must be at least 14 days before it."""
    update = operations.plan_ordinary_updates(months=1, actor=SYSTEM, now=now)[0]
    return operations.announce_planned_update(
        planned_update=update,
        text=Text("Vi uppdaterar plattformen.", "We update the platform."),
        expected_downtime_minutes=30,
        components=components or list(update.components.in_order()),
        actor=acting(staff),
        now=now,
    )
