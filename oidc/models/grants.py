"""What a person let a service do for a company, and the codes and tokens that came of it.

Codes and tokens stand here only as digests; who reads the database can't use them.
"""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from companies.models import Company, Proof
from oidc.models.clients import ClientProfile
from vop.lib.db import UUIDModel


class RevocationReason(models.TextChoices):
    """Why a grant ended before its time."""

    CODE_REUSED = "code_reused", _("The code was used twice")
    REFRESH_REUSED = "refresh_reused", _("A refresh token was used twice")
    ACCESS_LOST = "access_lost", _("The person lost the access")
    SESSION_ENDED = "session_ended", _("The session was ended")
    PERSON_DISABLED = "person_disabled", _("The person was disabled")
    PASSWORD_CHANGED = "password_changed", _("The password was changed")
    BY_CLIENT = "by_client", _("The service gave it back")
    BY_STAFF = "by_staff", _("Staff ended it")
    CLIENT_DISABLED = "client_disabled", _("The client was disabled")
    CONSENT_WITHDRAWN = "consent_withdrawn", _("The person withdrew the consent")


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self) -> Self:
        """Select grants that haven't been revoked."""
        return self.filter(revoked_at=None)

    def of_person(self, user_id: object) -> Self:
        """Select the grants of one person."""
        return self.filter(user_id=user_id)

    def of_session(self, session_ref: str) -> Self:
        """Select the grants that came of one browser session."""
        return self.filter(session_ref=session_ref)

    def newest_first(self) -> Self:
        """Order by creation, newest first."""
        return self.order_by("-created_at", "-pk")


class Grant(UUIDModel):
    """One authorization: a person, in one company, through one client, from one session.

    `sid` is what the client knows the session by; it differs per company, so that the end of one
    company's access doesn't end the rest. `session_ref` is the browser session itself (a digest).
    """

    client = models.ForeignKey(
        ClientProfile, on_delete=models.PROTECT, related_name="grants", verbose_name=_("client")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="oidc_grants",
        verbose_name=_("person"),
    )
    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="oidc_grants", verbose_name=_("company")
    )
    session_ref = models.CharField(max_length=64, db_index=True)
    sid = models.CharField("sid", max_length=43, db_index=True)
    redirect_uri = models.TextField(_("redirect URI"))
    auth_time = models.DateTimeField(_("signed in"))
    amr = models.JSONField(_("methods"))
    acr = models.CharField(_("level"), max_length=100, blank=True, default="")
    scope = models.TextField(_("scope"))
    wanted_claims = models.JSONField(_("claims asked for by name"), default=dict, blank=True)
    nonce = models.TextField(blank=True, default="", editable=False)
    code_challenge = models.CharField(max_length=43, blank=True, default="", editable=False)
    code_jkt = models.CharField(max_length=43, blank=True, default="", editable=False)
    code_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    code_expires_at = models.DateTimeField(_("code expires"))
    redeemed_at = models.DateTimeField(_("code redeemed"), null=True)
    expires_at = models.DateTimeField(_("nothing of it lives longer than"))
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    revoked_reason = models.CharField(
        _("why"), max_length=30, choices=RevocationReason, blank=True, default=""
    )

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_reason="")
                | (Q(revoked_at__isnull=False) & ~Q(revoked_reason="")),
                name="revoked_grant_says_why",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gte=F("created_at")),
                name="grant_ends_after_its_start",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "company"], name="grant_by_person"),
            models.Index(fields=["expires_at"], name="grant_by_end"),
        ]

    def __str__(self) -> str:
        return f"grant {self.pk}"

    @property
    def ref(self) -> Ref:
        """The grant as the log names it."""
        return Ref("grant", str(self.pk), "")

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that were granted."""
        return frozenset(self.scope.split())

    def is_code_usable(self, at: datetime) -> bool:
        """Whether its code can still be redeemed."""
        return self.redeemed_at is None and self.revoked_at is None and self.code_expires_at > at

    @property
    def proof(self) -> Proof:
        """What is known of its session; from where the person works, a service doesn't say."""
        return Proof(self.auth_time, "mfa" in self.amr, ip=None)


class AccessToken(models.Model):
    """An opaque token of at most ten minutes; it is worth nothing once its grant is revoked.

    `jkt` is the thumbprint of the key that whoever shows it has to hold (RFC 9449), if any.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="access_tokens")
    scope = models.TextField()
    jkt = models.CharField(max_length=43, blank=True, default="")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"access token of {self.grant_id}"


class RefreshToken(models.Model):
    """A refresh token; used ones stay, so that a second use is noticed.

    A public client's is bound to its key; a confidential client proves itself anyhow (RFC 9449 5).
    """

    digest = models.CharField(max_length=64, primary_key=True)
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="refresh_tokens")
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    jkt = models.CharField(max_length=43, blank=True, default="")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"refresh token of {self.grant_id}"
