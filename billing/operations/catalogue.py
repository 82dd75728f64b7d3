"""What staff decide: plans, prices, VAT rates and who sells."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import CatalogueEvent, LedgerEvent
from billing.models import AccountPurpose, LedgerAccount, Plan, Price, Seller, VatRate
from services.models import Service
from vop.lib.clock import local_date
from vop.lib.db import use_case
from vop.lib.errors import DomainError


class PriceExistsError(DomainError):
    message = _(
        "This plan has a price from that day already. A price is never changed: set a new one."
    )


class BadDateError(DomainError):
    message = _("The day must be today or later, and the end after the start.")


class BadAmountError(DomainError):
    message = _("The amount must not be negative.")


class BadTiersError(DomainError):
    message = _("A tiered plan has one tier or more, each above the one before. No other plan has.")


class OverlappingRateError(DomainError):
    message = _("Another rate for this class and country holds on one of these days.")


class CodeTakenError(DomainError):
    message = _("Another plan has this code.")


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What the catalogue says of a plan."""

    service: Service
    code: str
    name: str
    interval: str
    pricing: str
    description: str = ""
    interval_count: int = 1
    vat_class: str = "standard"
    currency: str = "SEK"
    trial_days: int = 0
    is_offered: bool = True
    rank: int = 0


class AccountExistsError(DomainError):
    message = _("There is an account for this already. Change that one.")


