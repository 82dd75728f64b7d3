"""What can work or not: components in groups, each with a tier that decides how it is watched."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from auditlog.actors import Ref
from statuspage.models.text import CODE_LENGTH, Text
from vop.lib.db import UUIDModel


class ComponentStatus(models.TextChoices):
    OPERATIONAL = "operational", _("Operational")
    UNDER_MAINTENANCE = "under_maintenance", _("Under maintenance")
    DEGRADED_PERFORMANCE = "degraded_performance", _("Degraded")
    PARTIAL_OUTAGE = "partial_outage", _("Partly down")
    MAJOR_OUTAGE = "major_outage", _("Down")

    @property
    def severity(self) -> int:
        """How bad it is: 0 works, 4 is down."""
        return list(ComponentStatus).index(self)

    @classmethod
    def worst(cls, statuses: "list[str]") -> "ComponentStatus":
        """Return the worst of several; nothing at all works."""
        found = [cls(status) for status in statuses]
        return max(found, key=lambda status: status.severity, default=cls.OPERATIONAL)


class Tier(models.TextChoices):
    CRITICAL = "critical", _("1: no customer can work without it")
    CUSTOMER = "customer", _("2: customers use it")
    STAFF = "staff", _("3: only staff use it")


class ComponentGroupQuerySet(models.QuerySet["ComponentGroup"]):
    def in_order(self) -> Self:
        """Order as the page does."""
        return self.order_by("position", "pk")


class ComponentGroup(UUIDModel):
    """Components that belong together on the page."""

    code = models.CharField(_("code"), max_length=CODE_LENGTH, unique=True, editable=False)
    name_sv = models.CharField(_("name in Swedish"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80, blank=True, default="")
    position = models.PositiveSmallIntegerField(pgettext_lazy("sorting", "order"))
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False)

    objects = ComponentGroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("component group")
        verbose_name_plural = _("component groups")

    def __str__(self) -> str:
        return str(self.name)

    @property
    def name(self) -> Text:
        """The name in both languages."""
        return Text(self.name_sv, self.name_en)


class ComponentQuerySet(models.QuerySet["Component"]):
    def public(self) -> Self:
        """Select what the public page shows."""
        return self.filter(is_public=True)

    def in_order(self) -> Self:
        """Order as the page does."""
        return self.order_by("group__position", "group_id", "position", "pk")


class Component(UUIDModel):
    """A part of the platform that people notice: its status is the worst of what is known."""

    group = models.ForeignKey(
        ComponentGroup,
        on_delete=models.PROTECT,
        related_name="components",
        verbose_name=_("group"),
    )
    code = models.CharField(_("code"), max_length=CODE_LENGTH, unique=True, editable=False)
    name_sv = models.CharField(_("name in Swedish"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80, blank=True, default="")
    description_sv = models.CharField(
        _("description in Swedish"), max_length=200, blank=True, default=""
    )
    description_en = models.CharField(
        _("description in English"), max_length=200, blank=True, default=""
    )
    tier = models.CharField(_("tier"), max_length=10, choices=Tier)
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=ComponentStatus,
        default=ComponentStatus.OPERATIONAL,
        editable=False,
    )
    position = models.PositiveSmallIntegerField(pgettext_lazy("sorting", "order"))
    is_public = models.BooleanField(
        _("shown on the public page"),
        help_text=_("What only staff use stays off the page."),
    )
    start_date = models.DateField(_("in service since"))
    last_checked_at = models.DateTimeField(_("last checked"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False)

    objects = ComponentQuerySet.as_manager()

    class Meta:
        verbose_name = _("component")
        verbose_name_plural = _("components")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ComponentStatus.values), name="component_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(tier__in=Tier.values), name="component_tier_is_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def ref(self) -> Ref:
        """The component as the log names it."""
        return Ref("component", str(self.pk), self.name_sv)

    @property
    def name(self) -> Text:
        """The name in both languages."""
        return Text(self.name_sv, self.name_en)

    @property
    def description(self) -> Text:
        """The description in both languages."""
        return Text(self.description_sv, self.description_en)
