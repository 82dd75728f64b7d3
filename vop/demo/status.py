"""The demo's status page: components, an incident that is over, and the next planned update."""

from datetime import datetime, timedelta

from statuspage.models import Component, ComponentStatus, Incident, IncidentState, Text
from statuspage.operations import (
    announce_planned_update,
    ensure_components,
    open_incident,
    plan_ordinary_updates,
    resolve_incident,
    update_incident,
)
from vop.demo.people import SYSTEM, as_person, get_user
from vop.demo.timeline import Timeline
from vop.lib.clock import local_date

_ON_CALL = "ines@vop.example"
_COMPONENT = "access000001"


def plan_status(timeline: Timeline, *, start: datetime, now: datetime) -> None:
    """Set up the status page, and let something have gone wrong two months ago."""
    began = now - timedelta(days=63)
    timeline.at(start, _set_up)
    timeline.at(began, _open)
    timeline.at(began + timedelta(minutes=25), _find_cause)
    timeline.at(began + timedelta(minutes=52), _resolve)
    timeline.at(now - timedelta(hours=20), _announce)


def _set_up(now: datetime) -> None:
    ensure_components(actor=SYSTEM, now=now, start_date=local_date(now))


def _open(now: datetime) -> None:
    staff = get_user(_ON_CALL)
    open_incident(
        name=Text("Tjänster öppnas långsamt", "Services open slowly"),
        text=Text(
            "Det tar lång tid att öppna tjänster från startsidan. Inloggningen fungerar. "
            "Vi undersöker orsaken.",
            "Opening services from the start page takes long. Signing in works. "
            "We are looking for the cause.",
        ),
        effects={_component(): ComponentStatus.DEGRADED_PERFORMANCE},
        assignee=staff,
        next_update_at=now + timedelta(minutes=30),
        actor=as_person(staff),
        now=now,
    )


def _find_cause(now: datetime) -> None:
    update_incident(
        incident=_incident(),
        state=IncidentState.IDENTIFIED,
        text=Text(
            "En databasfråga blev långsam efter nattens uppdatering. Vi rättar den nu.",
            "A database query became slow with last night's update. We are mending it now.",
        ),
        effects={_component(): ComponentStatus.DEGRADED_PERFORMANCE},
        next_update_at=now + timedelta(minutes=30),
        actor=as_person(get_user(_ON_CALL)),
        now=now,
    )


def _resolve(now: datetime) -> None:
    resolve_incident(
        incident=_incident(),
        text=Text(
            "Frågan är rättad och tjänsterna öppnas lika snabbt som vanligt.",
            "The query is mended and services open as fast as they should.",
        ),
        actor=as_person(get_user(_ON_CALL)),
        now=now,
    )


def _announce(now: datetime) -> None:
    update = plan_ordinary_updates(months=12, actor=SYSTEM, now=now)[0]
    announce_planned_update(
        planned_update=update,
        text=Text(
            "Månadens uppdatering. Inloggning och tjänster kan vara borta en stund under natten.",
            "The monthly update. Signing in and services may be away for a while in the night.",
        ),
        expected_downtime_minutes=30,
        components=list(Component.objects.filter(is_public=True).order_by("position", "pk")),
        actor=as_person(get_user(_ON_CALL)),
        now=now,
        reason="Första uppdateringen i demon." if update.is_late_at(now) else "",
    )


def _component() -> Component:
    return Component.objects.get(code=_COMPONENT)


def _incident() -> Incident:
    return Incident.objects.get(name_sv="Tjänster öppnas långsamt")
