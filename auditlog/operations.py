"""Writing the log: one function, called by every operation in its own transaction."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, cast

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.utils.encoding import force_str

from auditlog.actors import Actor, Ref
from auditlog.events import EventType, LogEvent
from auditlog.models import Event, EventAudience, EventPersonal
from vop.lib.bulk import insert_rows, reserve_keys
from vop.lib.db import step, use_case
from vop.lib.keys import read_uuid
from vop.lib.statements import new_row, write

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
    values, personal, readers = _tell(
        event_type,
        Entry(company, target, data or {}, tuple(also_visible_to)),
        actor=actor,
        now=now,
        outcome=outcome,
    )
    event = new_row(Event, **values)
    audience = [new_row(EventAudience, event=event, company_id=each) for each in readers]
    return [event, new_row(EventPersonal, event=event, **personal), *audience]


@dataclass(frozen=True, slots=True)
class Entry:
    """One of many events of a kind that happen at once, as `audit` takes it."""

    company: Ref | None
    target: Ref | None
    data: Mapping[str, Any]
    also_visible_to: tuple[uuid.UUID, ...] = ()


@step
def audit_each(
    event_type: EventType, entries: Sequence[Entry], *, actor: Actor, now: datetime
) -> None:
    """Write many events of a kind, each as `audit` would, in a few statements."""
    events: list[tuple[Any, ...]] = []
    beside: list[tuple[Any, ...]] = []
    shown: list[tuple[Any, ...]] = []
    for key, entry in zip(reserve_keys(Event, len(entries)), entries, strict=True):
        values, personal, readers = _tell(event_type, entry, actor=actor, now=now)
        events.append((key, uuid.uuid4(), 1, *values.values()))
        beside.append((key, *personal.values()))
        shown += [(key, reader) for reader in readers]
    insert_rows(Event, ["id", "uid", "schema_version", *_Values.__annotations__], events)
    insert_rows(EventPersonal, ["event_id", *_Personal.__annotations__], beside)
    insert_rows(EventAudience, ["event_id", "company_id"], shown)


@step
def show_event_to(*, event: Event, company_ids: Iterable[uuid.UUID]) -> None:
    """Let companies read an event that concerns them and that none of them could read yet."""
    rows = [(event.pk, company_id) for company_id in sorted(company_ids)]
    insert_rows(EventAudience, ["event_id", "company_id"], rows)


@use_case
def record_export(
    *, company: Ref, description: Mapping[str, str], actor: Actor, now: datetime
) -> Event:
    """Write down that somebody took a part of a company's log out of here."""
    return audit(
        LogEvent.EXPORTED, actor=actor, now=now, company=company, data={"filter": dict(description)}
    )


class _Values(TypedDict):
    """What an event says, in the order of its columns."""

    action: str
    outcome: str
    retention: str
    occurred_at: datetime
    actor_kind: str
    actor_id: str
    company_id: uuid.UUID | None
    target_kind: str
    target_id: str
    data: dict[str, Any]
    request_id: str


class _Personal(TypedDict):
    """What stands beside an event, since it may be erased."""

    actor_label: str
    target_label: str
    ip: str | None
    user_agent: str
    data: dict[str, Any]


def _tell(
    event_type: EventType,
    entry: Entry,
    *,
    actor: Actor,
    now: datetime,
    outcome: Event.Outcome = Event.Outcome.SUCCESS,
) -> tuple[_Values, _Personal, list[uuid.UUID]]:
    """Return an event's columns, those of its personal part, and who may read it."""
    company, target = entry.company, entry.target or entry.company or _NOTHING
    company_id = read_uuid(company.id) if company else None
    plain, personal = _split(event_type, entry.data)
    values = _Values(
        action=event_type.value,
        outcome=outcome,
        retention=event_type.retention.value,
        occurred_at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        company_id=company_id,
        target_kind=target.kind,
        target_id=target.id,
        data=plain,
        request_id=actor.request_id,
    )
    beside = _Personal(
        actor_label=actor.label[:254],
        target_label=force_str(target.label)[:254],
        ip=actor.ip or None,
        user_agent=actor.user_agent[:300],
        data=personal,
    )
    return values, beside, sorted({*entry.also_visible_to, *([company_id] if company_id else [])})


def _split(event_type: EventType, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    plain: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for key, value in data.items():
        part = personal if key in event_type.personal else plain
        part[key] = _to_json(value)
    return plain, personal


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str | list | dict):
        return value
    return DjangoJSONEncoder().default(value)
