"""Incidents: suspected in private, confirmed by a person, told about until they are over.

Nothing becomes public without a person confirming it, and nothing confirmed resolves itself.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import F

from accounts.models import User
from auditlog.actors import Actor
from auditlog.operations import audit
from statuspage.events import IncidentEvent
from statuspage.models import (
    OPEN_STATES,
    Component,
    ComponentStatus,
    DismissalReason,
    Impact,
    Incident,
    IncidentComponent,
    IncidentState,
    StatusUpdate,
    Text,
    make_code,
)
from statuspage.operations.errors import (
    IncidentStateError,
    NextUpdateInThePastError,
    NoComponentError,
    NotStaffError,
    StartInTheFutureError,
)
from statuspage.operations.shared import (
    Change,
    check_person,
    check_text,
    check_unchanged,
    refresh_components,
    tell,
)
from vop.lib.db import step, use_case

Effects = Mapping[Component, ComponentStatus]

_UNDECIDED = (IncidentState.SUSPECTED, IncidentState.REVIEWING)
_PUBLIC_STATUS = {
    IncidentState.CONFIRMED: StatusUpdate.Status.INVESTIGATING,
    IncidentState.IDENTIFIED: StatusUpdate.Status.IDENTIFIED,
    IncidentState.MONITORING: StatusUpdate.Status.MONITORING,
}


@use_case
def suspect_incident(
    *, name: Text, source: str, actor: Actor, now: datetime, started_at: datetime | None = None
) -> Incident:
    """Note that something may be wrong; nobody outside sees it.

    Raises: TextMissingError, StartInTheFutureError.
    """
    return _suspect(name, source, started_at or now, actor=actor, now=now)


@use_case
def review_incident(*, incident: Incident, reviewer: User, actor: Actor, now: datetime) -> Incident:
    """Have a person look at a suspected incident.

    Raises: IncidentStateError, NotStaffError.
    """
    locked = _lock(incident, IncidentState.SUSPECTED)
    _check_staff(reviewer)
    locked.state = IncidentState.REVIEWING
    locked.assignee = reviewer
    locked.reviewed_at = locked.updated_at = now
    locked.save(update_fields=["state", "assignee", "reviewed_at", "updated_at"])
    audit(IncidentEvent.REVIEW_STARTED, actor=actor, now=now, target=locked.ref)
    return locked


@use_case
def dismiss_incident(
    *, incident: Incident, reason: DismissalReason, actor: Actor, now: datetime
) -> Incident:
    """Say that a suspected incident is none; it stays in the list with the reason.

    Raises: PersonNeededError, IncidentStateError.
    """
    check_person(actor)
    locked = _lock(incident, *_UNDECIDED)
    locked.state = IncidentState.DISMISSED
    locked.dismissal_reason = reason
    locked.updated_at = now
    locked.save(update_fields=["state", "dismissal_reason", "updated_at"])
    audit(
        IncidentEvent.DISMISSED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"reason": str(reason)},
    )
    return locked


@use_case
def confirm_incident(
    *,
    incident: Incident,
    name: Text,
    text: Text,
    effects: Effects,
    assignee: User,
    next_update_at: datetime,
    actor: Actor,
    now: datetime,
) -> Incident:
    """Make a suspected incident public: somebody is responsible, and the page says what is hurt.

    Raises: PersonNeededError, IncidentStateError, TextMissingError, NoComponentError,
    NotStaffError, NextUpdateInThePastError.
    """
    locked = _lock(incident, *_UNDECIDED)
    locked.name_sv, locked.name_en = name.sv, name.en
    return _confirm(
        locked,
        text=text,
        effects=effects,
        assignee=assignee,
        next_update_at=next_update_at,
        actor=actor,
        now=now,
    )


@use_case
def open_incident(
    *,
    name: Text,
    text: Text,
    effects: Effects,
    assignee: User,
    next_update_at: datetime,
    actor: Actor,
    now: datetime,
    started_at: datetime | None = None,
) -> Incident:
    """Report and confirm an incident in one go, when there is nothing to wonder about.

    Raises: as `confirm_incident`, and StartInTheFutureError.
    """
    incident = _suspect(name, "", started_at or now, actor=actor, now=now)
    return _confirm(
        incident,
        text=text,
        effects=effects,
        assignee=assignee,
        next_update_at=next_update_at,
        actor=actor,
        now=now,
    )


@use_case
def update_incident(
    *,
    incident: Incident,
    state: IncidentState,
    text: Text,
    effects: Effects,
    next_update_at: datetime,
    actor: Actor,
    now: datetime,
    seen_at: datetime | None = None,
) -> Incident:
    """Tell how it goes, and when the next word comes; `effects` names what has changed.

    Raises: PersonNeededError, IncidentStateError, StaleError, TextMissingError,
    NextUpdateInThePastError.
    """
    check_person(actor)
    locked = _lock(incident, *OPEN_STATES)
    check_unchanged(locked, seen_at)
    if state not in OPEN_STATES:
        raise IncidentStateError
    check_text(text)
    _check_promise(next_update_at, now)
    before, locked.state = locked.state, state
    if state == IncidentState.MONITORING:
        locked.monitoring_at = locked.monitoring_at or now
    locked.next_update_at = next_update_at
    changes = _set_effects(locked, effects)
    _save(locked, now)
    tell(locked, status=_PUBLIC_STATUS[state], text=text, changes=changes, now=now)
    refresh_components(_list_components(locked), actor=actor, now=now)
    audit(
        IncidentEvent.UPDATED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"from": str(before), "to": state.value, "components": changes},
    )
    return locked


@use_case
def assign_incident(*, incident: Incident, assignee: User, actor: Actor, now: datetime) -> Incident:
    """Hand an incident over to somebody else.

    Raises: PersonNeededError, IncidentStateError, NotStaffError.
    """
    check_person(actor)
    locked = _lock(incident, IncidentState.REVIEWING, *OPEN_STATES)
    _check_staff(assignee)
    before, locked.assignee = locked.assignee_id, assignee
    locked.updated_at = now
    locked.save(update_fields=["assignee", "updated_at"])
    audit(
        IncidentEvent.REASSIGNED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"from": str(before), "to": str(assignee.pk)},
    )
    return locked


@use_case
def resolve_incident(
    *,
    incident: Incident,
    text: Text,
    actor: Actor,
    now: datetime,
    seen_at: datetime | None = None,
) -> Incident:
    """Say that it is over: what it hurt works again, unless something else hurts it too.

    Raises: PersonNeededError, IncidentStateError, StaleError, TextMissingError.
    """
    check_person(actor)
    locked = _lock(incident, *OPEN_STATES)
    check_unchanged(locked, seen_at)
    check_text(text)
    components = _list_components(locked)
    changes = _set_effects(locked, dict.fromkeys(components, ComponentStatus.OPERATIONAL))
    locked.state = IncidentState.RESOLVED
    locked.resolved_at = now
    locked.next_update_at = None
    _save(locked, now)
    tell(locked, status=StatusUpdate.Status.RESOLVED, text=text, changes=changes, now=now)
    refresh_components(components, actor=actor, now=now)
    minutes = int((now - locked.started_at).total_seconds() // 60)
    audit(
        IncidentEvent.RESOLVED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"minutes": minutes, "impact": locked.impact},
    )
    return locked


@use_case
def publish_postmortem(*, incident: Incident, text: Text, actor: Actor, now: datetime) -> Incident:
    """Publish what was learnt from an incident that is over.

    Raises: PersonNeededError, IncidentStateError, TextMissingError.
    """
    check_person(actor)
    locked = _lock(incident, IncidentState.RESOLVED)
    check_text(text)
    locked.state = IncidentState.POSTMORTEM
    _save(locked, now)
    tell(locked, status=StatusUpdate.Status.POSTMORTEM, text=text, changes=[], now=now)
    audit(IncidentEvent.POSTMORTEM_PUBLISHED, actor=actor, now=now, target=locked.ref)
    return locked


@step
def _suspect(
    name: Text, source: str, started_at: datetime, *, actor: Actor, now: datetime
) -> Incident:
    check_text(name)
    if started_at > now:
        raise StartInTheFutureError
    incident = Incident.objects.create(
        code=make_code(),
        name_sv=name.sv,
        name_en=name.en,
        source=source,
        state=IncidentState.SUSPECTED,
        started_at=started_at,
        suspected_at=now,
        updated_at=now,
    )
    audit(IncidentEvent.SUSPECTED, actor=actor, now=now, target=incident.ref)
    return incident


@step
def _confirm(
    locked: Incident,
    *,
    text: Text,
    effects: Effects,
    assignee: User,
    next_update_at: datetime,
    actor: Actor,
    now: datetime,
) -> Incident:
    check_person(actor)
    check_text(locked.name)
    check_text(text)
    if ComponentStatus.worst(list(effects.values())) == ComponentStatus.OPERATIONAL:
        raise NoComponentError
    _check_staff(assignee)
    _check_promise(next_update_at, now)
    locked.state = IncidentState.CONFIRMED
    locked.assignee = assignee
    locked.confirmed_at = now
    locked.next_update_at = next_update_at
    changes = _set_effects(locked, effects)
    _save(locked, now)
    tell(locked, status=StatusUpdate.Status.INVESTIGATING, text=text, changes=changes, now=now)
    refresh_components(_list_components(locked), actor=actor, now=now)
    audit(
        IncidentEvent.CONFIRMED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"assignee": str(assignee.pk), "impact": locked.impact, "components": changes},
    )
    return locked


def _lock(incident: Incident, *states: IncidentState) -> Incident:
    locked = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=incident.pk)
    if locked.state not in states:
        raise IncidentStateError
    return locked


def _save(locked: Incident, now: datetime) -> None:
    locked.updated_at = now
    locked.save()


def _check_staff(person: User) -> None:
    if not (person.is_staff and person.is_active):
        raise NotStaffError


def _check_promise(next_update_at: datetime, now: datetime) -> None:
    if next_update_at <= now:
        raise NextUpdateInThePastError


def _list_components(incident: Incident) -> list[Component]:
    return list(Component.objects.filter(effects__incident=incident).in_order())


def _set_effects(locked: Incident, effects: Effects) -> list[Change]:
    """Note what the incident does to each component now; tell it for all that it ever touched."""
    before = dict(locked.effects.values_list("component__code", "status"))
    for component, status in effects.items():
        if component.code in before or status != ComponentStatus.OPERATIONAL:
            IncidentComponent.objects.update_or_create(
                incident=locked, component=component, defaults={"status": status}
            )
    after = locked.effects.order_by(
        F("component__group__position"), "component__position", "pk"
    ).values_list("component__code", "status")
    changes = [
        Change(
            code=code, old_status=before.get(code, ComponentStatus.OPERATIONAL), new_status=status
        )
        for code, status in after
    ]
    worst = Impact.of(ComponentStatus.worst([change["new_status"] for change in changes]))
    locked.impact = max(Impact(locked.impact), worst, key=lambda impact: impact.severity)
    return changes
