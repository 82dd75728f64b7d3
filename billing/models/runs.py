"""The renewal runs: what each is to bill, who agreed to it, and how every customer fared."""

import uuid
from typing import Any, Final, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from auditlog.actors import Ref
from companies.models import Company
from vop.lib.db import UUIDModel

OPEN_STATES: Final = ["preview", "approved", "running", "billed"]
AGREED_STATES: Final = ["approved", "issued", "exported", "acknowledged"]


class BillingRunQuerySet(models.QuerySet["BillingRun"]):
    def open(self) -> Self:
        """Select runs that aren't issued yet."""
        return self.filter(state__in=OPEN_STATES)

    def unfinished(self) -> Self:
        """Select runs that were approved or begun, and have work left."""
        return self.filter(
            Q(state__in=["approved", "running"]) | Q(state="billed") & ~Q(approved_by="")
        )


class BillingRun(UUIDModel):
    """The renewals of a day, from preview to the receipt of whoever invoices.

    A day has one open run: one that was stopped, or started again, goes on in the same row. It
    is approved before it bills (a preview) or after (drafts); nothing is issued without.
    """

    class State(models.TextChoices):
        PREVIEW = "preview", pgettext_lazy("billing run", "Preview")
        APPROVED = "approved", pgettext_lazy("billing run", "Approved")
        RUNNING = "running", pgettext_lazy("billing run", "Running")
        BILLED = "billed", pgettext_lazy("billing run", "Billed")
        ISSUED = "issued", pgettext_lazy("billing run", "Issued")
        EXPORTED = "exported", pgettext_lazy("billing run", "Exported")
        ACKNOWLEDGED = "acknowledged", pgettext_lazy("billing run", "Acknowledged")

    as_of = models.DateField(_("day"))
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PREVIEW)
    made_at = models.DateTimeField(_("made"))
    made_by = models.CharField(_("made by"), max_length=64, blank=True, default="")
    preview_sha256 = models.CharField(_("preview hash"), max_length=64, blank=True, default="")
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.CharField(_("approved by"), max_length=64, blank=True, default="")
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    started_by = models.CharField(_("started by"), max_length=64, blank=True, default="")
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    billed_sha256 = models.CharField(
        _("hash of what it billed"), max_length=64, blank=True, default=""
    )
    issued_at = models.DateTimeField(_("issued"), null=True, blank=True)
    exported_at = models.DateTimeField(_("exported"), null=True, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, blank=True)

    objects = BillingRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("billing run")
        verbose_name_plural = _("billing runs")
        constraints = [
            models.UniqueConstraint(
                fields=["as_of"], condition=Q(state__in=OPEN_STATES), name="day_has_one_open_run"
            ),
            models.CheckConstraint(
                condition=Q(approved_by="")
                | ~Q(approved_by=F("made_by")) & ~Q(approved_by=F("started_by")),
                name="maker_of_a_run_never_approves_it",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=AGREED_STATES)
                | ~Q(approved_by="") & Q(approved_at__isnull=False),
                name="run_is_issued_only_when_approved",
            ),
        ]

    def __str__(self) -> str:
        return str(self.as_of)

    @property
    def ref(self) -> Ref:
        """The run as the log names it."""
        return Ref("billing_run", str(self.pk), str(self.as_of))

    @property
    def is_ahead(self) -> bool:
        """Whether nothing of it is billed yet, so that its figures are foreseen."""
        return self.state in {self.State.PREVIEW, self.State.APPROVED}

    @property
    def is_approved(self) -> bool:
        """Whether somebody has agreed to what it bills."""
        return bool(self.approved_by)

    @property
    def sha256_to_approve(self) -> str:
        """What an approval binds to: the preview, or what has been billed without one."""
        if self.state == self.State.PREVIEW:
            return self.preview_sha256
        return self.billed_sha256 if self.state == self.State.BILLED else ""


class BillingBatch(UUIDModel):
    """A run's work for the payers from one key up to the next batch's: one transaction.

    `digests` has what each customer is to be billed, as a short hash: of the preview first, then
    of what was done. The batches of a run cover all keys, so that whoever is due lies in one.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        PREVIEWED = "previewed", _("Previewed")
        DONE = "done", _("Done")

    run = models.ForeignKey(
        BillingRun, on_delete=models.PROTECT, related_name="batches", verbose_name=_("billing run")
    )
    number = models.PositiveIntegerField(_("number"))
    first_payer = models.UUIDField(default=uuid.UUID(int=0))
    until_payer = models.UUIDField(null=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PLANNED)
    preview: Any = models.JSONField(default=dict)
    digests: Any = models.JSONField(default=dict)
    due_count = models.PositiveIntegerField(_("due"), default=0)
    billed_count = models.PositiveIntegerField(_("billed"), default=0)
    skipped_count = models.PositiveIntegerField(_("skipped"), default=0)
    parked_count = models.PositiveIntegerField(_("parked"), default=0)
    line_count = models.PositiveIntegerField(_("lines"), default=0)
    ended_count = models.PositiveIntegerField(_("ended"), default=0)
    nets: Any = models.JSONField(_("net"), default=dict)

    class Meta:
        verbose_name = _("batch of a run")
        verbose_name_plural = _("batches of a run")
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="batch_has_its_number"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class BillingRunItem(UUIDModel):
    """A customer that a run couldn't bill as it should, with the reason; the run went on."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        PARKED = "parked", _("Parked")
        SKIPPED = "skipped", _("Skipped")

    run = models.ForeignKey(BillingRun, on_delete=models.PROTECT, related_name="items")
    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="+", verbose_name=_("customer")
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    error = models.TextField(_("reason"), blank=True, default="")
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("exception of a run")
        verbose_name_plural = _("exceptions of a run")
        constraints = [
            models.UniqueConstraint(fields=["run", "company"], name="customer_is_once_in_a_run"),
            models.CheckConstraint(
                condition=Q(state="done", error="")
                | Q(state__in=["parked", "skipped"]) & ~Q(error=""),
                name="exception_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.state
