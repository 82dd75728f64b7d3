"""What the log tells about people, how they prove who they are, and their sessions."""

from django.utils.translation import gettext_lazy as _

from auditlog.events import EventType, Retention


class SignInEvent(EventType):
    SUCCEEDED = "login.succeeded", _("Signed in"), Retention.NINETY_DAYS
    FAILED = "login.failed", _("Sign-in failed"), Retention.THIRTEEN_MONTHS, ("email",)
    STEPPED_UP = "login.stepped_up", _("Identity confirmed again"), Retention.NINETY_DAYS
    SIGNED_OUT = "logout.completed", _("Signed out"), Retention.NINETY_DAYS
    SESSION_REVOKED = "session.revoked", _("Session ended"), Retention.THIRTEEN_MONTHS


class CredentialEvent(EventType):
    PASSWORD_SET = "password.set", _("Password changed"), Retention.THIRTEEN_MONTHS
    PASSWORD_RESET_REQUESTED = (
        "password.reset_requested",
        _("Password reset asked for"),
        Retention.THIRTEEN_MONTHS,
    )
    PASSWORD_RESET = "password.reset", _("Password reset"), Retention.THIRTEEN_MONTHS
    TOTP_ENROLLED = "totp.enrolled", _("Authenticator app added"), Retention.THIRTEEN_MONTHS
    TOTP_REMOVED = "totp.removed", _("Authenticator app removed"), Retention.THIRTEEN_MONTHS
    SECOND_FACTORS_RESEALED = (
        "second_factor.resealed",
        _("Second factors sealed with the newest encryption key"),
        Retention.THIRTEEN_MONTHS,
    )
    RECOVERY_CODES_GENERATED = (
        "recovery_code.generated",
        _("Recovery codes made"),
        Retention.THIRTEEN_MONTHS,
    )
    RECOVERY_CODE_USED = (
        "recovery_code.used",
        _("Recovery code used"),
        Retention.THIRTEEN_MONTHS,
    )
    RECOVERY_CODES_REMOVED = (
        "recovery_code.removed",
        _("Recovery codes removed"),
        Retention.THIRTEEN_MONTHS,
    )
    EMAIL_VERIFIED = (
        "email.verified",
        _("E-mail address verified"),
        Retention.THIRTEEN_MONTHS,
        ("email",),
    )
    EMAIL_CHANGED = (
        "email.changed",
        _("E-mail address changed"),
        Retention.THIRTEEN_MONTHS,
        ("before", "after"),
    )


class PersonEvent(EventType):
    CREATED = "person.created", _("Person registered"), Retention.THIRTEEN_MONTHS, ("email",)
    UPDATED = "person.updated", _("Profile changed"), Retention.THIRTEEN_MONTHS, ("full_name",)
    DEACTIVATED = "person.deactivated", _("Person deactivated"), Retention.THIRTEEN_MONTHS
    REACTIVATED = "person.reactivated", _("Person active again"), Retention.THIRTEEN_MONTHS
