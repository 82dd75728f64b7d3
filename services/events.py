"""What the log tells about services."""

from django.utils.translation import gettext_lazy as _

from auditlog.events import EventType, Retention


class ServiceEvent(EventType):
    CREATED = "service.created", _("Service added to the catalogue"), Retention.SEVEN_YEARS
    UPDATED = "service.updated", _("Service changed in the catalogue"), Retention.SEVEN_YEARS
    ACTIVATED = "service.activated", _("The company got a service"), Retention.SEVEN_YEARS
    CANCELLED = "service.cancelled", _("A service ended"), Retention.SEVEN_YEARS
    OPENED = "service.opened", _("Service opened"), Retention.NINETY_DAYS
    SEAT_ASSIGNED = "seat.assigned", _("Seat given"), Retention.SEVEN_YEARS
    SEAT_RELEASED = "seat.released", _("Seat released"), Retention.SEVEN_YEARS
    SEAT_ROLE_CHANGED = "seat.role_changed", _("Role of a seat changed"), Retention.SEVEN_YEARS
    SEAT_LIMIT_CHANGED = (
        "seat.limit_changed",
        _("Number of seats changed"),
        Retention.SEVEN_YEARS,
    )
    SEAT_LIMIT_REACHED = "seat.limit_reached", _("All seats are taken"), Retention.SEVEN_YEARS
