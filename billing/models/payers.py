"""Who pays in a company's place: a firm, with its consent, for some days."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from billing.models.subscriptions import Subscription
from companies.models import Company
from vop.lib.db import UUIDModel


class PayerConsentQuerySet(models.QuerySet["PayerConsent"]):
    def open(self) -> Self:
        """Select consents that nobody has withdrawn."""
        return self.filter(withdrawn_at=None)

    def between(self, firm_id: object, client_id: object) -> Self:
        """Select what a firm has agreed to for a client."""
        return self.filter(firm_id=firm_id, client_id=client_id)


class PayerConsent(UUIDModel):
    """A firm agrees to pay for what a client lets it pay for, until it withdraws.

    It keeps the text that was shown, as a mandate's consent does; what was agreed to never changes
    (migration 0021). Consents of before the text was kept have none.
    """

    firm = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="+", verbose_name=_("firm")
    )
    client = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="payer_consents", verbose_name=_("client")
    )
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    given_at = models.DateTimeField(_("given"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    method = models.CharField(_("proved by"), max_length=60, blank=True, default="")
    language = models.CharField(_("language"), max_length=5, blank=True, default="")
    text_version = models.CharField(_("version of the text"), max_length=20, blank=True, default="")
    text = models.TextField(_("text"), blank=True, default="")
    text_sha256 = models.CharField(_("SHA-256 of the text"), max_length=64, blank=True, default="")

    objects = PayerConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent to pay")
        verbose_name_plural = _("consents to pay")
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "client"],
                condition=Q(withdrawn_at=None),
                name="firm_consents_once_to_pay_for_a_client",
            ),
            models.CheckConstraint(
                condition=~Q(firm=F("client")), name="nobody_consents_to_pay_for_themselves"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("given_at")),
                name="consent_to_pay_is_withdrawn_after_it_was_given",
            ),
            models.CheckConstraint(
                condition=Q(text="", text_sha256="") | (~Q(text="") & ~Q(text_sha256="")),
                name="consent_to_pay_has_its_text_with_its_hash",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.firm_id} for {self.client_id}"

    def holds_at(self, at: datetime) -> bool:
        """Whether it was given and not withdrawn at an instant."""
        return self.given_at <= at and (self.withdrawn_at is None or at < self.withdrawn_at)


class SubscriptionPayer(UUIDModel):
    """Another company pays for a subscription, on the days [valid_from, valid_to).

    On days without a row the subscription's own company pays. `Subscription.payer` is who pays
    today, moved by the same operation. The days of a subscription's rows never overlap (migration
    0016).
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="payers")
    payer = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="+", verbose_name=_("payer")
    )
    consent = models.ForeignKey(PayerConsent, on_delete=models.PROTECT, related_name="payers")
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("until before"), null=True, blank=True)

    class Meta:
        verbose_name = _("payer of a subscription")
        verbose_name_plural = _("payers of subscriptions")
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(valid_to=None),
                name="subscription_is_paid_by_one_other",
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")),
                name="payer_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payer_id} from {self.valid_from}"

    @property
    def ref(self) -> Ref:
        """The row as the log names it."""
        return Ref("subscription_payer", str(self.pk), str(self.valid_from))
