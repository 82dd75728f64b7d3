"""Components, incidents, planned updates, and what was told about them."""

from statuspage.models.component import (
    Component,
    ComponentGroup,
    ComponentGroupQuerySet,
    ComponentQuerySet,
    ComponentStatus,
    Tier,
)
from statuspage.models.incident import (
    OPEN_STATES,
    OVER_STATES,
    PRIVATE_STATES,
    DismissalReason,
    Impact,
    Incident,
    IncidentComponent,
    IncidentQuerySet,
    IncidentState,
)
from statuspage.models.planning import (
    ACTIVE_STATES,
    COMING_STATES,
    NOTICE,
    PlannedUpdate,
    PlannedUpdateQuerySet,
    UpdateKind,
    UpdateState,
)
from statuspage.models.schedule import (
    AmbiguousTimeError,
    Window,
    list_months,
    ordinary_window,
    third_wednesday,
    to_instant,
)
from statuspage.models.text import Text, make_code
from statuspage.models.update import StatusUpdate, StatusUpdateQuerySet

__all__ = [
    "ACTIVE_STATES",
    "COMING_STATES",
    "NOTICE",
    "OPEN_STATES",
    "OVER_STATES",
    "PRIVATE_STATES",
    "AmbiguousTimeError",
    "Component",
    "ComponentGroup",
    "ComponentGroupQuerySet",
    "ComponentQuerySet",
    "ComponentStatus",
    "DismissalReason",
    "Impact",
    "Incident",
    "IncidentComponent",
    "IncidentQuerySet",
    "IncidentState",
    "PlannedUpdate",
    "PlannedUpdateQuerySet",
    "StatusUpdate",
    "StatusUpdateQuerySet",
    "Text",
    "Tier",
    "UpdateKind",
    "UpdateState",
    "Window",
    "list_months",
    "make_code",
    "ordinary_window",
    "third_wednesday",
    "to_instant",
]
