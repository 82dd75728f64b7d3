"""What ends in the rooms below ends what services got from it (design rule 7)."""

from datetime import datetime
from typing import Any, cast

from allauth.account import signals as account_signals
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import signals as person_signals
from accounts.http import AnyRequest
from accounts.models import User
from accounts.queries import get_session_ref
from auditlog.actors import Actor
from companies import signals as company_signals
from companies.models import Assignment, Block, Company, SupportGrant
from oidc.models import Grant, RevocationReason
from oidc.operations.grants import end_grants, end_grants_without_access, revoke_grants
from services.access import Access, effective_access
from services.models import Seat
from services.signals import seat_ended
from vop.lib import jobs
from vop.lib.db import in_use_case


@receiver(person_signals.session_ended)
def end_grants_of_session(session_ref: str, now: datetime, **kwargs: Any) -> None:
    """A session is over: what services got from it ends."""
    if session_ref:
        revoke_grants(
            Grant.objects.of_session(session_ref),
            reason=RevocationReason.SESSION_ENDED,
            actor=Actor.system(),
            now=now,
        )


@receiver(person_signals.person_deactivated)
def end_grants_of_person(user: User, actor: Actor, now: datetime, **kwargs: Any) -> None:
    """A person is shut out: everything that services got for them ends."""
    revoke_grants(
        Grant.objects.of_person(user.pk),
        reason=RevocationReason.PERSON_DISABLED,
        actor=actor,
        now=now,
    )


@receiver(seat_ended)
def end_grants_of_seat(seat: Seat, actor: Actor, now: datetime, **kwargs: Any) -> None:
    """A seat ended: unless the access rests on something else as well, its grants end."""
    user, entitlement = seat.membership.user, seat.entitlement
    company, service = entitlement.company, entitlement.service
    if isinstance(effective_access(user, company, service, now), Access):
        return
    revoke_grants(
        Grant.objects.of_person(user.pk).filter(company=company, client__service=service),
        reason=RevocationReason.ACCESS_LOST,
        actor=actor,
        now=now,
    )


@receiver(company_signals.assignment_ended)
def end_grants_of_assignment(
    assignment: Assignment, actor: Actor, now: datetime, **kwargs: Any
) -> None:
    """Somebody's work for a client ended: so does what rested on it alone."""
    client = assignment.mandate.client
    end_grants_without_access(user=assignment.user, company=client, actor=actor, now=now)


@receiver(company_signals.person_blocked)
def end_grants_of_blocked(block: Block, actor: Actor, now: datetime, **kwargs: Any) -> None:
    """A client shut somebody out: what rested on a mandate ends."""
    end_grants_without_access(user=block.user, company=block.company, actor=actor, now=now)


@receiver(company_signals.support_ended)
def end_grants_of_support(grant: SupportGrant, actor: Actor, now: datetime, **kwargs: Any) -> None:
    """A company shut our staff out: what rested on that alone ends."""
    held = Grant.objects.live().filter(company=grant.company)
    for user in User.objects.filter(is_staff=True, pk__in=held.values("user_id")).order_by("pk"):
        end_grants_without_access(user=user, company=grant.company, actor=actor, now=now)


@receiver(company_signals.policy_changed)
def look_at_grants_again(company: Company, **kwargs: Any) -> None:
    """A company asks more of sessions: grants of those that fall short end, after the commit."""
    jobs.enqueue("oidc.apply_policy", company_id=str(company.pk))


@receiver([account_signals.password_changed, account_signals.password_reset])
def end_grants_after_new_password(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """A password was changed, perhaps because somebody else knew it: only this session's stay."""
    platform_request = cast("AnyRequest", request)
    others = Grant.objects.of_person(user.pk).exclude(session_ref=get_session_ref(request) or "-")
    end = revoke_grants if in_use_case() else end_grants
    end(
        others,
        reason=RevocationReason.PASSWORD_CHANGED,
        actor=platform_request.actor,
        now=platform_request.now,
    )
