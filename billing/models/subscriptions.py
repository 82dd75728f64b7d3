"""Who pays for what, and what was decided about it."""

from datetime import date, timedelta
from typing import Any, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from billing import engine
from billing.models.plans import Plan, Price
from billing.models.terms import Terms
from companies.models import Company
from services.models import Entitlement
from vop.lib.clock import local_midnight
from vop.lib.db import UUIDModel

TOLD_AHEAD: Final = timedelta(days=7)  # how long a notice must have been out before a renewal


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def running(self) -> Self:
        """Select subscriptions that aren't over."""
        return self.filter(ended_on=None)

    def for_company(self, company_id: object) -> Self:
        """Select the subscriptions of one company, whoever pays."""
        return self.filter(company_id=company_id)

    def begun(self, as_of: date) -> Self:
        """Select subscriptions with a period that has begun by a day and isn't billed."""
        to_bill = Q(cancel_on=None) | Q(billed_through__lt=F("cancel_on"))
        return self.running().filter(to_bill, billed_through__lte=as_of)

    def due(self, as_of: date, *, today: date | None = None) -> Self:
        """Select subscriptions with a period to bill, or an end to carry out, by a day.

        A renewal is due only when its company has been told of it in time. Whoever looks ahead
        names `today`: by a day that is far enough off, everybody can still be told.
        """
        begun = Q(cancel_on=None) | Q(billed_through__lt=F("cancel_on"))
        if today is None or as_of - today < TOLD_AHEAD:
            told = told_by(as_of).filter(renews_on=OuterRef("billed_through"))
            is_withdrawn = Q(entitlement__valid_until__isnull=False)  # an end to carry out
            begun &= Q(price=None) | is_withdrawn | Q(Exists(told))
        return self.running().filter(
            (Q(billed_through__lte=as_of) & begun) | Q(cancel_on__lte=as_of)
        )

    def waiting(self, as_of: date) -> Self:
        """Select subscriptions whose renewal waits for a notice to have been out long enough."""
        told = told_by(as_of).filter(renews_on=OuterRef("billed_through"))
        return self.begun(as_of).filter(
            ~Exists(told), price__isnull=False, entitlement__valid_until=None
        )

    def by_service(self) -> Self:
        """Order as the company's page does: those that are over last."""
        return self.order_by(F("ended_on").asc(nulls_first=True), "plan__service__name", "pk")


class Subscription(UUIDModel):
    """A company pays for a service, period after period.

    `billed_through` is the cursor of the runs: the first day that isn't billed. `quantity` is
    what is wanted from the next renewal on, `paid_quantity` what the current period covers.
    """

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="subscriptions", verbose_name=_("company")
    )
    payer = models.ForeignKey(
        Company,
        on_delete=models.PROTECT,
        related_name="paid_subscriptions",
        verbose_name=_("payer"),
    )
    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="subscriptions", verbose_name=_("plan")
    )
    entitlement = models.ForeignKey(
        Entitlement,
        on_delete=models.PROTECT,
        related_name="subscriptions",
        verbose_name=_("entitlement"),
    )
    quantity = models.PositiveIntegerField(_("seats"))
    paid_quantity = models.PositiveIntegerField(_("seats paid"), default=0)
    term = models.PositiveSmallIntegerField(default=0, editable=False)
    anchor = models.DateField(_("anchor"))
    bought_on = models.DateField(_("bought"))
    billed_through = models.DateField(_("billed until before"))
    trial_until = models.DateField(_("first paid day after the trial"), null=True, blank=True)
    price = models.ForeignKey(
        Price,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("price"),
        db_index=False,
    )
    next_plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("next plan"),
        db_index=False,
    )
    next_plan_ordered_on = models.DateField(_("next plan ordered"), null=True, blank=True)
    cancel_on = models.DateField(_("ends"), null=True, blank=True)
    ended_on = models.DateField(_("ended"), null=True, blank=True)
    consolidate = models.BooleanField(_("on the company's common basis"), default=True)
    po_number = models.CharField(_("purchase-order number"), max_length=40, blank=True, default="")
    reference = models.CharField(_("reference"), max_length=80, blank=True, default="")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gte=1), name="subscription_has_at_least_one_seat"
            ),
            models.CheckConstraint(
                condition=Q(ended_on=None) | Q(cancel_on__lte=F("ended_on")),
                name="subscription_ends_only_when_cancelled",
            ),
            models.CheckConstraint(
                condition=Q(next_plan=None, next_plan_ordered_on=None)
                | Q(next_plan__isnull=False, next_plan_ordered_on__isnull=False),
                name="next_plan_has_its_order_day",
            ),
            models.UniqueConstraint(
                fields=["entitlement"],
                condition=Q(ended_on=None),
                name="entitlement_is_paid_by_one_subscription",
            ),
        ]
        # No index on billed_through: a run moves every cursor, and would move the index with it.
        # One look through the table an hour is cheaper, see docs/billing.md.

    def __str__(self) -> str:
        return f"{self.plan_id} of {self.company_id}"

    @property
    def ref(self) -> Ref:
        """The subscription as the log names it."""
        return Ref("subscription", str(self.pk), f"{self.plan.service.name}, {self.plan.name}")

    def status_on(self, day: date) -> engine.Status:
        """Return what the subscription is on a day, whether or not a run has carried it out."""
        if self.cancel_on is not None:
            is_over = self.cancel_on <= day
            return engine.Status.ENDED if is_over else engine.Status.CANCELLED
        if self.trial_until is not None and day < self.trial_until:
            return engine.Status.TRIALING
        return engine.Status.ACTIVE

    @property
    def due_on(self) -> date | None:
        """The day on which the next period is billed; None when there is none."""
        if self.cancel_on is not None and self.billed_through >= self.cancel_on:
            return None
        return self.billed_through


