"""Plans, their dated prices, and dated VAT rates."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from auditlog.actors import Ref
from billing import engine
from services.models import Service
from vop.lib.db import UUIDModel

CURRENCIES = [("SEK", "SEK"), ("EUR", "EUR"), ("NOK", "NOK"), ("DKK", "DKK")]  # 100 öre each


PER: Mapping[str, str | Promise] = {
    "month": pgettext_lazy("per", "month"),
    "quarter": pgettext_lazy("per", "quarter"),
    "half_year": pgettext_lazy("per", "half-year"),
    "year": pgettext_lazy("per", "year"),
}


class VatClass(models.TextChoices):
    """What a service is to VAT; the rates of a class are dated rows."""

    STANDARD = "standard", _("Standard")
    REDUCED = "reduced", _("Reduced")
    LOW = "low", _("Low")
    EXEMPT = "exempt", _("Exempt")


class PlanQuerySet(models.QuerySet["Plan"]):
    def offered(self) -> Self:
        """Select plans that can be bought."""
        return self.filter(is_offered=True, service__is_active=True)

    def by_service(self) -> Self:
        """Order as the catalogue does."""
        return self.order_by("service__name", "rank", "name", "pk")


class Plan(UUIDModel):
    """A way to pay for a service: how long a period is and what its seats cost."""

    class Interval(models.TextChoices):
        MONTH = "month", _("Monthly")
        QUARTER = "quarter", _("Quarterly")
        HALF_YEAR = "half_year", _("Half-yearly")
        YEAR = "year", _("Yearly")

    class Pricing(models.TextChoices):
        PER_UNIT = "per_unit", _("Per seat")
        FLAT = "flat", _("Flat")
        TIERED = "tiered", _("Tiered, with seats included")

    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="plans", verbose_name=_("service")
    )
    code = models.SlugField(_("code"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=200, blank=True, default="")
    interval = models.CharField(_("interval"), max_length=10, choices=Interval)
    interval_count = models.PositiveSmallIntegerField(_("number of intervals"), default=1)
    pricing = models.CharField(_("pricing"), max_length=10, choices=Pricing)
    vat_class = models.CharField(
        _("VAT class"), max_length=10, choices=VatClass, default=VatClass.STANDARD
    )
    currency = models.CharField(_("currency"), max_length=3, choices=CURRENCIES, default="SEK")
    trial_days = models.PositiveSmallIntegerField(_("trial, days"), default=0)
    is_offered = models.BooleanField(_("offered"), default=True)
    rank = models.PositiveSmallIntegerField(pgettext_lazy("sorting", "order"), default=0)

    objects = PlanQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        constraints = [
            models.CheckConstraint(
                condition=Q(interval_count__gte=1, interval_count__lte=120),
                name="plan_interval_is_at_least_one",
            ),
            models.CheckConstraint(
                condition=Q(interval__in=["month", "quarter", "half_year", "year"]),
                name="plan_interval_is_known",
            ),
            models.CheckConstraint(
                condition=Q(pricing__in=["per_unit", "flat", "tiered"]),
                name="plan_pricing_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} ({self.name})"

    @property
    def ref(self) -> Ref:
        """The plan as the log names it."""
        return Ref("plan", str(self.pk), self.name)

    @property
    def is_per_seat(self) -> bool:
        """Whether seats are counted: each costs, or those beyond the ones that are included."""
        return self.pricing != self.Pricing.FLAT

    @property
    def is_tiered(self) -> bool:
        """Whether a price covers some seats and the others cost by graduated tiers."""
        return self.pricing == self.Pricing.TIERED

    @property
    def per_text(self) -> str:
        """What a price is for, as in "149 kr per month"."""
        if self.interval_count == 1:
            return str(PER[self.interval])
        count = self.months
        return ngettext("%(count)s month", "%(count)s months", count) % {"count": count}

    @property
    def months(self) -> int:
        """The length of a period."""
        return engine.MONTHS_OF[self.interval] * self.interval_count

    def as_terms(self) -> engine.Plan:
        """Return the plan as the engine knows it, from prefetched `prices` and `discounts`."""
        return engine.Plan(
            code=self.code,
            months=self.months,
            pricing=engine.Pricing(self.pricing),
            vat_class=self.vat_class,
            prices=tuple(price.as_terms() for price in self.prices.all()),
            discounts=tuple(discount.as_terms() for discount in self.discounts.all()),
        )


class Price(UUIDModel):
    """A price of a plan from a day on; `existing_from` is when it reaches earlier buyers.

    `tiers` is the rest of a tiered plan's price, pairs of a number of seats and what each seat
    above it costs, rising: part of a value that never changes and that nobody looks for by itself.
    """

    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="prices", verbose_name=_("plan")
    )
    unit_price = models.DecimalField(_("price without VAT"), max_digits=12, decimal_places=4)
    tiers: Any = models.JSONField(_("tiers"), default=list, blank=True)
    valid_from = models.DateField(_("for new buyers from"))
    existing_from = models.DateField(_("for earlier buyers from"), null=True, blank=True)
    known_from = models.DateField(_("entered"), editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "valid_from"], name="plan_has_one_price_from_a_day"
            ),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="price_is_not_negative"),
            models.CheckConstraint(
                condition=Q(existing_from=None) | Q(existing_from__gte=F("valid_from")),
                name="price_reaches_earlier_buyers_after_new_ones",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit_price} from {self.valid_from}"

    def as_terms(self) -> engine.Price:
        """Return the price as the engine knows it."""
        return engine.Price(
            unit_price=self.unit_price,
            valid_from=self.valid_from,
            existing_from=self.existing_from,
            known_from=self.known_from,
            ref=self.pk,
            tiers=self.list_tiers() if self.tiers else (),
        )

    def list_tiers(self) -> tuple[engine.Tier, ...]:
        """Return the tiers as the engine knows them."""
        return tuple(engine.Tier(above, Decimal(price)) for above, price in self.tiers)


class VatRate(UUIDModel):
    """A VAT rate of a class in a country, from a day until before another."""

    vat_class = models.CharField(_("VAT class"), max_length=10, choices=VatClass)
    country = models.CharField(_("country"), max_length=2, default="SE")
    rate = models.DecimalField(_("per cent"), max_digits=5, decimal_places=2)
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("until before"), null=True, blank=True)

    class Meta:
        verbose_name = _("VAT rate")
        verbose_name_plural = _("VAT rates")
        constraints = [
            models.UniqueConstraint(
                fields=["vat_class", "country", "valid_from"], name="vat_rate_begins_once_a_day"
            ),
            models.CheckConstraint(
                condition=Q(rate__gte=0, rate__lte=100), name="vat_rate_is_a_per_cent"
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                name="vat_rate_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vat_class} {self.country} {self.rate} %"

    @property
    def ref(self) -> Ref:
        """The rate as the log names it."""
        return Ref("vat_rate", str(self.pk), str(self))

    def overlaps(self, valid_from: date, valid_to: date | None) -> bool:
        """Whether it holds on a day of [valid_from, valid_to)."""
        ends_before = self.valid_to is not None and self.valid_to <= valid_from
        begins_after = valid_to is not None and self.valid_from >= valid_to
        return not (ends_before or begins_after)

    def as_terms(self) -> engine.VatRate:
        """Return the rate as the engine knows it."""
        return engine.VatRate(
            vat_class=self.vat_class,
            country=self.country,
            rate=self.rate,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )
