"""What is refused about seats and entitlements, and the lock that they share."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from services.models import Entitlement
from vop.lib.errors import DomainError


class AlreadyEntitledError(DomainError):
    message = _("The company has this service already.")


class NotEntitledError(DomainError):
    message = _("The company does not have this service any more.")


class NoSeatLeftError(DomainError):
    message = _("All seats are taken. Release one, or buy more seats.")


class AlreadySeatedError(DomainError):
    message = _("This person has a seat in the service already.")


class SeatGoneError(DomainError):
    message = _("This seat was released already.")


class MemberGoneError(DomainError):
    message = _("This person is not a member any more.")


class ForeignRoleError(DomainError):
    message = _("The service has no such role.")


class SeatRefusedError(DomainError):
    """One of many changes was refused, and so none is made; says whose and where."""

    def __init__(self, person: str, service: str, error: DomainError) -> None:
        facts = {"person": person, "service": service, "reason": error.message}
        super().__init__(_("%(person)s, %(service)s: %(reason)s") % facts)


def lock_entitlement(entitlement: Entitlement) -> Entitlement:
    """Hold an entitlement's row, under which its seats are counted."""
    return (
        Entitlement.objects.select_for_update(of=("self",), no_key=True)
        .select_related("company", "service")
        .get(pk=entitlement.pk)
    )


def is_over(locked: Entitlement, seen: Entitlement, now: datetime) -> bool:
    """Tell whether it ended: before now, or while we waited for the lock, at a later instant."""
    return locked.has_ended(now) or locked.valid_until != seen.valid_until
