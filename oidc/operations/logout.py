"""Telling services that a session is over: a row and a job with the end itself, then the call."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
from oidc.events import ProviderEvent
from oidc.models import Grant, LogoutDelivery, RevocationReason
from oidc.operations.keys import get_signer
from oidc.protocol.jose import sign
from oidc.protocol.logout_token import TYP, build_logout_token
from vop.lib import jobs
from vop.lib.db import step, use_case
from vop.lib.outbound import ForbiddenAddressError, UnreachableError, post_form

TIMEOUT_SECONDS = 5
_DELIVERED = frozenset({200, 204})
_SYSTEM = Actor.system()


class LogoutNotDeliveredError(Exception):
    """The service didn't confirm; the outbox tries again, twice as late each time."""


@step
def plan_logouts(*, ended: Iterable[Grant], reason: RevocationReason, now: datetime) -> None:
    """Have every service that knows of an ended session told once.

    A service that gave its tokens back itself knows. One that never got a token, or still has
    another grant of the same session in the same company, has nothing to end.
    """
    if reason == RevocationReason.BY_CLIENT:
        return
    told = {
        (grant.client_id, grant.sid): grant
        for grant in ended
        if grant.redeemed_at is not None and grant.client.backchannel_logout_uri
    }
    for grant in told.values():
        if _has_another(grant, now):
            continue
        delivery = LogoutDelivery.objects.create(
            client=grant.client,
            user=grant.user,
            company=grant.company,
            sid=grant.sid,
            sub=str(grant.user.sub),
            reason=reason.value,
            created_at=now,
        )
        jobs.enqueue("oidc.deliver_logout", delivery_id=str(delivery.pk))


def deliver_logout(*, delivery_id: str, now: datetime) -> None:
    """Tell one service; the call is made outside any transaction.

    Raises: LogoutNotDeliveredError.
    """
    delivery = LogoutDelivery.objects.select_related(
        "client__client", "client__service", "company", "user"
    ).get(pk=delivery_id)
    if not delivery.is_open:
        return
    signer = get_signer(delivery.client.id_token_alg, now=now)
    token = sign(build_logout_token(delivery, at=now), signer, typ=TYP)
    try:
        answer = post_form(
            delivery.client.backchannel_logout_uri,
            {"logout_token": token},
            seconds=TIMEOUT_SECONDS,
            inside=settings.OIDC_LOGOUT_ALLOWED_HOSTS,
        )
    except (ForbiddenAddressError, UnreachableError) as error:
        record_logout_attempt(delivery=delivery, status=None, now=now)
        raise LogoutNotDeliveredError(type(error).__name__) from error
    record_logout_attempt(delivery=delivery, status=answer.status, now=now)
    if answer.status not in _DELIVERED:
        raise LogoutNotDeliveredError(answer.status)


@use_case
def record_logout_attempt(*, delivery: LogoutDelivery, status: int | None, now: datetime) -> None:
    """Note how a service answered; the log hears of the delivery, the first failure, the last."""
    row = LogoutDelivery.objects.select_for_update(of=("self",), no_key=True).get(pk=delivery.pk)
    if not row.is_open:
        return
    row.attempts += 1
    row.last_status = status
    is_delivered = status in _DELIVERED
    if is_delivered:
        row.delivered_at = now
    elif row.attempts >= jobs.MAX_ATTEMPTS:
        row.given_up_at = now
    row.save(update_fields=["attempts", "last_status", "delivered_at", "given_up_at"])
    if is_delivered:
        _audit(ProviderEvent.LOGOUT_NOTIFIED, delivery, row, Event.Outcome.SUCCESS, now)
    elif row.attempts == 1 or row.given_up_at is not None:
        _audit(ProviderEvent.LOGOUT_NOTIFY_FAILED, delivery, row, Event.Outcome.FAILURE, now)


def _audit(
    event: ProviderEvent,
    delivery: LogoutDelivery,
    row: LogoutDelivery,
    outcome: Event.Outcome,
    now: datetime,
) -> None:
    audit(
        event,
        actor=_SYSTEM,
        now=now,
        company=delivery.company.ref,
        target=delivery.user.ref,
        data={
            "client": delivery.client.client_id_text,
            "service": delivery.client.service.slug,
            "reason": row.reason,
            "attempts": row.attempts,
            "status": row.last_status,
            "given_up": row.given_up_at is not None,
        },
        outcome=outcome,
    )


def _has_another(grant: Grant, now: datetime) -> bool:
    return (
        Grant.objects.live()
        .filter(client=grant.client, sid=grant.sid, redeemed_at__isnull=False, expires_at__gt=now)
        .exists()
    )
