"""What Django and the sign-in library tell us, turned into operations."""

import uuid
from datetime import datetime
from typing import Any, cast

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.account.signals import (
    authentication_step_completed,
    email_changed,
    email_confirmed,
)
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_removed,
    authenticator_used,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts import operations
from accounts.events import CredentialEvent
from accounts.http import (
    AnyRequest,
    build_actor,
    instant_of,
    new_session_row,
    note_session_written,
)
from accounts.models import User
from accounts.queries import SESSION_FACTS, get_session_ref
from auditlog.actors import Actor

_ADDED = {
    Authenticator.Type.TOTP: CredentialEvent.TOTP_ENROLLED,
    Authenticator.Type.RECOVERY_CODES: CredentialEvent.RECOVERY_CODES_GENERATED,
}
_REMOVED = {
    Authenticator.Type.TOTP: CredentialEvent.TOTP_REMOVED,
    Authenticator.Type.RECOVERY_CODES: CredentialEvent.RECOVERY_CODES_REMOVED,
}


@receiver(user_logged_in, dispatch_uid="update_last_login")
def stamp_session(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Write into the session who signed in, when, and from where; the row takes it from there.

    Stands under the name of Django's own receiver, and so in its place: that one saves when the
    sign-in was in a transaction of its own, `record_sign_in` with the event and the session.
    """
    now = instant_of(request).now
    actor = build_actor(request, user)
    cast("AnyRequest", request).actor = actor
    ref = get_session_ref(request) or str(uuid.uuid4())
    request.session[SESSION_FACTS] = {
        "ref": ref,
        "at": now.timestamp(),
        "ip": actor.ip,
        "user_agent": actor.user_agent[:300],
    }
    records = get_authentication_records(request, user)
    methods = tuple(record.get("type", record["method"]) for record in records)
    # The library says so after a password, when the row is written: it means what the settings say.
    request.session.set_expiry(0)
    row = new_session_row(request)
    operations.record_sign_in(
        user=user, session_ref=ref, methods=methods, actor=actor, now=now, session=row
    )
    if row is not None:
        note_session_written(request)


@receiver(user_logged_out)
def note_sign_out(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is None or not user.is_authenticated:
        return
    operations.record_sign_out(
        user=user,
        session_ref=get_session_ref(request),
        actor=build_actor(request, user),
        now=instant_of(request).now,
    )


@receiver(authentication_step_completed)
def note_step_up(request: HttpRequest, method: str, user: User, **kwargs: Any) -> None:
    if kwargs.get("reauthenticated"):
        actor, now = _edge()
        operations.record_step_up(
            user=user, method=kwargs.get("type", method), actor=actor, now=now
        )


@receiver(authentication_failed)
def note_wrong_code(request: HttpRequest, user: User, **kwargs: Any) -> None:
    actor, now = _edge()
    operations.record_failed_sign_in(email=user.email, reason="wrong_code", actor=actor, now=now)


@receiver(post_save, sender=Authenticator)
def note_second_factor_added(instance: Authenticator, *, created: bool, **kwargs: Any) -> None:
    """On the row itself: the library's own signal comes only after the commit."""
    if not created:
        return
    actor, now = _edge()
    operations.record_second_factor(
        event_type=_ADDED[instance.type], user=instance.user, actor=actor, now=now
    )
    request = context.request
    if request and request.user == instance.user and instance.type == Authenticator.Type.TOTP:
        # Whoever just typed the app's first code needn't wait for its next one.
        record_authentication(
            request, instance.user, "mfa", id=instance.pk, type=str(instance.type)
        )


@receiver(authenticator_removed)
def note_second_factor_removed(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    actor, now = _edge()
    operations.record_second_factor(
        event_type=_REMOVED[authenticator.type], user=user, actor=actor, now=now
    )


@receiver(authenticator_used)
def note_recovery_code_used(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        actor, now = _edge()
        operations.record_second_factor(
            event_type=CredentialEvent.RECOVERY_CODE_USED, user=user, actor=actor, now=now
        )


@receiver(email_confirmed)
def note_email_verified(request: HttpRequest, email_address: EmailAddress, **kwargs: Any) -> None:
    actor, now = _edge()
    operations.record_email_verified(
        user=cast("User", email_address.user), email=email_address.email, actor=actor, now=now
    )


@receiver(email_changed)
def note_email_changed(
    request: HttpRequest,
    user: User,
    from_email_address: EmailAddress | None,
    to_email_address: EmailAddress,
    **kwargs: Any,
) -> None:
    actor, now = _edge()
    operations.record_email_changed(
        user=user,
        before=from_email_address.email if from_email_address else "",
        after=to_email_address.email,
        actor=actor,
        now=now,
    )


def _edge() -> tuple[Actor, datetime]:
    """Return who acts and when; where a command acts there is no request.

    A signal's own request can be a resumed one, which never passed the middleware.
    """
    request = context.request
    if request is None:
        return Actor.system(), timezone.now()
    return request.actor, request.now
