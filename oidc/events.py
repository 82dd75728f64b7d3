"""What the log tells about signing in to services."""

from django.utils.translation import gettext_lazy as _

from auditlog.events import EventType, Retention


class ProviderEvent(EventType):
    AUTHORIZATION_GRANTED = (
        "authorization.granted",
        _("Signed in to a service"),
        Retention.NINETY_DAYS,
    )
    AUTHORIZATION_DENIED = (
        "authorization.denied",
        _("Not let in to a service"),
        Retention.NINETY_DAYS,
    )
    CONSENT_GIVEN = "consent.given", _("Consent given"), Retention.NINETY_DAYS
    CONSENT_WITHDRAWN = "consent.withdrawn", _("Consent withdrawn"), Retention.NINETY_DAYS
    TOKEN_ISSUED = "token.issued", _("Session in a service started"), Retention.NINETY_DAYS
    TOKEN_REFRESHED = "token.refreshed", _("Session in a service renewed"), Retention.NINETY_DAYS
    TOKEN_REUSE_DETECTED = (
        "token.reuse_detected",
        _("A code or token was used twice"),
        Retention.THIRTEEN_MONTHS,
    )
    TOKEN_REVOKED = "token.revoked", _("Session in a service ended"), Retention.NINETY_DAYS
    LOGOUT_NOTIFIED = (
        "logout.notified",
        _("Service told that a session ended"),
        Retention.NINETY_DAYS,
    )
    LOGOUT_NOTIFY_FAILED = (
        "logout.notify_failed",
        _("Service could not be told that a session ended"),
        Retention.NINETY_DAYS,
    )
    CLIENT_CREATED = "client_app.created", _("Client registered"), Retention.THIRTEEN_MONTHS
    CLIENT_SECRET_ROTATED = (
        "client_app.secret_rotated",
        _("Client got a new secret"),
        Retention.THIRTEEN_MONTHS,
    )
    CLIENT_DISABLED = "client_app.disabled", _("Client disabled"), Retention.THIRTEEN_MONTHS
    SIGNING_KEYS_RESEALED = (
        "signing_key.resealed",
        _("Signing keys sealed with the newest encryption key"),
        Retention.THIRTEEN_MONTHS,
    )
    SIGNING_KEY_REVOKED = (
        "signing_key.revoked",
        _("Signing key revoked"),
        Retention.THIRTEEN_MONTHS,
    )
    SIGNING_KEY_ROTATED = (
        "signing_key.rotated",
        _("Signing key rotated"),
        Retention.THIRTEEN_MONTHS,
    )
