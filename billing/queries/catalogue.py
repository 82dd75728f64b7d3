"""What is sold, and at which price."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import engine
from billing.models import Plan, VatRate
from companies.models import Company
from services.models import Entitlement
from vop.lib.clock import local_date
from vop.lib.money import to_cents

HAS_IT = _("The company has this service already.")
NO_PRICE = _("This plan has no price right now. Contact us and we will help you.")


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan in the catalogue: what it costs today, and why it can't be bought, if so."""

    plan: Plan
    unit_price: Decimal | None
    refusal: str | Promise | None

    @property
    def price_cents(self) -> int | None:
        """The price of a period, without VAT."""
        return None if self.unit_price is None else to_cents(self.unit_price)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Every plan and price by key, beside the catalogue that the engine looks them up in."""

    catalogue: engine.Catalogue
    plans: Mapping[uuid.UUID, Plan]
    by_code: Mapping[str, Plan]
    prices: Mapping[uuid.UUID, engine.Price]


def load_price_book() -> PriceBook:
    """Load all plans with their services, prices and the VAT rates: once for a whole run."""
    rows = list(Plan.objects.select_related("service").prefetch_related("prices").order_by("pk"))
    return PriceBook(
        catalogue=engine.Catalogue({plan.code: plan.as_terms() for plan in rows}, _load_rates()),
        plans={plan.pk: plan for plan in rows},
        by_code={plan.code: plan for plan in rows},
        prices={price.pk: price.as_terms() for plan in rows for price in plan.prices.all()},
    )


def load_catalogue(plans: Collection[Plan] | None = None) -> engine.Catalogue:
    """Load plans with their prices, and every VAT rate, as the engine looks them up.

    With no plans named, all of them.
    """
    rows = Plan.objects.prefetch_related("prices").order_by("pk")
    if plans is not None:
        rows = rows.filter(pk__in=[plan.pk for plan in plans])
    return engine.Catalogue({plan.code: plan.as_terms() for plan in rows}, _load_rates())


def get_plan(code: str) -> Plan | None:
    """Return an offered plan with its service and prices, or nothing."""
    return (
        Plan.objects.offered()
        .select_related("service")
        .prefetch_related("prices")
        .filter(code=code)
        .first()
    )


def name_plans() -> Mapping[str, str]:
    """Return what plans are called, by their codes."""
    return dict(Plan.objects.values_list("code", "name"))


def list_plans() -> QuerySet[Plan]:
    """List every plan, also those that aren't sold any more."""
    return Plan.objects.select_related("service").by_service()


def list_offers(company: Company, *, at: datetime) -> Sequence[Offer]:
    """List the catalogue as a company sees it."""
    plans = Plan.objects.offered().select_related("service").prefetch_related("prices").by_service()
    owned = set(
        Entitlement.objects.not_ended(at)
        .for_company(company.pk)
        .values_list("service_id", flat=True)
    )
    return [_offer(plan, local_date(at), has_it=plan.service_id in owned) for plan in plans]


def describe_offer(company: Company, plan: Plan, *, at: datetime) -> Offer:
    """Return what a plan costs a company today, and why it can't be bought, if so."""
    owned = Entitlement.objects.not_ended(at).for_company(company.pk)
    has_it = owned.filter(service_id=plan.service_id).exists()
    return _offer(plan, local_date(at), has_it=has_it)


def _offer(plan: Plan, today: date, *, has_it: bool) -> Offer:
    try:
        price = plan.as_terms().price_on(today, bought_on=today)
    except engine.NoPriceError:
        return Offer(plan, None, NO_PRICE)
    return Offer(plan, price.unit_price, HAS_IT if has_it else None)


def _load_rates() -> tuple[engine.VatRate, ...]:
    rows = VatRate.objects.order_by("vat_class", "country", "valid_from", "pk")
    return tuple(rate.as_terms() for rate in rows)
