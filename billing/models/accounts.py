"""Ledger accounts: where the parts of a basis go in the seller's books."""

from typing import Final, NamedTuple

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from services.models import Service
from vop.lib.db import UUIDModel


class AccountPurpose(models.TextChoices):
    """What is booked."""

    RECEIVABLE = "receivable", _("receivable from customers")
    REVENUE = "revenue", _("revenue")
    VAT = "vat", _("output VAT")
    ROUNDING = "rounding", _("rounding")


class VatKey(models.TextChoices):
    """The VAT of what is booked: the categories of EN 16931, with the rate where there is one."""

    NONE = "", "–"
    S25 = "S25", "25 %"
    S12 = "S12", "12 %"
    S6 = "S6", "6 %"
    REVERSE_CHARGE = "AE", _("reverse charge")
    EXPORT = "G", _("outside the EU")
    EXEMPT = "E", _("exempt")


class Account(NamedTuple):
    """A number of the chart of accounts with its name."""

    number: str
    name: str


# BAS, the chart of accounts that most Swedish companies keep; rows of LedgerAccount go before it.
BAS_ACCOUNTS: Final = {
    (AccountPurpose.RECEIVABLE, VatKey.NONE): Account("1510", "Kundfordringar"),
    (AccountPurpose.ROUNDING, VatKey.NONE): Account("3740", "Öres- och kronutjämning"),
    (AccountPurpose.REVENUE, VatKey.S25): Account("3001", "Försäljning inom Sverige, 25 % moms"),
    (AccountPurpose.REVENUE, VatKey.S12): Account("3002", "Försäljning inom Sverige, 12 % moms"),
    (AccountPurpose.REVENUE, VatKey.S6): Account("3003", "Försäljning inom Sverige, 6 % moms"),
    (AccountPurpose.REVENUE, VatKey.EXEMPT): Account("3004", "Försäljning inom Sverige, momsfri"),
    (AccountPurpose.REVENUE, VatKey.EXPORT): Account("3305", "Försäljning tjänster utanför EU"),
    (AccountPurpose.REVENUE, VatKey.REVERSE_CHARGE): Account(
        "3308", "Försäljning tjänster till annat EU-land"
    ),
    (AccountPurpose.VAT, VatKey.S25): Account("2611", "Utgående moms, 25 %"),
    (AccountPurpose.VAT, VatKey.S12): Account("2621", "Utgående moms, 12 %"),
    (AccountPurpose.VAT, VatKey.S6): Account("2631", "Utgående moms, 6 %"),
}


class LedgerAccount(UUIDModel):
    """An account of the seller's own for what BAS puts elsewhere, perhaps for one service alone."""

    purpose = models.CharField(_("purpose"), max_length=10, choices=AccountPurpose)
    vat = models.CharField(_("VAT"), max_length=3, choices=VatKey, blank=True, default="")
    service = models.ForeignKey(
        Service,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("service"),
    )
    number = models.CharField(_("account"), max_length=4)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("ledger account")
        verbose_name_plural = _("ledger accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "vat"],
                condition=Q(service=None),
                name="purpose_has_one_account",
            ),
            models.UniqueConstraint(
                fields=["purpose", "vat", "service"],
                condition=Q(service__isnull=False),
                name="purpose_has_one_account_for_a_service",
            ),
            models.CheckConstraint(
                condition=Q(service=None) | Q(purpose="revenue"),
                name="only_revenue_is_booked_by_service",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @property
    def ref(self) -> Ref:
        """The account as the log names it."""
        return Ref("ledger_account", str(self.pk), str(self))