class OnlyRevenueByServiceError(DomainError):
    message = _("Only revenue is booked by service.")


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Where something is booked; `service` is for revenue of one service alone."""

    purpose: str
    vat: str
    number: str
    name: str
    service: Service | None = None


@dataclass(frozen=True, slots=True)
class SellerFacts:
    """Who sells, as bases name them."""

    name: str
    org_number: str
    vat_number: str
    street: str
    postcode: str
    city: str
    email: str
    country: str = "SE"
    bankgiro: str = ""
    payment_days: int = 30
    series_prefix: str = "U"


@use_case
def save_plan(*, facts: PlanFacts, actor: Actor, now: datetime, plan: Plan | None = None) -> Plan:
    """Add a plan, or change what can change of one: its name, description, order and offer.

    What a subscription was bought on (service, code, interval, pricing, VAT class, currency)
    stays as it was.

    Raises: CodeTakenError.
    """
    if plan is None:
        if Plan.objects.filter(code=facts.code).exists():
            raise CodeTakenError
        saved = Plan(service=facts.service, code=facts.code, interval=facts.interval)
        saved.interval_count = facts.interval_count
        saved.pricing, saved.vat_class = facts.pricing, facts.vat_class
        saved.currency = facts.currency
    else:
        saved = Plan.objects.select_for_update(of=("self",), no_key=True).get(pk=plan.pk)
    saved.name, saved.description = facts.name, facts.description
    saved.trial_days, saved.is_offered = facts.trial_days, facts.is_offered
    saved.rank = facts.rank
    saved.save()
    audit(
        CatalogueEvent.PLAN_SAVED,
        actor=actor,
        now=now,
        target=saved.ref,
        data={"code": saved.code, "is_offered": saved.is_offered, "trial_days": saved.trial_days},
    )
    return saved


@use_case
def set_price(
    *,
    plan: Plan,
    unit_price: Decimal,
    valid_from: date,
    existing_from: date | None,
    tiers: Sequence[engine.Tier] = (),
    actor: Actor,
    now: datetime,
) -> Price:
    """Set what a plan costs from a day on; `existing_from` is when it reaches earlier buyers.

    Only a plan's first price may lie in the past: nobody has bought at another. A tiered plan has
    tiers, rising, and no other has.

    Raises: PriceExistsError, BadDateError, BadAmountError, BadTiersError.
    """
    locked = Plan.objects.select_for_update(of=("self",), no_key=True).get(pk=plan.pk)
    today = local_date(now)
    prices = Price.objects.filter(plan=locked)
    if unit_price < 0 or any(tier.unit_price < 0 for tier in tiers):
        raise BadAmountError
    steps = [tier.above for tier in tiers]
    if locked.is_tiered != bool(tiers) or steps != sorted(set(steps)) or min(steps, default=0) < 0:
        raise BadTiersError
    if existing_from is not None and existing_from < valid_from:
        raise BadDateError
    if valid_from < today and prices.exists():
        raise BadDateError
    if prices.filter(valid_from=valid_from).exists():
        raise PriceExistsError
    price = Price.objects.create(
        plan=locked,
        unit_price=unit_price,
        valid_from=valid_from,
        existing_from=existing_from,
        tiers=[[tier.above, str(tier.unit_price)] for tier in tiers],
        known_from=min(today, valid_from),
        created_at=now,
    )
    audit(
        CatalogueEvent.PRICE_CHANGED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={
            "unit_price": unit_price,
            "valid_from": valid_from,
            "existing_from": existing_from,
            "tiers": price.tiers,
        },
    )
    return price


@use_case
def set_vat_rate(
    *,
    vat_class: str,
    country: str,
    rate: Decimal,
    valid_from: date,
    valid_to: date | None,
    actor: Actor,
    now: datetime,
) -> VatRate:
    """Set a VAT rate from a day on; one without an end that holds before it ends there.

    Raises: BadAmountError, BadDateError, OverlappingRateError.
    """
    if not 0 <= rate <= 100:  # noqa: PLR2004 (per cent)
        raise BadAmountError
    if valid_to is not None and valid_to <= valid_from:
        raise BadDateError
    others = VatRate.objects.select_for_update().filter(vat_class=vat_class, country=country)
    others.filter(valid_to=None, valid_from__lt=valid_from).update(valid_to=valid_from)
    if any(other.overlaps(valid_from, valid_to) for other in others.order_by("valid_from", "pk")):
        raise OverlappingRateError
    saved = VatRate.objects.create(
        vat_class=vat_class, country=country, rate=rate, valid_from=valid_from, valid_to=valid_to
    )
    audit(
        CatalogueEvent.VAT_RATE_CHANGED,
        actor=actor,
        now=now,
        target=saved.ref,
        data={"rate": rate, "valid_from": valid_from, "valid_to": valid_to},
    )
    return saved


@use_case
def save_ledger_account(
    *, facts: AccountFacts, actor: Actor, now: datetime, account: LedgerAccount | None = None
) -> LedgerAccount:
    """Say where something is booked; one account for each purpose, VAT and service.

    Raises: AccountExistsError, OnlyRevenueByServiceError.
    """
    if facts.service is not None and facts.purpose != AccountPurpose.REVENUE:
        raise OnlyRevenueByServiceError
    saved, created = LedgerAccount.objects.get_or_create(
        purpose=facts.purpose,
        vat=facts.vat,
        service=facts.service,
        defaults={"number": facts.number, "name": facts.name},
    )
    if not created and (account is None or account.pk != saved.pk):
        raise AccountExistsError
    if created and account is not None:  # it is for something else from now on
        account.delete()
    saved.number, saved.name = facts.number, facts.name
    saved.save(update_fields=["number", "name"])
    data = {"purpose": saved.purpose, "vat": saved.vat, "number": saved.number}
    audit(LedgerEvent.SAVED, actor=actor, now=now, target=saved.ref, data=data)
    return saved


@use_case
def save_seller(*, facts: SellerFacts, actor: Actor, now: datetime) -> Seller:
    """Set who sells from now on; approved bases keep the seller that they copied."""
    seller, _created = Seller.objects.update_or_create(is_current=True, defaults=asdict(facts))
    audit(
        CatalogueEvent.SELLER_CHANGED,
        actor=actor,
        now=now,
        target=seller.ref,
        data={"org_number": seller.org_number, "series_prefix": seller.series_prefix},
    )
    return seller
