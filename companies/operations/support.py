"""Letting our own staff look at a company's data, and telling the company each time they do."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.actors import Actor
from auditlog.operations import audit
from companies import notifications, signals
from companies.events import SupportEvent
from companies.models import (
    EMERGENCY_LASTS,
    MOST_SUPPORT_DAYS,
    Company,
    Membership,
    Permission,
    SupportGrant,
)
from companies.operations.rules import check_may, lock_company
from vop.lib.db import use_case
from vop.lib.errors import DomainError


class SupportDaysError(DomainError):
    message = _("Support can be let in for 1 to 30 days.")


class SupportReasonError(DomainError):
    message = _("Say why: the company reads it.")


class SupportEndedError(DomainError):
    message = _("This access has ended already.")


class NotStaffError(DomainError):
    message = _("Only staff can do this.")


@use_case
def open_support(
    *, company: Company, reason: str, days: int, acting: Membership, actor: Actor, now: datetime
) -> SupportGrant:
    """Let our staff read the company's data for some days.

    Raises: NotAllowedError, SupportDaysError, SupportReasonError.
    """
    company = lock_company(company.pk)
    check_may(acting, company, Permission.SUPPORT_GRANT, at=now)
    if not 1 <= days <= MOST_SUPPORT_DAYS:
        raise SupportDaysError
    grant = SupportGrant(
        company=company,
        source=SupportGrant.Source.CUSTOMER,
        reason=reason.strip(),
        opened_by=acting.user,
        valid_from=now,
        valid_until=now + timedelta(days=days),
    )
    return _open(grant, SupportEvent.OPENED, actor=actor, now=now)


@use_case
def break_glass(
    *, company: Company, user: User, reason: str, actor: Actor, now: datetime
) -> SupportGrant:
    """Let one of our staff in without being asked, for hours; the company's owners get a mail.

    Raises: NotStaffError, SupportReasonError.
    """
    company = lock_company(company.pk)
    if not User.objects.filter(pk=user.pk, is_staff=True, is_active=True).exists():
        raise NotStaffError
    grant = SupportGrant(
        company=company,
        staff=user,
        source=SupportGrant.Source.EMERGENCY,
        reason=reason.strip(),
        opened_by=user,
        valid_from=now,
        valid_until=now + EMERGENCY_LASTS,
    )
    _open(grant, SupportEvent.BREAK_GLASS, actor=actor, now=now)
    notifications.send_break_glass(grant, at=now)
    return grant


@use_case
def end_support(
    *, grant: SupportGrant, acting: Membership, actor: Actor, now: datetime
) -> SupportGrant:
    """Shut our staff out again, at once, whoever let them in.

    Raises: NotAllowedError, SupportEndedError.
    """
    company = lock_company(grant.company_id)
    check_may(acting, company, Permission.SUPPORT_GRANT, at=now)
    current = SupportGrant.objects.select_related("company").get(pk=grant.pk)
    if current.company_id != company.pk or not current.is_in_force(max(now, current.valid_from)):
        raise SupportEndedError
    current.ended_at = max(now, current.valid_from)
    current.save(update_fields=["ended_at"])
    audit(SupportEvent.ENDED, actor=actor, now=now, company=company.ref, target=current.ref)
    signals.support_ended.send(sender=SupportGrant, grant=current, actor=actor, now=now)
    return current


@use_case
def record_look(*, grant: SupportGrant, page: str, actor: Actor, now: datetime) -> None:
    """Tell the company that staff look at a page with its data, before they see it.

    Raises: SupportEndedError.
    """
    # The row is held, so that a look and the end of the grant come one after the other.
    held = SupportGrant.objects.select_for_update(of=("self",), no_key=True)
    current = held.select_related("company").get(pk=grant.pk)
    if current.ended_at is not None or not current.is_in_force(now):
        raise SupportEndedError
    current.last_used_at = now
    current.save(update_fields=["last_used_at"])
    audit(
        SupportEvent.LOOKED,
        actor=Actor(
            "staff",
            actor.id,
            actor.label,
            ip=actor.ip,
            user_agent=actor.user_agent,
            request_id=actor.request_id,
        ),
        now=now,
        company=current.company.ref,
        target=current.ref,
        data={"page": page, "grant": str(current.pk), "reason": current.reason},
    )


def _open(grant: SupportGrant, event: SupportEvent, *, actor: Actor, now: datetime) -> SupportGrant:
    if not grant.reason:
        raise SupportReasonError
    grant.save(force_insert=True)
    audit(
        event,
        actor=actor,
        now=now,
        company=grant.company.ref,
        target=grant.ref,
        data={"until": grant.valid_until, "reason": grant.reason},
    )
    return grant
