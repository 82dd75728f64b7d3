"""Subscriptions as people see them, and as the engine knows them."""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Case, Count, Min, Q, QuerySet, Subquery, When

from billing import engine
from billing.models import BasisLine, Discount, Plan, Subscription, told_by
from billing.queries.catalogue import PriceBook, load_catalogue, load_discounts
from companies.models import Company
from services.models import Seat
from vop.lib.clock import local_date


class DueTerms(NamedTuple):
    """What of a subscription decides what a run bills: equal for many, and worked out once."""

    plan_id: uuid.UUID
    quantity: int
    paid_quantity: int
    term: int
    anchor: date
    bought_on: date
    billed_through: date
    trial_until: date | None
    price_id: uuid.UUID | None
    next_plan_id: uuid.UUID | None
    next_plan_ordered_on: date | None
    cancel_on: date | None


class Situation(NamedTuple):
    """All that decides what subscriptions cost but the catalogue: a key for what it comes to."""

    terms: DueTerms
    is_withdrawn: bool
    buyer: engine.Buyer
    discounts: tuple[engine.Discount, ...]

    def state(self, book: PriceBook) -> engine.Subscription:
        """Return subscriptions in this situation as the engine knows them, nameless."""
        terms = self.terms
        next_plan_id, price_id = terms.next_plan_id, terms.price_id
        return _to_state(
            terms,
            ref="",
            buyer=self.buyer,
            plan=book.plans[terms.plan_id].code,
            next_plan=None if next_plan_id is None else book.plans[next_plan_id].code,
            price=None if price_id is None else book.prices[price_id],
            is_withdrawn=self.is_withdrawn,
            discounts=self.discounts,
        )


class DueRow(NamedTuple):
    """The columns of a subscription that a run needs: rows, for it reads a million of them."""

    id: uuid.UUID
    company_id: uuid.UUID
    payer_id: uuid.UUID
    consolidate: bool
    po_number: str
    valid_until: datetime | None
    seat_limit: int | None
    told_through: date | None
    terms: DueTerms


