"""The keys that sign: one row per key, its state told by dates alone."""

from datetime import UTC, datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from vop.lib.db import UUIDModel

# The end of a key that no rotation has ended yet: a missed one must not stop sign-in.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class Algorithm(models.TextChoices):
    """How an ID token can be signed. HS256 isn't here: it would need the clear client secret."""

    RS256 = "RS256", "RS256"
    ES256 = "ES256", "ES256"
    EDDSA = "EdDSA", "EdDSA"


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def published(self, at: datetime) -> Self:
        """Select keys that the JWKS shows: also the next ones and those that signed lately."""
        return self.filter(published_from__lte=at, retired_at__gt=at)

    def active(self, at: datetime) -> Self:
        """Select keys that may sign at an instant."""
        return self.filter(active_from__lte=at, retiring_from__gt=at)

    def newest_first(self) -> Self:
        """Order so that the key that signs stands first among the active ones."""
        return self.order_by("-active_from", "-pk")


class SigningKey(UUIDModel):
    """A key pair: published ahead of its first signature and long after its last.

    [published_from, active_from) next, [active_from, retiring_from) active,
    [retiring_from, retired_at) retiring: still published, signs no more.
    """

    alg = models.CharField(_("algorithm"), max_length=10, choices=Algorithm)
    kid = models.CharField(_("key id"), max_length=43, unique=True)  # RFC 7638 thumbprint
    public_jwk = models.JSONField(_("public key"))
    private_sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(_("created"))
    published_from = models.DateTimeField(_("published from"))
    active_from = models.DateTimeField(_("active from"))
    retiring_from = models.DateTimeField(_("retiring from"))
    retired_at = models.DateTimeField(_("retired"))

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        constraints = [
            models.CheckConstraint(
                condition=Q(alg__in=Algorithm.values), name="signing_algorithm_is_known"
            ),
            models.CheckConstraint(
                condition=Q(active_from__gte=F("published_from"))
                & Q(retiring_from__gte=F("active_from"))
                & Q(retired_at__gte=F("retiring_from")),
                name="signing_key_dates_are_in_order",
            ),
            models.UniqueConstraint(
                fields=["alg"], condition=Q(retiring_from=NEVER), name="one_key_without_end_per_alg"
            ),
        ]
        indexes = [models.Index(fields=["alg", "active_from"], name="signing_key_by_use")]

    def __str__(self) -> str:
        return f"{self.alg} {self.kid}"

    @property
    def ref(self) -> Ref:
        """The key as the log names it."""
        return Ref("signing_key", str(self.pk), self.kid)

    def state_at(self, at: datetime) -> str:
        """Return next, active, retiring or retired."""
        if at < self.active_from:
            return "next"
        if at < self.retiring_from:
            return "active"
        return "retiring" if at < self.retired_at else "retired"
