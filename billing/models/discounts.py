"""Discounts: dated, with an end, of a plan or of one subscription."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from billing import engine
from billing.models.plans import Plan
from billing.models.subscriptions import Subscription
from vop.lib.db import UUIDModel


class DiscountQuerySet(models.QuerySet["Discount"]):
    def in_order(self) -> Self:
        """Order as they hold."""
        return self.order_by("valid_from", "pk")


class Discount(UUIDModel):
    """What is taken off each period that begins on a day of [valid_from, valid_to).

    No two of a plan, and no two of a subscription, hold on the same day: an exclusion on
    PostgreSQL, triggers on SQLite (migration 0013). One that was withdrawn before it began has no
    days.
    """

    class Kind(models.TextChoices):
        PERCENT = "percent", _("Per cent")
        AMOUNT = "amount", _("Amount")

    plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="discounts",
        verbose_name=_("plan"),
    )
    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="discounts",
        verbose_name=_("subscription"),
    )
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    value = models.DecimalField(_("value"), max_digits=12, decimal_places=4)
    valid_from = models.DateField(_("for periods from"))
    valid_to = models.DateField(_("until before"))
    created_at = models.DateTimeField(_("created"), editable=False)

    objects = DiscountQuerySet.as_manager()

    class Meta:
        verbose_name = _("discount")
        verbose_name_plural = _("discounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(plan=None, subscription__isnull=False)
                | Q(plan__isnull=False, subscription=None),
                name="discount_is_of_a_plan_or_a_subscription",
            ),
            models.CheckConstraint(
                condition=Q(kind="percent", value__gt=0, value__lte=100)
                | Q(kind="amount", value__gt=0),
                name="discount_takes_something_off_and_no_more_than_all",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__gte=F("valid_from")), name="discount_ends_after_its_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.valid_from}"

    @property
    def ref(self) -> Ref:
        """The discount as the log names it."""
        return Ref("discount", str(self.pk), self.name)

    def as_terms(self) -> engine.Discount:
        """Return the discount as the engine knows it."""
        is_percent = self.kind == self.Kind.PERCENT
        return engine.Discount(
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            percent=self.value if is_percent else None,
            amount=None if is_percent else self.value,
            name=self.name,
            ref=self.pk,
        )
