"""From the components to the one line on top, as Atlassian Statuspage counts it."""

from collections.abc import Sequence
from dataclasses import dataclass

from statuspage.models import ComponentStatus


@dataclass(frozen=True, slots=True)
class Rollup:
    """The state of the whole: what readers of the API match on, so it stays in English."""

    indicator: str
    description: str


ALL_OPERATIONAL = Rollup("none", "All Systems Operational")
MAINTENANCE = Rollup("maintenance", "Service Under Maintenance")
PARTIALLY_DEGRADED = Rollup("minor", "Partially Degraded Service")
DEGRADED = Rollup("minor", "Degraded System Service")
MINOR_OUTAGE = Rollup("minor", "Minor Service Outage")
PARTIAL_OUTAGE = Rollup("major", "Partial System Outage")
MAJOR_OUTAGE = Rollup("critical", "Major System Outage")

# Worst first: what it is called when every component is so, and when only some are.
_RULE = (
    (ComponentStatus.MAJOR_OUTAGE, MAJOR_OUTAGE, PARTIAL_OUTAGE),
    (ComponentStatus.PARTIAL_OUTAGE, PARTIAL_OUTAGE, MINOR_OUTAGE),
    (ComponentStatus.DEGRADED_PERFORMANCE, DEGRADED, PARTIALLY_DEGRADED),
    (ComponentStatus.UNDER_MAINTENANCE, MAINTENANCE, MAINTENANCE),
)


def roll_up(statuses: Sequence[str]) -> Rollup:
    """Return the state of the whole; groups are no components and aren't counted."""
    for status, when_all, when_some in _RULE:
        count = statuses.count(status)
        if count:
            return when_all if count == len(statuses) else when_some
    return ALL_OPERATIONAL
