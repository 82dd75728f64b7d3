"""The renewal runs and how each customer fared."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from companies.models import Company
from vop.lib.db import UUIDModel


class BillingRun(UUIDModel):
    """The renewals of a day. A run that was stopped, or started again, goes on in the same row."""

    as_of = models.DateField(_("day"), unique=True)
    started_at = models.DateTimeField(_("started"))
    started_by = models.CharField(_("started by"), max_length=64, blank=True, default="")
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("billing run")
        verbose_name_plural = _("billing runs")

    def __str__(self) -> str:
        return str(self.as_of)

    @property
    def ref(self) -> Ref:
        """The run as the log names it."""
        return Ref("billing_run", str(self.pk), str(self.as_of))


class BillingRunItem(UUIDModel):
    """One customer in a run: done, or parked with the reason while the run goes on."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        PARKED = "parked", _("Parked")

    run = models.ForeignKey(BillingRun, on_delete=models.PROTECT, related_name="items")
    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="+", verbose_name=_("customer")
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    line_count = models.PositiveIntegerField(_("lines"), default=0)
    ended_count = models.PositiveIntegerField(_("ended"), default=0)
    net_cents = models.BigIntegerField(_("net"), default=0)
    error = models.TextField(_("reason"), blank=True, default="")
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("customer in a run")
        verbose_name_plural = _("customers in a run")
        constraints = [
            models.UniqueConstraint(fields=["run", "company"], name="customer_is_once_in_a_run"),
            models.CheckConstraint(
                condition=Q(state="done", error="") | Q(state="parked") & ~Q(error=""),
                name="parked_customer_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.state
