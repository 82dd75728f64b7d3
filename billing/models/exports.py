"""Whom bases go to, what became of each, and the receipts that came back."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from billing.models.bases import InvoiceBasis
from billing.models.plans import CURRENCIES
from vop.lib.db import UUIDModel, in_force


class ErpConnectionQuerySet(models.QuerySet["ErpConnection"]):
    def active(self) -> Self:
        """Select connections that aren't disabled."""
        return self.filter(disabled_at=None)


class ErpConnection(UUIDModel):
    """A system of the seller's that bases go to: it reads them, is told of them, or both.

    `told_through` is how far back bases may still lack a delivery: everything approved before has
    its own. The signing secret must be read back to sign, so it is sealed, not hashed.
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    webhook_url = models.CharField(_("webhook address"), max_length=500, blank=True, default="")
    signing_secret_sealed = models.TextField(editable=False)
    may_acknowledge = models.BooleanField(_("may acknowledge"), default=True)
    told_through = models.DateTimeField(_("told of everything before"))
    created_at = models.DateTimeField(_("created"))
    disabled_at = models.DateTimeField(_("disabled"), null=True, blank=True)

    objects = ErpConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("ERP connection")
        verbose_name_plural = _("ERP connections")

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> Ref:
        """The connection as the log names it."""
        return Ref("erp_connection", str(self.pk), self.name)


class ErpKeyQuerySet(models.QuerySet["ErpKey"]):
    def in_force(self, at: datetime) -> Self:
        """Select keys that are accepted at an instant."""
        return self.filter(in_force(at))


class ErpKey(UUIDModel):
    """The digest of an API key; two can hold at once, so that a system changes without a gap."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.PROTECT, related_name="keys")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=12)
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)

    objects = ErpKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="erp_key_ends_after_its_start",
            )
        ]

    def __str__(self) -> str:
        return f"{self.hint}…"


class BasisDelivery(UUIDModel):
    """A connection is to be told of a basis. Its key is what the receiver knows the message by.

    A replay opens the same delivery again, so that the receiver sees the same key; `exported_at`
    stays when it first arrived.
    """

    connection = models.ForeignKey(
        ErpConnection,
        on_delete=models.PROTECT,
        related_name="deliveries",
        verbose_name=_("ERP connection"),
    )
    basis = models.ForeignKey(
        InvoiceBasis,
        on_delete=models.PROTECT,
        related_name="deliveries",
        verbose_name=_("invoice basis"),
    )
    created_at = models.DateTimeField(_("created"), db_index=True)
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    exported_at = models.DateTimeField(_("first arrived"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    given_up_at = models.DateTimeField(_("given up"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery of a basis")
        verbose_name_plural = _("deliveries of bases")
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "basis"], name="connection_is_told_of_a_basis_once"
            ),
            models.CheckConstraint(
                condition=Q(delivered_at=None) | Q(given_up_at=None),
                name="delivery_is_done_or_given_up",
            ),
            models.CheckConstraint(
                condition=Q(delivered_at=None) | Q(exported_at__lte=F("delivered_at")),
                name="what_is_delivered_has_arrived",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be delivered."""
        return self.delivered_at is None and self.given_up_at is None


class DeliveryAttempt(models.Model):
    """One call to a webhook and how it was answered."""

    delivery = models.ForeignKey(BasisDelivery, on_delete=models.CASCADE, related_name="calls")
    at = models.DateTimeField(_("at"))
    round = models.PositiveSmallIntegerField(_("round"))
    status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")

    def __str__(self) -> str:
        return f"{self.at} {self.status or self.error}"


class ErpReceipt(UUIDModel):
    """The accounts made an invoice of a basis: its number, and the amount that they invoiced.

    Append-only: triggers in the database refuse to change or delete one.
    """

    basis = models.OneToOneField(
        InvoiceBasis,
        on_delete=models.PROTECT,
        related_name="receipt",
        verbose_name=_("invoice basis"),
    )
    connection = models.ForeignKey(
        ErpConnection,
        on_delete=models.PROTECT,
        related_name="receipts",
        verbose_name=_("ERP connection"),
    )
    invoice_number = models.CharField(_("invoice number"), max_length=40)
    payable_cents = models.BigIntegerField(_("invoiced"))
    currency = models.CharField(_("currency"), max_length=3, choices=CURRENCIES)
    ocr = models.CharField(_("OCR reference"), max_length=25, blank=True, default="")
    received_at = models.DateTimeField(_("received"))

    class Meta:
        verbose_name = _("receipt of the accounts")
        verbose_name_plural = _("receipts of the accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "invoice_number"], name="invoice_number_is_used_once"
            ),
            models.CheckConstraint(condition=~Q(invoice_number=""), name="receipt_has_a_number"),
        ]

    def __str__(self) -> str:
        return self.invoice_number
