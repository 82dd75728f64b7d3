"""The JSON of the public site, in the shapes of the Atlassian Statuspage API v2.

Names and texts are Swedish, the page's first language; states are the API's English words.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from statuspage.models import (
    Component,
    ComponentGroup,
    ComponentStatus,
    Incident,
    IncidentState,
    PlannedUpdate,
    StatusUpdate,
    UpdateState,
)
from statuspage.queries import SHOWN, Snapshot
from statuspage.rendering.rollup import roll_up
from vop.lib.clock import STOCKHOLM

Json = dict[str, Any]

PAGE_ID = "vopstatus001"
PAGE_NAME = "vop"

_INCIDENT_STATUS = {
    IncidentState.CONFIRMED: "investigating",
    IncidentState.IDENTIFIED: "identified",
    IncidentState.MONITORING: "monitoring",
    IncidentState.RESOLVED: "resolved",
    IncidentState.POSTMORTEM: "postmortem",
}
# The API knows no cancelled maintenance: it is over, and its last text says why.
_MAINTENANCE_STATUS = {
    UpdateState.ANNOUNCED: "scheduled",
    UpdateState.IN_PROGRESS: "in_progress",
    UpdateState.VERIFYING: "verifying",
    UpdateState.COMPLETED: "completed",
    UpdateState.CANCELLED: "completed",
}


_NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # an empty page is older than any change


def render_api(snapshot: Snapshot) -> dict[str, bytes]:
    """Return every file of the API by its path; the bytes depend on the snapshot alone."""
    names = {c.code: f"{c.group.name_sv} - {c.name_sv}" for c in snapshot.components}
    incidents = [(i, _incident(i, names)) for i in snapshot.incidents]
    planned = [(p, _maintenance(p, names)) for p in snapshot.planned_updates]
    unresolved = [shape for incident, shape in incidents if incident.is_open]
    upcoming = _soonest(planned, lambda update: update.is_announced)
    active = _soonest(planned, lambda update: update.is_active)
    rollup = roll_up([component.status for component in snapshot.components])
    page = _page(snapshot)
    status = {"indicator": rollup.indicator, "description": rollup.description}
    components = _components(snapshot)
    bodies: dict[str, Json] = {
        "summary": {
            "status": status,
            "components": components,
            "incidents": unresolved,
            "scheduled_maintenances": [*active, *upcoming],
        },
        "status": {"status": status},
        "components": {"components": components},
        "incidents": {"incidents": [shape for _incident, shape in incidents][:SHOWN]},
        "incidents/unresolved": {"incidents": unresolved},
        "scheduled-maintenances": {"scheduled_maintenances": [shape for _, shape in planned]},
        "scheduled-maintenances/upcoming": {"scheduled_maintenances": upcoming},
        "scheduled-maintenances/active": {"scheduled_maintenances": active},
    }
    return {f"api/v2/{name}.json": dump({"page": page, **body}) for name, body in bodies.items()}


def dump(value: Json) -> bytes:
    """Write JSON, the same bytes for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _page(snapshot: Snapshot) -> Json:
    changes = [
        *(group.updated_at for group in snapshot.groups),
        *(component.updated_at for component in snapshot.components),
        *(incident.updated_at for incident in snapshot.incidents),
        *(update.updated_at for update in snapshot.planned_updates),
    ]
    return {
        "id": PAGE_ID,
        "name": PAGE_NAME,
        "url": settings.STATUS_URL,
        "time_zone": str(STOCKHOLM),
        "updated_at": _moment(max(changes, default=_NEVER)),
    }


def _components(snapshot: Snapshot) -> list[Json]:
    shapes = []
    for group in snapshot.groups:
        members = [c for c in snapshot.components if c.group_id == group.pk]
        shapes.append(_group(group, members))
        shapes.extend(_component(member) for member in members)
    return shapes


def _group(group: ComponentGroup, members: list[Component]) -> Json:
    return {
        "id": group.code,
        "name": group.name_sv,
        "status": ComponentStatus.worst([member.status for member in members]).value,
        "created_at": _moment(group.created_at),
        "updated_at": _moment(group.updated_at),
        "position": group.position,
        "description": None,
        "showcase": False,
        "start_date": None,
        "group_id": None,
        "page_id": PAGE_ID,
        "group": True,
        "only_show_if_degraded": False,
        "components": [member.code for member in members],
    }


def _component(component: Component) -> Json:
    return {
        "id": component.code,
        "name": component.name_sv,
        "status": component.status,
        "created_at": _moment(component.created_at),
        "updated_at": _moment(component.updated_at),
        "position": component.position,
        "description": component.description_sv or None,
        "showcase": True,
        "start_date": component.start_date.isoformat(),
        "group_id": component.group.code,
        "page_id": PAGE_ID,
        "group": False,
        "only_show_if_degraded": False,
    }


def _incident(incident: Incident, names: dict[str, str]) -> Json:
    return {
        "id": incident.code,
        "name": incident.name_sv,
        "status": _INCIDENT_STATUS[IncidentState(incident.state)],
        "created_at": _moment(incident.confirmed_at),
        "updated_at": _moment(incident.updated_at),
        "monitoring_at": _moment(incident.monitoring_at),
        "resolved_at": _moment(incident.resolved_at),
        "impact": incident.impact,
        "shortlink": f"{settings.STATUS_URL}/incidents/{incident.code}",
        "started_at": _moment(incident.started_at),
        "page_id": PAGE_ID,
        "incident_updates": _updates(incident.updates.all(), incident.code, names),
        "components": [_component(effect.component) for effect in incident.effects.all()],
        "reminder_intervals": None,
    }


def _maintenance(update: PlannedUpdate, names: dict[str, str]) -> Json:
    return {
        "id": update.code,
        "name": update.title_sv,
        "status": _MAINTENANCE_STATUS[UpdateState(update.state)],
        "created_at": _moment(update.announced_at),
        "updated_at": _moment(update.updated_at),
        "monitoring_at": None,
        "resolved_at": _moment(update.completed_at),
        "impact": "maintenance",
        "shortlink": f"{settings.STATUS_URL}/incidents/{update.code}",
        "started_at": _moment(update.started_at or update.window_start),
        "page_id": PAGE_ID,
        "incident_updates": _updates(update.updates.all(), update.code, names),
        "components": [_component(component) for component in update.components.all()],
        "scheduled_for": _moment(update.window_start),
        "scheduled_until": _moment(update.window_end),
    }


def _updates(updates: Iterable[StatusUpdate], code: str, names: dict[str, str]) -> list[Json]:
    return [
        {
            "id": update.code,
            "status": update.status,
            "body": update.body_sv,
            "incident_id": code,
            "created_at": _moment(update.created_at),
            "updated_at": _moment(update.created_at),
            "display_at": _moment(update.display_at),
            "affected_components": [
                {
                    "code": change["code"],
                    "name": names[change["code"]],
                    "old_status": change["old_status"],
                    "new_status": change["new_status"],
                }
                for change in update.changes
                if change["code"] in names
            ],
            "deliver_notifications": True,
            "custom_tweet": None,
            "tweet_id": None,
        }
        for update in updates
    ]


def _soonest(
    planned: list[tuple[PlannedUpdate, Json]], wanted: Callable[[PlannedUpdate], bool]
) -> list[Json]:
    return [shape for update, shape in reversed(planned) if wanted(update)]


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(STOCKHOLM).isoformat(timespec="milliseconds") if at else None
