"""Writing the log: one function, called by every operation in its own transaction."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.utils.encoding import force_str

from auditlog.actors import Actor, Ref
from auditlog.events import EventType, LogEvent
from auditlog.models import Event, EventAudience, EventPersonal
from vop.lib.bulk import insert_models, insert_rows, reserve_keys
from vop.lib.db import step, use_case
from vop.lib.statements import write

_NOTHING = Ref("", "", "")


@step
def audit(
    event_type: EventType,
    *,
    actor: Actor,
    now: datetime,
    company: Ref | None = None,
    target: Ref | None = None,
    data: Mapping[str, Any] | None = None,
    outcome: Event.Outcome = Event.Outcome.SUCCESS,
    also_visible_to: Iterable[uuid.UUID] = (),
) -> Event:
    """Write one event in the transaction of what it tells about.

    `company` is where it happened and can always read it; `also_visible_to` names others that it
    concerns. Keys of `data` that the event type calls personal are stored beside the event.
    """
    rows = describe_event(
        event_type,
        actor=actor,
        now=now,
        company=company,
        target=target,
        data=data,
        outcome=outcome,
        also_visible_to=also_visible_to,
    )
    write(*rows)
    return cast("Event", rows[0])


def describe_event(
    event_type: EventType,
    *,
    actor: Actor,
    now: datetime,
    company: Ref | None = None,
    target: Ref | None = None,
    data: Mapping[str, Any] | None = None,
    outcome: Event.Outcome = Event.Outcome.SUCCESS,
    also_visible_to: Iterable[uuid.UUID] = (),
) -> Sequence[Model]:
    """Return the rows of an event, itself first, for a statement that writes more than them.

    For token traffic, where each statement counts; everything else calls `audit`.
    """
    target = target or company or _NOTHING
    plain, personal = _split(event_type, data or {})
    event = Event(
        action=event_type.value,
        outcome=outcome,
        retention=event_type.retention.value,
        occurred_at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        company_id=uuid.UUID(company.id) if company else None,
        target_kind=target.kind,
        target_id=target.id,
        data=plain,
        request_id=actor.request_id,
    )
    beside = EventPersonal(
        event=event,
        actor_label=actor.label[:254],
        target_label=force_str(target.label)[:254],
        ip=actor.ip or None,
        user_agent=actor.user_agent[:300],
        data=personal,
    )
    readers = set(also_visible_to) | ({uuid.UUID(company.id)} if company else set())
    audience = [EventAudience(event=event, company_id=reader) for reader in sorted(readers)]
    return [event, beside, *audience]


@dataclass(frozen=True, slots=True)
class Entry:
    """One of many events of a kind that happen at once, as `audit` takes it."""

    company: Ref | None
    target: Ref
    data: Mapping[str, Any]
    also_visible_to: tuple[uuid.UUID, ...] = ()


@step
def audit_each(
    event_type: EventType, entries: Iterable[Entry], *, actor: Actor, now: datetime
) -> Sequence[Event]:
    """Write many events of a kind, each as `audit` would, in a few statements."""
    described = [
        describe_event(
            event_type,
            actor=actor,
            now=now,
            company=entry.company,
            target=entry.target,
            data=entry.data,
            also_visible_to=entry.also_visible_to,
        )
        for entry in entries
    ]
    for rows, key in zip(described, reserve_keys(Event, len(described)), strict=True):
        rows[0].pk = key
    rows = [row for each in described for row in each]
    events = [row for row in rows if isinstance(row, Event)]
    beside = [row for row in rows if isinstance(row, EventPersonal)]
    for event, row in zip(events, beside, strict=True):
        row.event = event  # again, for its key
    shown = [(row.event.pk, row.company_id) for row in rows if isinstance(row, EventAudience)]
    insert_models(Event, events)
    insert_models(EventPersonal, beside)
    insert_rows(EventAudience, ["event_id", "company_id"], shown)
    return events


@step
def show_event_to(*, event: Event, company_ids: Iterable[uuid.UUID]) -> None:
    """Let companies read an event that concerns them."""
    EventAudience.objects.bulk_create(
        [EventAudience(event=event, company_id=company_id) for company_id in sorted(company_ids)],
        ignore_conflicts=True,
    )


@use_case
def record_export(
    *, company: Ref, description: Mapping[str, str], actor: Actor, now: datetime
) -> Event:
    """Write down that somebody took a part of a company's log out of here."""
    return audit(
        LogEvent.EXPORTED, actor=actor, now=now, company=company, data={"filter": dict(description)}
    )


def _split(event_type: EventType, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = {key: _to_json(value) for key, value in data.items() if key not in event_type.personal}
    personal = {key: _to_json(value) for key, value in data.items() if key in event_type.personal}
    return plain, personal


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str | list | dict):
        return value
    return DjangoJSONEncoder().default(value)
