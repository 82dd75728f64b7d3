"""The log: append-only rows, and beside them what may be erased.

Triggers in the database refuse to change or delete an Event or its audience (migration 0002).
There are no foreign keys out of here: actor, company and target are plain columns, so that the
log knows nobody and outlives everything.
"""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from auditlog.events import UnregisteredEventError, get_event_type


class EventQuerySet(models.QuerySet["Event"]):
    def for_company(self, company_id: uuid.UUID) -> Self:
        """Select what a company may read."""
        return self.filter(audience__company_id=company_id)

    def of_actions(self, actions: list[str]) -> Self:
        """Select events of the named kinds."""
        return self.filter(action__in=actions)

    def between(self, start: datetime, end: datetime) -> Self:
        """Select events in [start, end)."""
        return self.filter(occurred_at__gte=start, occurred_at__lt=end)

    def newest_first(self) -> Self:
        """Order by the moment of writing, newest first."""
        return self.order_by("-pk")


class Event(models.Model):
    """Something that happened: written once, in the transaction of the change itself."""

    class Outcome(models.TextChoices):
        SUCCESS = "success", pgettext_lazy("outcome", "Done")
        FAILURE = "failure", _("Failed")
        DENIED = "denied", _("Denied")

    class ActorKind(models.TextChoices):
        PERSON = "person", _("Person")
        STAFF = "staff", _("Our staff")
        CLIENT = "client", pgettext_lazy("kind of actor", "Service")
        SYSTEM = "system", _("The platform")
        ANONYMOUS = "anonymous", _("Somebody not signed in")

    uid = models.UUIDField(_("event id"), default=uuid.uuid4, unique=True, editable=False)
    action = models.CharField(_("event name"), max_length=60)
    schema_version = models.PositiveSmallIntegerField(_("version of the format"), default=1)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    retention = models.CharField(_("retention class"), max_length=1)
    occurred_at = models.DateTimeField(_("time"))
    actor_kind = models.CharField(_("kind of actor"), max_length=20, choices=ActorKind)
    actor_id = models.CharField(_("actor id"), max_length=64)
    company_id = models.UUIDField(_("company id"), null=True)
    target_kind = models.CharField(_("kind of target"), max_length=40)
    target_id = models.CharField(_("target id"), max_length=64)
    data = models.JSONField(_("data"))
    request_id = models.CharField(_("request"), max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=["success", "failure", "denied"]),
                name="event_outcome_is_known",
            )
        ]
        indexes = [
            models.Index(fields=["action", "occurred_at"], name="event_by_action"),
            models.Index(fields=["actor_id", "occurred_at"], name="event_by_actor"),
            models.Index(fields=["target_kind", "target_id"], name="event_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.action} #{self.pk}"

    @property
    def label(self) -> str | Promise:
        """What people read; an event of a room that is gone keeps its technical name."""
        try:
            return get_event_type(self.action).label
        except UnregisteredEventError:
            return self.action


class EventPersonal(models.Model):
    """The personal part of an event: erased with the person, never part of what is sealed."""

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, primary_key=True, related_name="personal"
    )
    actor_label = models.CharField(max_length=254)
    target_label = models.CharField(max_length=254)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300)
    data = models.JSONField()

    class Meta:
        verbose_name = _("personal part of an event")
        verbose_name_plural = _("personal parts of events")

    def __str__(self) -> str:
        return f"personal part of #{self.pk}"


class EventAudience(models.Model):
    """A company that may read an event: the one it happened in, or one it concerned."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="audience")
    company_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company_id", "event"], name="event_has_company_once")
        ]

    def __str__(self) -> str:
        return f"#{self.event_id} for {self.company_id}"