_DUE_COLUMNS = [
    *DueRow._fields[:5],
    "entitlement__valid_until",
    "entitlement__seat_limit",
    "told_through",
    *DueTerms._fields,
]
_OWN = len(DueRow._fields) - 1  # columns of each subscription's own
_PAYER = DueRow._fields.index("payer_id")


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as its company sees it: what it is today and what comes next."""

    subscription: Subscription
    status: engine.Status
    seats: int
    taken: int
    next_on: date | None
    next_cents: int | None
    discount: engine.Discount | None = None
    has_other_plans: bool = False

    @property
    def is_ended(self) -> bool:
        """Whether it is over."""
        return self.status is engine.Status.ENDED

    @property
    def is_cancelled(self) -> bool:
        """Whether it runs out at the end of what is paid."""
        return self.status is engine.Status.CANCELLED

    @property
    def is_trialing(self) -> bool:
        """Whether nothing is paid for yet."""
        return self.status is engine.Status.TRIALING

    @property
    def may_change_plan(self) -> bool:
        """Whether there is another plan to change to, and nothing is cancelled."""
        return self.has_other_plans and not (self.is_ended or self.is_cancelled)

    @property
    def unused(self) -> int:
        """How many paid seats nobody has."""
        return max(0, self.seats - self.taken)

    @property
    def spare(self) -> int:
        """How many seats can be given up before the next renewal: one always stays."""
        can_be_cut = self.subscription.plan.is_per_seat and not (self.is_ended or self.is_cancelled)
        return self.subscription.quantity - max(1, self.taken) if can_be_cut else 0

    @property
    def waits_for_fewer(self) -> bool:
        """Whether fewer seats take effect at the next renewal."""
        return not self.is_ended and self.subscription.quantity < self.seats


def get_buyer(payer: Company) -> engine.Buyer:
    """Return what VAT asks of the company that pays."""
    return engine.Buyer(payer.country, payer.vat_number)


def get_tax_place(country: str, vat_number: str) -> engine.Buyer:
    """Return a buyer as VAT tells buyers apart: without a number that changes nothing."""
    buyer = engine.Buyer(country, vat_number)
    return buyer if buyer.is_reverse_charged else engine.Buyer(country)


def load_state(
    subscription: Subscription,
    *,
    payer: Company,
    charges_after: date | None = None,
    discounts: tuple[engine.Discount, ...] | None = None,
) -> engine.Subscription:
    """Return a subscription as the engine knows it, its plan and price loaded.

    Its own `discounts` are loaded unless they are given.

    `charges_after` loads what was charged for days after it, as credits and added seats need.
    """
    if discounts is None:
        own = Discount.objects.filter(subscription=subscription).in_order()
        discounts = tuple(discount.as_terms() for discount in own)
    return _to_state(
        subscription,
        ref=str(subscription.pk),
        buyer=get_buyer(payer),
        plan=subscription.plan.code,
        next_plan=None if subscription.next_plan is None else subscription.next_plan.code,
        price=None if subscription.price is None else subscription.price.as_terms(),
        is_withdrawn=subscription.entitlement.valid_until is not None,
        charges=() if charges_after is None else _load_charges(subscription, charges_after),
        discounts=discounts,
    )


def _to_state(
    row: Subscription | DueTerms,
    *,
    ref: str,
    buyer: engine.Buyer,
    plan: str,
    next_plan: str | None,
    price: engine.Price | None,
    is_withdrawn: bool,
    charges: tuple[engine.Standing, ...] = (),
    discounts: tuple[engine.Discount, ...] = (),
) -> engine.Subscription:
    cancel_on = row.cancel_on
    if is_withdrawn:  # a service that was withdrawn is billed no further than it is
        cancel_on = min(cancel_on or row.billed_through, row.billed_through)
    return engine.Subscription(
        ref=ref,
        buyer=buyer,
        plan=plan,
        quantity=row.quantity,
        anchor=row.anchor,
        bought_on=row.bought_on,
        billed_through=row.billed_through,
        cause=engine.Cause("subscribe", row.bought_on),
        trial_until=row.trial_until,
        paid_quantity=row.paid_quantity,
        price=price,
        next_plan=next_plan,
        next_plan_ordered_on=row.next_plan_ordered_on,
        cancel_on=cancel_on,
        charges=charges,
        term=row.term,
        discount=charges[-1].line.discount if charges else None,
        discounts=discounts,
    )


def list_due_rows(
    payer_ids: Collection[uuid.UUID], *, as_of: date, today: date | None = None
) -> Sequence[DueRow]:
    """List what payers have to renew or end by a day, by payer and id.

    `told_through` is the last renewal that the company has been told of in time. It is looked up
    where another period than the first may be due.
    """
    if not payer_ids:
        return []
    told = told_by(as_of).order_by("-renews_on").values("renews_on")[:1]
    is_late = Q(billed_through__lt=as_of)
    rows = (
        Subscription.objects.due(as_of, today=today)
        .filter(payer_id__gte=min(payer_ids), payer_id__lte=max(payer_ids))  # cheaper than 500 keys
        .annotate(told_through=Case(When(is_late, then=Subquery(told))))
        .order_by("payer_id", "pk")
        .values_list(*_DUE_COLUMNS)
    )
    return [
        DueRow._make((*row[:_OWN], DueTerms._make(row[_OWN:])))
        for row in rows
        if row[_PAYER] in payer_ids
    ]


def list_due_discounts(
    payer_ids: Collection[uuid.UUID],
) -> Mapping[uuid.UUID, tuple[engine.Discount, ...]]:
    """Return the own discounts of what payers pay for, by subscription: one query for a batch."""
    if not payer_ids:
        return {}
    first, last = min(payer_ids), max(payer_ids)
    rows = Discount.objects.filter(
        subscription__payer_id__gte=first, subscription__payer_id__lte=last
    )
    return load_discounts(rows.in_order())


def list_subscription_rows(company: Company, *, at: datetime) -> Sequence[SubscriptionRow]:
    """List a company's subscriptions with their next date and price, those in force first."""
    subscriptions = list(
        Subscription.objects.for_company(company.pk)
        .select_related("plan__service", "price", "next_plan", "payer", "entitlement")
        .by_service()
    )
    plans = {row.plan for row in subscriptions} | {
        row.next_plan for row in subscriptions if row.next_plan is not None
    }
    catalogue = load_catalogue(plans)
    taken = count_taken([row.entitlement_id for row in subscriptions], at)
    own = load_discounts(Discount.objects.filter(subscription__in=subscriptions).in_order())
    services = {row.plan.service_id for row in subscriptions}
    offered = Plan.objects.offered().filter(service__in=services).order_by("pk")
    sold = Counter(offered.values_list("service_id", "currency"))
    today = local_date(at)
    return [
        _row(
            row,
            catalogue,
            today=today,
            taken=taken.get(row.entitlement_id, 0),
            discounts=own.get(row.pk, ()),
            has_other_plans=sold[row.plan.service_id, row.plan.currency] > row.plan.is_offered,
        )
        for row in subscriptions
    ]


