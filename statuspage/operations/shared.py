"""What the operations of this room have in common."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from auditlog.actors import Actor
from auditlog.operations import audit
from statuspage.events import ComponentEvent
from statuspage.models import (
    ACTIVE_STATES,
    OPEN_STATES,
    Component,
    ComponentStatus,
    Incident,
    IncidentComponent,
    PlannedUpdate,
    StatusUpdate,
    Text,
    make_code,
)
from statuspage.operations.errors import PersonNeededError, TextMissingError
from vop.lib import jobs
from vop.lib.db import step
from vop.lib.errors import StaleError

Change = dict[str, str]


def check_person(actor: Actor) -> None:
    """Refuse anybody but staff: a probe or a clock never decides what the public is told.

    Raises: PersonNeededError.
    """
    if actor.kind != "staff":
        raise PersonNeededError


def check_text(text: Text) -> None:
    """Refuse an update without words.

    Raises: TextMissingError.
    """
    if not text.sv.strip():
        raise TextMissingError


def check_unchanged(thing: Component | Incident | PlannedUpdate, seen_at: datetime | None) -> None:
    """Refuse a change that was decided on by looking at an older state of the thing.

    Raises: StaleError.
    """
    if seen_at is not None and seen_at != thing.updated_at:
        raise StaleError


@step
def tell(
    thing: Incident | PlannedUpdate,
    *,
    status: StatusUpdate.Status,
    text: Text,
    changes: Sequence[Change],
    now: datetime,
) -> StatusUpdate:
    """Add a public text and have the site published."""
    update = StatusUpdate.objects.create(
        code=make_code(),
        incident=thing if isinstance(thing, Incident) else None,
        planned_update=thing if isinstance(thing, PlannedUpdate) else None,
        status=status,
        body_sv=text.sv.strip(),
        body_en=text.en.strip(),
        display_at=now,
        created_at=now,
        changes=list(changes),
    )
    publish_after_commit()
    return update


@step
def publish_after_commit() -> None:
    """Have the public site written anew once this transaction is committed."""
    jobs.enqueue("statuspage.publish")


@step
def refresh_components(components: Iterable[Component], *, actor: Actor, now: datetime) -> None:
    """Give components the worst status that an open incident or active work sets."""
    ids = [component.pk for component in components]
    locked = Component.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids)
    for component in locked.order_by("pk"):
        status = _find_status(component)
        if component.status == status:
            continue
        before, component.status = component.status, status
        component.updated_at = now
        component.save(update_fields=["status", "updated_at"])
        audit(
            ComponentEvent.STATUS_CHANGED,
            actor=actor,
            now=now,
            target=component.ref,
            data={"from": before, "to": status.value},
        )


def _find_status(component: Component) -> ComponentStatus:
    known = list(
        IncidentComponent.objects.filter(
            component=component, incident__state__in=OPEN_STATES
        ).values_list("status", flat=True)
    )
    if component.planned_updates.filter(state__in=ACTIVE_STATES).exists():
        known.append(ComponentStatus.UNDER_MAINTENANCE)
    return ComponentStatus.worst(known)
