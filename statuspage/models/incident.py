"""What went wrong: suspected in private, public from the moment a person confirms it."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from statuspage.models.component import Component, ComponentStatus
from statuspage.models.text import CODE_LENGTH, Text
from vop.lib.db import UUIDModel


class IncidentState(models.TextChoices):
    SUSPECTED = "suspected", _("Suspected")
    REVIEWING = "reviewing", _("Under review")
    DISMISSED = "dismissed", _("Dismissed")
    CONFIRMED = "confirmed", _("Investigating")
    IDENTIFIED = "identified", _("Identified")
    MONITORING = "monitoring", _("Monitoring")
    RESOLVED = "resolved", _("Resolved")
    POSTMORTEM = "postmortem", _("Report published")


PRIVATE_STATES = [IncidentState.SUSPECTED, IncidentState.REVIEWING, IncidentState.DISMISSED]
OPEN_STATES = [IncidentState.CONFIRMED, IncidentState.IDENTIFIED, IncidentState.MONITORING]
OVER_STATES = [IncidentState.RESOLVED, IncidentState.POSTMORTEM]


class Impact(models.TextChoices):
    NONE = "none", _("No impact")
    MINOR = "minor", _("Minor")
    MAJOR = "major", _("Major")
    CRITICAL = "critical", _("Critical")

    @property
    def severity(self) -> int:
        """How bad it is, from 0."""
        return list(Impact).index(self)

    @classmethod
    def of(cls, status: ComponentStatus) -> "Impact":
        """Return the impact of an incident whose worst component is so."""
        return {
            ComponentStatus.DEGRADED_PERFORMANCE: cls.MINOR,
            ComponentStatus.PARTIAL_OUTAGE: cls.MAJOR,
            ComponentStatus.MAJOR_OUTAGE: cls.CRITICAL,
        }.get(status, cls.NONE)


class DismissalReason(models.TextChoices):
    FALSE_POSITIVE = "false_positive", _("False alarm")
    EXPECTED = "expected", _("Expected, such as planned work")
    NO_ACTION = "no_action", _("Too small to act on")


class IncidentQuerySet(models.QuerySet["Incident"]):
    def public(self) -> Self:
        """Select what a person confirmed and that hurts something the public page shows."""
        hurt = IncidentComponent.objects.filter(incident=models.OuterRef("pk"))
        return self.exclude(state__in=PRIVATE_STATES).filter(
            models.Exists(hurt.filter(component__is_public=True))
        )

    def unresolved(self) -> Self:
        """Select confirmed incidents that are not over."""
        return self.filter(state__in=OPEN_STATES)

    def newest_first(self) -> Self:
        """Order by confirmation, newest first."""
        return self.order_by("-confirmed_at", "pk")


class Incident(UUIDModel):
    """A disturbance, from the first suspicion to the report about it."""

    code = models.CharField(_("code"), max_length=CODE_LENGTH, unique=True, editable=False)
    name_sv = models.CharField(_("name in Swedish"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120, blank=True, default="")
    state = models.CharField(_("state"), max_length=12, choices=IncidentState)
    impact = models.CharField(_("impact"), max_length=10, choices=Impact, default=Impact.NONE)
    source = models.TextField(_("what makes us suspect it"), blank=True, default="")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="incidents",
        verbose_name=_("responsible"),
    )
    dismissal_reason = models.CharField(
        _("dismissed because"), max_length=15, choices=DismissalReason, blank=True, default=""
    )
    started_at = models.DateTimeField(_("began"))
    suspected_at = models.DateTimeField(_("suspected"))
    reviewed_at = models.DateTimeField(_("taken for review"), null=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    monitoring_at = models.DateTimeField(_("monitored since"), null=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)
    next_update_at = models.DateTimeField(_("next update at the latest"), null=True)
    updated_at = models.DateTimeField(_("changed"))

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=IncidentState.values), name="incident_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(impact__in=Impact.values), name="incident_impact_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[IncidentState.SUSPECTED, IncidentState.DISMISSED])
                | Q(assignee__isnull=False),
                name="incident_under_review_or_public_has_an_assignee",
            ),
            models.CheckConstraint(
                condition=Q(state__in=PRIVATE_STATES) | Q(confirmed_at__isnull=False),
                name="public_incident_was_confirmed",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=OPEN_STATES) | Q(next_update_at__isnull=False),
                name="open_incident_promises_its_next_update",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=OVER_STATES) | Q(resolved_at__isnull=False),
                name="incident_that_is_over_was_resolved",
            ),
            models.CheckConstraint(
                condition=~Q(state=IncidentState.DISMISSED) | ~Q(dismissal_reason=""),
                name="dismissed_incident_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None) | Q(resolved_at__gte=F("started_at")),
                name="incident_ends_after_its_start",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-confirmed_at"],
                name="incident_open",
                condition=Q(state__in=OPEN_STATES),
            )
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def ref(self) -> Ref:
        """The incident as the log names it."""
        return Ref("incident", str(self.pk), self.name_sv)

    @property
    def name(self) -> Text:
        """The name in both languages."""
        return Text(self.name_sv, self.name_en)

    @property
    def is_private(self) -> bool:
        """Nobody outside knows of it."""
        return self.state in PRIVATE_STATES

    @property
    def is_open(self) -> bool:
        """Confirmed, and not over."""
        return self.state in OPEN_STATES

    @property
    def is_undecided(self) -> bool:
        """Suspected, and a person has yet to say what it is."""
        return self.state in {IncidentState.SUSPECTED, IncidentState.REVIEWING}

    def is_update_overdue(self, now: datetime) -> bool:
        """Tell whether the promised next update is late."""
        return self.is_open and self.next_update_at is not None and self.next_update_at < now


class IncidentComponent(models.Model):
    """What an incident does to a component: kept when it is over, then as operational."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="effects")
    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="effects")
    status = models.CharField(_("status"), max_length=20, choices=ComponentStatus)

    class Meta:
        verbose_name = _("affected component")
        verbose_name_plural = _("affected components")
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "component"], name="incident_names_a_component_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ComponentStatus.values), name="effect_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.component_id}: {self.status}"