def list_running() -> QuerySet[Subscription]:
    """List every subscription that isn't over, for staff."""
    return Subscription.objects.running().select_related("company", "plan__service")


def count_taken_seats(subscription: Subscription, *, at: datetime) -> int:
    """Count the seats that people have in a subscription's service."""
    return count_taken([subscription.entitlement_id], at).get(subscription.entitlement_id, 0)


def _row(
    row: Subscription,
    catalogue: engine.Catalogue,
    *,
    today: date,
    taken: int,
    discounts: tuple[engine.Discount, ...],
    has_other_plans: bool,
) -> SubscriptionRow:
    state = load_state(row, payer=row.payer, discounts=discounts)
    line = _next_line(state, catalogue)
    return SubscriptionRow(
        subscription=row,
        status=state.status_on(today),
        seats=state.seats_on(today),
        taken=taken,
        next_on=state.due_on,
        next_cents=None if line is None else line.net_cents,
        discount=None if line is None else line.discount,
        has_other_plans=has_other_plans,
    )


def _next_line(state: engine.Subscription, catalogue: engine.Catalogue) -> engine.Line | None:
    if state.due_on is None:
        return None
    try:
        [first, *_] = engine.renew(catalogue, state, as_of=state.due_on).lines
    except engine.EngineError:  # the run will park it and staff will see why
        return None
    return first


def _load_charges(row: Subscription, after: date) -> tuple[engine.Standing, ...]:
    credited = dict(
        BasisLine.objects.filter(subscription=row, credits__isnull=False)
        .values_list("credits_id")
        .annotate(since=Min("period_start"))
        .order_by("credits_id")
    )
    charges = (
        BasisLine.objects.filter(subscription=row, period_end__gt=after, credits=None)
        .select_related("plan", "discount")
        .order_by("period_start", "basis__billing_date", "position", "pk")
    )
    return tuple(
        engine.Standing(line.as_terms(), credited.get(line.pk, line.period_end)) for line in charges
    )


def count_taken(entitlement_ids: Sequence[uuid.UUID], at: datetime) -> dict[uuid.UUID, int]:
    """Count the seats that people have, by entitlement."""
    rows = (
        Seat.objects.in_force(at)
        .filter(entitlement_id__in=entitlement_ids)
        .values("entitlement_id")
        .annotate(taken=Count("pk", filter=Q(membership__isnull=False)))
        .order_by("entitlement_id")
    )
    return {row["entitlement_id"]: row["taken"] for row in rows}
