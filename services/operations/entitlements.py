"""What a company may use."""

from datetime import datetime

from auditlog.actors import Actor
from auditlog.operations import audit
from companies.models import Company
from services.events import ServiceEvent
from services.models import Entitlement, Seat, Service
from services.operations.rules import (
    AlreadyEntitledError,
    NotEntitledError,
    is_over,
    lock_entitlement,
)
from services.operations.seats import end_seats
from vop.lib.db import step, use_case


@step
def entitle_company(
    *, company: Company, service: Service, seat_limit: int | None, actor: Actor, now: datetime
) -> Entitlement:
    """Let a company use a service from now on.

    Raises: AlreadyEntitledError.
    """
    Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)
    if Entitlement.objects.not_ended(now).for_company(company.pk).filter(service=service).exists():
        raise AlreadyEntitledError
    entitlement = Entitlement.objects.create(
        company=company, service=service, seat_limit=seat_limit, valid_from=now
    )
    audit(
        ServiceEvent.ACTIVATED,
        actor=actor,
        now=now,
        company=company.ref,
        target=service.ref,
        data={"service": service.slug, "seats": seat_limit},
    )
    return entitlement


@step
def change_seat_limit(
    *, entitlement: Entitlement, seat_limit: int | None, actor: Actor, now: datetime
) -> Entitlement:
    """Set how many seats an entitlement has; seats that are taken stay taken.

    Raises: NotEntitledError.
    """
    locked = lock_entitlement(entitlement)
    if is_over(locked, entitlement, now):
        raise NotEntitledError
    if locked.seat_limit == seat_limit:
        return locked
    before, locked.seat_limit = locked.seat_limit, seat_limit
    locked.save(update_fields=["seat_limit"])
    audit(
        ServiceEvent.SEAT_LIMIT_CHANGED,
        actor=actor,
        now=now,
        company=locked.company.ref,
        target=locked.service.ref,
        data={"service": locked.service.slug, "seats": [before, seat_limit]},
    )
    return locked


@step
def end_entitlement(*, entitlement: Entitlement, actor: Actor, now: datetime) -> Entitlement:
    """End a company's use of a service now, and every seat in it.

    Raises: NotEntitledError when it has ended already.
    """
    locked = lock_entitlement(entitlement)
    if is_over(locked, entitlement, now):
        raise NotEntitledError
    locked.valid_until = max(now, locked.valid_from)
    locked.save(update_fields=["valid_until"])
    seats = Seat.objects.not_ended(now).filter(entitlement=locked).with_names().order_by("pk")
    end_seats(seats, reason="service_ended", actor=actor, now=now)
    audit(
        ServiceEvent.CANCELLED,
        actor=actor,
        now=now,
        company=locked.company.ref,
        target=locked.service.ref,
        data={"service": locked.service.slug},
    )
    return locked


@step
def end_entitlements_of(*, company: Company, actor: Actor, now: datetime) -> list[Entitlement]:
    """End everything that a company may use, and every seat in it. Call under its lock."""
    held = Entitlement.objects.not_ended(now).for_company(company.pk).order_by("pk")
    return [end_entitlement(entitlement=row, actor=actor, now=now) for row in held]


@use_case
def withdraw_service(*, entitlement: Entitlement, actor: Actor, now: datetime) -> Entitlement:
    """End a company's use of a service as an act of its own, such as a decision by staff.

    Raises: NotEntitledError.
    """
    return end_entitlement(entitlement=entitlement, actor=actor, now=now)
