"""The mails about a person's account. All of them say what to do when it wasn't you."""

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import get_language

from accounts.events import CredentialEvent
from accounts.models import User
from auditlog.actors import Actor
from auditlog.events import EventType
from vop.lib.mail import enqueue_mail

_SECOND_FACTOR_MAILS: Mapping[EventType, str] = {
    CredentialEvent.TOTP_ENROLLED: "totp_activated",
    CredentialEvent.TOTP_REMOVED: "totp_deactivated",
    CredentialEvent.RECOVERY_CODES_GENERATED: "recovery_codes_generated",
    CredentialEvent.RECOVERY_CODE_USED: "recovery_code_used",
}


def send_account_mail(
    name: str, *, to: str, user: User | None, context: Mapping[str, object]
) -> None:
    """Send `templates/accounts/mail/<name>/` in the person's language, else in the page's."""
    enqueue_mail(
        to=to,
        template=f"accounts/{name}",
        context={"name": user.display_name if user else "", **context},
        language=user.language if user else get_language() or "sv",
    )


def send_second_factor_mail(
    event_type: EventType, *, user: User, actor: Actor, now: datetime
) -> None:
    """Tell a person what happened to their second factor, if it is worth a mail."""
    name = _SECOND_FACTOR_MAILS.get(event_type)
    if name:
        facts = {"ip": actor.ip, "user_agent": actor.user_agent, "timestamp": now}
        send_account_mail(name, to=user.email, user=user, context=facts)
