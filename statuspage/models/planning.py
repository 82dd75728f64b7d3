"""What is going to be done: the monthly update, and the ones that can't wait for it."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from auditlog.actors import Ref
from statuspage.models.component import Component
from statuspage.models.schedule import Window
from statuspage.models.text import CODE_LENGTH, Text
from vop.lib.db import UUIDModel

NOTICE = timedelta(days=14)


class UpdateKind(models.TextChoices):
    ORDINARY = "ordinary", _("Monthly update")
    UNSCHEDULED = "unscheduled", _("Unscheduled update")


class UpdateState(models.TextChoices):
    TENTATIVE = "tentative", _("Tentative")
    ANNOUNCED = "announced", _("Announced")
    IN_PROGRESS = "in_progress", _("In progress")
    VERIFYING = "verifying", _("Being verified")
    COMPLETED = "completed", _("Completed")
    CANCELLED = "cancelled", pgettext_lazy("planned update", "Cancelled")


COMING_STATES = [UpdateState.TENTATIVE, UpdateState.ANNOUNCED]
ACTIVE_STATES = [UpdateState.IN_PROGRESS, UpdateState.VERIFYING]


class PlannedUpdateQuerySet(models.QuerySet["PlannedUpdate"]):
    def public(self) -> Self:
        """Select what was announced, also what was called off afterwards."""
        return self.filter(announced_at__isnull=False)

    def active(self) -> Self:
        """Select what is being done now."""
        return self.filter(state__in=ACTIVE_STATES)

    def tentative(self) -> Self:
        """Select what only the rule has planned so far."""
        return self.filter(state=UpdateState.TENTATIVE)

    def due_to_start(self, now: datetime) -> Self:
        """Select announced updates whose window is open."""
        return self.filter(state=UpdateState.ANNOUNCED, window_start__lte=now, window_end__gt=now)

    def due_to_end(self, now: datetime) -> Self:
        """Select updates that are not known to be done although their window is over."""
        return self.filter(
            state__in=[UpdateState.ANNOUNCED, UpdateState.IN_PROGRESS], window_end__lte=now
        )

    def missed(self, now: datetime) -> Self:
        """Select tentative updates that nobody announced before their window was over."""
        return self.filter(state=UpdateState.TENTATIVE, window_end__lte=now)

    def soonest_first(self) -> Self:
        """Order by the window."""
        return self.order_by("window_start", "pk")

    def latest_first(self) -> Self:
        """Order by the window, backwards."""
        return self.order_by("-window_start", "pk")


class PlannedUpdate(UUIDModel):
    """Work in a window that customers are told of; the downtime in it is expected to be less."""

    code = models.CharField(_("code"), max_length=CODE_LENGTH, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=12, choices=UpdateKind)
    month = models.DateField(_("month"), null=True, unique=True, editable=False)
    title_sv = models.CharField(_("title in Swedish"), max_length=120)
    title_en = models.CharField(_("title in English"), max_length=120, blank=True, default="")
    window_start = models.DateTimeField(_("window opens"))
    window_end = models.DateTimeField(_("window closes"))
    expected_downtime_minutes = models.PositiveIntegerField(
        _("expected downtime in minutes"), null=True
    )
    state = models.CharField(_("state"), max_length=12, choices=UpdateState)
    reason = models.TextField(
        _("reason"),
        blank=True,
        default="",
        help_text=_("Why it is unscheduled, moved, late or cancelled."),
    )
    sequence = models.PositiveIntegerField(_("number of changes"), default=0)
    components = models.ManyToManyField(
        Component, related_name="planned_updates", verbose_name=_("components")
    )
    created_at = models.DateTimeField(_("created"))
    announced_at = models.DateTimeField(_("announced"), null=True)
    started_at = models.DateTimeField(_("started"), null=True)
    verifying_at = models.DateTimeField(_("verified since"), null=True)
    completed_at = models.DateTimeField(_("completed"), null=True)
    updated_at = models.DateTimeField(_("changed"))

    objects = PlannedUpdateQuerySet.as_manager()

    class Meta:
        verbose_name = _("planned update")
        verbose_name_plural = _("planned updates")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=UpdateState.values), name="planned_update_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(window_end__gt=F("window_start")),
                name="planned_update_window_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=Q(kind=UpdateKind.ORDINARY, month__isnull=False)
                | Q(kind=UpdateKind.UNSCHEDULED, month__isnull=True),
                name="only_ordinary_updates_belong_to_a_month",
            ),
            models.CheckConstraint(
                condition=Q(kind=UpdateKind.ORDINARY) | ~Q(reason=""),
                name="unscheduled_update_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[UpdateState.TENTATIVE, UpdateState.CANCELLED])
                | Q(announced_at__isnull=False, expected_downtime_minutes__isnull=False),
                name="announced_update_says_how_long_it_is_down",
            ),
        ]
        indexes = [models.Index(fields=["state", "window_start"], name="planned_update_by_state")]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def ref(self) -> Ref:
        """The planned update as the log names it."""
        return Ref("planned_update", str(self.pk), self.title_sv)

    @property
    def title(self) -> Text:
        """The title in both languages."""
        return Text(self.title_sv, self.title_en)

    @property
    def window(self) -> Window:
        """When it is allowed to disturb."""
        return Window(self.window_start, self.window_end)

    @property
    def is_tentative(self) -> bool:
        """Planned by the rule, not yet announced by a person."""
        return self.state == UpdateState.TENTATIVE

    @property
    def is_announced(self) -> bool:
        """Announced, not yet begun."""
        return self.state == UpdateState.ANNOUNCED

    @property
    def is_coming(self) -> bool:
        """Not yet begun, and not called off."""
        return self.state in COMING_STATES

    @property
    def is_active(self) -> bool:
        """Being done now."""
        return self.state in ACTIVE_STATES

    @property
    def is_in_progress(self) -> bool:
        """The work itself is going on."""
        return self.state == UpdateState.IN_PROGRESS

    def is_late_at(self, now: datetime) -> bool:
        """Tell whether announcing now would be less than 14 days before."""
        return self.window_start - now < NOTICE