class RenewalNotice(models.Model):
    """A notice of a renewal to come, as it was sent: no run renews what nobody was told of.

    `days_ahead` is its stage (60, 30 or 7); `told` names the people who got it.
    """

    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.PROTECT,
        related_name="notices",
        db_index=False,  # renewal_is_told_once_a_stage begins with it
    )
    renews_on = models.DateField(_("renews"))
    days_ahead = models.PositiveSmallIntegerField(_("days ahead"))
    quantity = models.PositiveIntegerField(_("seats"))
    net_cents = models.BigIntegerField(_("net"))
    told: Any = models.JSONField(_("told"))
    sent_at = models.DateTimeField(_("sent"))

    class Meta:
        verbose_name = _("renewal notice")
        verbose_name_plural = _("renewal notices")
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "renews_on", "days_ahead"],
                name="renewal_is_told_once_a_stage",
            ),
            models.CheckConstraint(
                condition=Q(days_ahead__in=[60, 30, 7]), name="notice_stage_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.renews_on} ({self.days_ahead})"


def told_by(as_of: date) -> QuerySet[RenewalNotice]:
    """Select an outer subscription's notices that have been out long enough on a day."""
    return RenewalNotice.objects.filter(
        subscription=OuterRef("pk"),
        sent_at__lt=local_midnight(as_of - TOLD_AHEAD + timedelta(days=1)),
    )


class SubscriptionChange(UUIDModel):
    """Something that was decided about a subscription: append-only, the cause of lines.

    Triggers in the database refuse to change or delete one (migration 0002).
    """

    class Kind(models.TextChoices):
        SUBSCRIBE = "subscribe", _("Bought")
        CHANGE_QUANTITY = "change_quantity", _("Seats changed")
        CHANGE_PLAN = "change_plan", _("Plan changed")
        CANCEL = "cancel", _("Cancelled")
        UNDO_CANCEL = "undo_cancel", _("Cancellation undone")
        CREDIT = "credit", _("Credited")
        CHANGE_PAYER = "change_payer", _("Payer changed")

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    effective_on = models.DateField(_("effective"))
    recorded_at = models.DateTimeField(_("recorded"))
    payload: Any = models.JSONField(_("data"), default=dict)
    actor_kind = models.CharField(_("kind of actor"), max_length=20)
    actor_id = models.CharField(max_length=64)
    request_key = models.UUIDField(null=True, unique=True)

    class Meta:
        verbose_name = _("change of a subscription")
        verbose_name_plural = _("changes of subscriptions")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "subscribe",
                        "change_quantity",
                        "change_plan",
                        "cancel",
                        "undo_cancel",
                        "credit",
                        "change_payer",
                    ]
                ),
                name="subscription_change_kind_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.effective_on}"


class Order(UUIDModel):
    """A purchase as it was confirmed: what was shown to whom, under which terms.

    Its `request_key` comes from the form: a second click finds the first one's order.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="orders")
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="orders")
    subscription = models.OneToOneField(
        Subscription, on_delete=models.PROTECT, related_name="order"
    )
    quantity = models.PositiveIntegerField(_("seats"))
    preview: Any = models.JSONField(_("as shown"))
    preview_sha256 = models.CharField(max_length=64)
    terms_version = models.CharField(_("terms"), max_length=20)
    terms = models.ForeignKey(  # the text that was accepted; orders of before it was kept have none
        Terms, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    request_key = models.UUIDField(unique=True)
    placed_at = models.DateTimeField(_("placed"))

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")

    def __str__(self) -> str:
        return f"order of {self.company_id}"

    @property
    def ref(self) -> Ref:
        """The order as the log names it."""
        return Ref("order", str(self.pk), self.plan.name)
