"""What staff do with the status page."""

from statuspage.admin.components import ComponentAdmin, ComponentGroupAdmin
from statuspage.admin.incidents import IncidentAdmin
from statuspage.admin.planning import PlannedUpdateAdmin

__all__ = ["ComponentAdmin", "ComponentGroupAdmin", "IncidentAdmin", "PlannedUpdateAdmin"]
