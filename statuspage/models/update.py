"""What was told, and when: rows that are added and never changed."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from statuspage.models.incident import Incident
from statuspage.models.planning import PlannedUpdate
from statuspage.models.text import CODE_LENGTH, Text


class StatusUpdateQuerySet(models.QuerySet["StatusUpdate"]):
    def newest_first(self) -> Self:
        """Order as every reader of the API expects."""
        return self.order_by("-display_at", "-pk")


class StatusUpdate(models.Model):
    """One public text about an incident or a planned update."""

    class Status(models.TextChoices):
        INVESTIGATING = "investigating", _("Investigating")
        IDENTIFIED = "identified", _("Identified")
        MONITORING = "monitoring", _("Monitoring")
        RESOLVED = "resolved", _("Resolved")
        POSTMORTEM = "postmortem", _("Report")
        SCHEDULED = "scheduled", _("Planned")
        IN_PROGRESS = "in_progress", _("In progress")
        VERIFYING = "verifying", _("Being verified")
        COMPLETED = "completed", _("Completed")

    code = models.CharField(_("code"), max_length=CODE_LENGTH, unique=True, editable=False)
    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, null=True, related_name="updates"
    )
    planned_update = models.ForeignKey(
        PlannedUpdate, on_delete=models.PROTECT, null=True, related_name="updates"
    )
    status = models.CharField(_("status"), max_length=15, choices=Status)
    body_sv = models.TextField(_("text in Swedish"))
    body_en = models.TextField(_("text in English"), blank=True, default="")
    display_at = models.DateTimeField(_("shown time"))
    created_at = models.DateTimeField(_("written"))
    # [{"code": component, "old_status": …, "new_status": …}]: what the API calls affected.
    changes = models.JSONField(_("changes"), default=list)

    objects = StatusUpdateQuerySet.as_manager()

    class Meta:
        verbose_name = _("status text")
        verbose_name_plural = _("status texts")
        constraints = [
            models.CheckConstraint(
                condition=Q(incident__isnull=False, planned_update__isnull=True)
                | Q(incident__isnull=True, planned_update__isnull=False),
                name="status_text_is_about_one_thing",
            ),
            models.CheckConstraint(
                condition=~Q(body_sv=""), name="status_text_is_written_in_swedish"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.display_at:%Y-%m-%d %H:%M}"

    @property
    def body(self) -> Text:
        """The text in both languages."""
        return Text(self.body_sv, self.body_en)
