"""What is sold, and at which price."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Prefetch, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import engine
from billing.models import Discount, Plan, Subscription, Terms, VatRate
from companies.models import Company
from services.models import Entitlement, ServiceRole
from vop.lib.clock import local_date
from vop.lib.money import to_cents

HAS_IT = _("The company has this service already.")
NO_TERMS = _("There are no terms of sale right now. Contact us and we will help you.")
NO_PRICE = _("This plan has no price right now. Contact us and we will help you.")


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan in the catalogue: what it costs today, and why it can't be bought, if so."""

    plan: Plan
    price: engine.Price | None
    refusal: str | Promise | None
    discount: engine.Discount | None = None

    @property
    def price_cents(self) -> int | None:
        """The price of a period, without VAT."""
        return None if self.price is None else to_cents(self.price.unit_price)

    @property
    def included(self) -> int:
        """How many seats a tiered price covers."""
        return 0 if self.price is None else self.price.included

    @property
    def steps(self) -> list[tuple[int, int | None, Decimal]]:
        """The seats of each tier, from the first to the last, and what each of them costs."""
        tiers = () if self.price is None else self.price.tiers
        lasts = [*(tier.above for tier in tiers[1:]), None]
        return [
            (tier.above + 1, last, tier.unit_price) for tier, last in zip(tiers, lasts, strict=True)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class PriceBook:
    """Every plan and price by key, beside the catalogue that the engine looks them up in.

    It is itself a key: of what was worked out with it.
    """

    catalogue: engine.Catalogue
    plans: Mapping[uuid.UUID, Plan]
    by_code: Mapping[str, Plan]
    prices: Mapping[uuid.UUID, engine.Price]


def load_price_book() -> PriceBook:
    """Load all plans with their services, prices and the VAT rates: once for a whole run."""
    plans = Plan.objects.select_related("service").prefetch_related("prices", "discounts")
    rows = list(plans.order_by("pk"))
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
    rows = Plan.objects.prefetch_related("prices", "discounts").order_by("pk")
    if plans is not None:
        rows = rows.filter(pk__in=[plan.pk for plan in plans])
    return engine.Catalogue({plan.code: plan.as_terms() for plan in rows}, _load_rates())


def get_plan(code: str) -> Plan | None:
    """Return an offered plan with its service and prices, or nothing."""
    return (
        Plan.objects.offered()
        .select_related("service")
        .prefetch_related("prices", "discounts")
        .filter(code=code)
        .first()
    )


def name_plans() -> Mapping[str, str]:
    """Return what plans are called, by their codes."""
    return dict(Plan.objects.values_list("code", "name"))


def list_other_plans(subscription: Subscription) -> Sequence[Plan]:
    """List the plans that a subscription can change to, and its own if it is about to leave it."""
    others = Q(is_offered=True, service__is_active=True) & ~Q(pk=subscription.plan_id)
    if subscription.next_plan_id is not None:
        others |= Q(pk=subscription.plan_id)
    plans = Plan.objects.filter(
        others, service=subscription.plan.service_id, currency=subscription.plan.currency
    )
    return list(
        plans.select_related("service").prefetch_related("prices", "discounts").by_service()
    )


def list_plans() -> QuerySet[Plan]:
    """List every plan, also those that aren't sold any more."""
    return Plan.objects.select_related("service").by_service()


def get_current_terms(day: date) -> Terms | None:
    """Return the terms that buyers accept on a day."""
    return Terms.objects.filter(valid_from__lte=day).order_by("-valid_from").first()


def get_terms(version: str) -> Terms | None:
    """Return a version of the terms."""
    return Terms.objects.filter(version=version).first()


def list_offers(company: Company, *, at: datetime) -> Sequence[Offer]:
    """List the catalogue as a company sees it."""
    plans = (
        Plan.objects.offered()
        .select_related("service")
        .prefetch_related("prices", "discounts")
        .prefetch_related(Prefetch("service__roles", ServiceRole.objects.in_order()))
        .by_service()
    )
    owned = set(
        Entitlement.objects.not_ended(at)
        .for_company(company.pk)
        .values_list("service_id", flat=True)
    )
    today = local_date(at)
    missing = None if get_current_terms(today) else NO_TERMS
    return [
        _offer(plan, today, refusal=HAS_IT if plan.service_id in owned else missing)
        for plan in plans
    ]


def list_plan_offers(plans: Sequence[Plan], *, at: datetime) -> Sequence[Offer]:
    """Return what plans cost somebody who changes to them today."""
    return [_offer(plan, local_date(at), refusal=None) for plan in plans]


def describe_offer(company: Company, plan: Plan, *, at: datetime) -> Offer:
    """Return what a plan costs a company today, and why it can't be bought, if so."""
    owned = Entitlement.objects.not_ended(at).for_company(company.pk)
    has_it = owned.filter(service_id=plan.service_id).exists()
    missing = None if get_current_terms(local_date(at)) else NO_TERMS
    return _offer(plan, local_date(at), refusal=HAS_IT if has_it else missing)


def _offer(plan: Plan, today: date, *, refusal: str | Promise | None) -> Offer:
    terms = plan.as_terms()
    try:
        price = terms.price_on(today, bought_on=today)
    except engine.NoPriceError:
        return Offer(plan, None, NO_PRICE)
    first_paid = today + timedelta(days=plan.trial_days)
    return Offer(plan, price, refusal, terms.discount_on(first_paid))


def load_discounts(rows: Iterable[Discount]) -> Mapping[uuid.UUID, tuple[engine.Discount, ...]]:
    """Return discounts of subscriptions as the engine knows them, by subscription."""
    found: dict[uuid.UUID, tuple[engine.Discount, ...]] = {}
    for row in rows:
        if row.subscription_id is not None:
            known = found.get(row.subscription_id, ())
            found[row.subscription_id] = (*known, row.as_terms())
    return found


def _load_rates() -> tuple[engine.VatRate, ...]:
    rows = VatRate.objects.order_by("vat_class", "country", "valid_from", "pk")
    return tuple(rate.as_terms() for rate in rows)
