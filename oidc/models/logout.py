"""What services were told about sessions that ended."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company
from oidc.models.clients import ClientProfile
from oidc.models.grants import RevocationReason
from vop.lib.db import UUIDModel


class LogoutDeliveryQuerySet(models.QuerySet["LogoutDelivery"]):
    def open(self) -> Self:
        """Select what is still to be delivered."""
        return self.filter(delivered_at=None, given_up_at=None)

    def newest_first(self) -> Self:
        """Order by creation, newest first."""
        return self.order_by("-created_at", "-pk")


class LogoutDelivery(UUIDModel):
    """A service is to be told that a session of one person in one company is over.

    `sub` and `sid` are what the service knows the person and the session by.
    """

    client = models.ForeignKey(
        ClientProfile, on_delete=models.PROTECT, related_name="logouts", verbose_name=_("client")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("person"),
    )
    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="+", verbose_name=_("company")
    )
    sid = models.CharField("sid", max_length=43)
    sub = models.CharField("sub", max_length=36)
    reason = models.CharField(_("why"), max_length=30, choices=RevocationReason)
    created_at = models.DateTimeField(_("created"), db_index=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    last_status = models.PositiveSmallIntegerField(_("last answer"), null=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    given_up_at = models.DateTimeField(_("given up"), null=True)

    objects = LogoutDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("logout notice")
        verbose_name_plural = _("logout notices")
        constraints = [
            models.CheckConstraint(
                condition=Q(delivered_at=None) | Q(given_up_at=None),
                name="logout_is_delivered_or_given_up",
            )
        ]

    def __str__(self) -> str:
        return f"logout {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be delivered."""
        return self.delivered_at is None and self.given_up_at is None
