"""What the log tells about the status page: planned updates, incidents, components."""

from django.utils.translation import gettext_lazy as _

from auditlog.events import EventType, Retention

_KEPT = Retention.THIRTEEN_MONTHS


class MaintenanceEvent(EventType):
    PLANNED = "maintenance.planned", _("Update planned"), _KEPT
    ANNOUNCED = "maintenance.announced", _("Planned update announced"), _KEPT
    UNSCHEDULED_ANNOUNCED = (
        "maintenance.unscheduled_announced",
        _("Unscheduled update announced"),
        _KEPT,
    )
    MOVED = "maintenance.moved", _("Planned update moved"), _KEPT
    CANCELLED = "maintenance.cancelled", _("Planned update cancelled"), _KEPT
    STARTED = "maintenance.started", _("Planned update started"), _KEPT
    VERIFYING = "maintenance.verifying", _("Planned update being verified"), _KEPT
    OVERRAN = "maintenance.overran", _("Planned update ran past its window"), _KEPT
    COMPLETED = "maintenance.completed", _("Planned update completed"), _KEPT


class IncidentEvent(EventType):
    SUSPECTED = "incident.suspected", _("Incident suspected"), _KEPT
    REVIEW_STARTED = "incident.review_started", _("Suspected incident taken for review"), _KEPT
    DISMISSED = "incident.dismissed", _("Suspected incident dismissed"), _KEPT
    CONFIRMED = "incident.confirmed", _("Incident confirmed"), _KEPT
    UPDATED = "incident.updated", _("Incident updated"), _KEPT
    REASSIGNED = "incident.reassigned", _("Incident handed over"), _KEPT
    RESOLVED = "incident.resolved", _("Incident resolved"), _KEPT
    POSTMORTEM_PUBLISHED = "incident.postmortem_published", _("Incident report published"), _KEPT


class ComponentEvent(EventType):
    CREATED = "component.created", _("Component created"), _KEPT
    UPDATED = "component.updated", _("Component changed"), _KEPT
    STATUS_CHANGED = "component.status_changed", _("Component's status changed"), _KEPT
