"""What a purchase or a change would cost: the functions of the real thing, writing nothing."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from billing import engine
from billing.models import Plan, Subscription, Terms
from billing.queries.catalogue import get_current_terms, load_catalogue
from billing.queries.subscriptions import count_taken_seats, get_buyer, load_state
from companies.models import Company
from vop.lib.clock import local_date


class NoTermsError(engine.EngineError):
    def __init__(self, day: date) -> None:
        super().__init__(f"no terms of sale hold on {day}")


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What a purchase costs now and at its first renewal, to the öre."""

    company: Company
    payer: Company
    plan: Plan
    terms: Terms
    quantity: int
    outcome: engine.Outcome
    now: engine.Totals
    renews_on: date
    at_renewal: engine.Totals

    @property
    def line(self) -> engine.Line | None:
        """What is charged now; a trial charges nothing."""
        return self.outcome.lines[0] if self.outcome.lines else None

    @property
    def is_paid_by_other(self) -> bool:
        """Whether another company pays: its firm, which has agreed to."""
        return self.payer.pk != self.company.pk

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that was shown, as JSON for the order."""
        return {
            "plan": self.plan.code,
            "quantity": self.quantity,
            "payer": {"id": str(self.payer.pk), "name": self.payer.name},
            "currency": self.plan.currency,
            "terms": self.terms.version,
            "terms_sha256": self.terms.sha256,
            "lines": [_describe(line) for line in self.outcome.lines],
            "now": _sums(self.now),
            "renews_on": str(self.renews_on),
            "at_renewal": _sums(self.at_renewal),
        }

    @property
    def sha256(self) -> str:
        """What the confirmation must name: it is refused when anything shown has changed."""
        return _hash(self.facts)


@dataclass(frozen=True, slots=True)
class SeatPreview:
    """What another number of seats costs now and at the next renewal."""

    subscription: Subscription
    quantity: int
    outcome: engine.Outcome
    now: engine.Totals
    renews_on: date | None
    at_renewal: engine.Totals

    @property
    def line(self) -> engine.Line | None:
        """What is charged now; fewer seats charge nothing."""
        return self.outcome.lines[0] if self.outcome.lines else None

    @property
    def is_fewer(self) -> bool:
        """Whether the change waits for the renewal."""
        return self.quantity < self.outcome.subscription.paid_quantity

    @property
    def sha256(self) -> str:
        """What the confirmation must name."""
        return _hash(
            {
                "subscription": str(self.subscription.pk),
                "quantity": self.quantity,
                "lines": [_describe(line) for line in self.outcome.lines],
                "now": _sums(self.now),
                "renews_on": str(self.renews_on),
                "at_renewal": _sums(self.at_renewal),
            }
        )


def preview_order(
    company: Company, plan: Plan, quantity: int, *, at: datetime, payer: Company | None = None
) -> OrderPreview:
    """Work out what a purchase made today would cost; the company pays unless told otherwise.

    VAT follows who pays: a payer abroad is charged as its country and number say.

    Raises: engine.EngineError when there is no price, VAT rate, terms or seat.
    """
    today = local_date(at)
    terms = get_current_terms(today)
    if terms is None:
        raise NoTermsError(today)
    catalogue = load_catalogue([plan])
    outcome = engine.subscribe(
        catalogue,
        ref="",
        buyer=get_buyer(payer or company),
        plan=plan.code,
        quantity=quantity if plan.is_per_seat else 1,
        on=today,
        trial_until=today + timedelta(days=plan.trial_days) if plan.trial_days else None,
    )
    renews_on = outcome.subscription.billed_through
    renewal = engine.renew(catalogue, outcome.subscription, as_of=renews_on)
    return OrderPreview(
        company=company,
        payer=payer or company,
        plan=plan,
        terms=terms,
        quantity=outcome.subscription.quantity,
        outcome=outcome,
        now=engine.total(outcome.lines, plan.currency),
        renews_on=renews_on,
        at_renewal=engine.total(renewal.lines, plan.currency),
    )


def preview_seats(subscription: Subscription, quantity: int, *, at: datetime) -> SeatPreview:
    """Work out what another number of seats, from today, would cost.

    Raises: engine.EngineError.
    """
    today = local_date(at)
    plans = [plan for plan in (subscription.plan, subscription.next_plan) if plan is not None]
    catalogue = load_catalogue(plans)
    state = load_state(subscription, payer=subscription.payer, charges_after=today)
    state = engine.renew(catalogue, state, as_of=today - timedelta(days=1)).subscription
    outcome = engine.change_quantity(catalogue, state, quantity=quantity, on=today)
    due_on = outcome.subscription.due_on
    renewal = (
        engine.Outcome(outcome.subscription)
        if due_on is None
        else engine.renew(catalogue, outcome.subscription, as_of=due_on)
    )
    currency = subscription.plan.currency
    return SeatPreview(
        subscription=subscription,
        quantity=quantity,
        outcome=outcome,
        now=engine.total(outcome.lines, currency),
        renews_on=due_on,
        at_renewal=engine.total(renewal.lines, currency),
    )


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What another plan costs now and at the next renewal, and when it begins."""

    subscription: Subscription
    plan: Plan
    outcome: engine.Outcome
    now: engine.Totals
    renews_on: date | None
    at_renewal: engine.Totals

    @property
    def is_at_once(self) -> bool:
        """Whether it begins today, and not at the renewal."""
        return self.outcome.subscription.plan == self.plan.code

    @property
    def is_taken_back(self) -> bool:
        """Whether this keeps the plan that there is, and drops a change that waited."""
        return self.plan.pk == self.subscription.plan_id

    @property
    def seats(self) -> int:
        """How many seats there are then."""
        return self.outcome.subscription.quantity

    @property
    def sha256(self) -> str:
        """What the confirmation must name."""
        return _hash(
            {
                "subscription": str(self.subscription.pk),
                "plan": self.plan.code,
                "seats": self.seats,
                "lines": [_describe(line) for line in self.outcome.lines],
                "now": _sums(self.now),
                "renews_on": str(self.renews_on),
                "at_renewal": _sums(self.at_renewal),
            }
        )


def preview_plan(
    subscription: Subscription, plan: Plan, *, wait: bool, at: datetime
) -> PlanPreview:
    """Work out what another plan, from today or from the next renewal, would cost.

    Raises: engine.EngineError.
    """
    today = local_date(at)
    held = [subscription.plan, subscription.next_plan, plan]
    catalogue = load_catalogue([one for one in held if one is not None])
    state = load_state(subscription, payer=subscription.payer, charges_after=today)
    state = engine.renew(catalogue, state, as_of=today - timedelta(days=1)).subscription
    outcome = decide_plan(subscription, state, catalogue, plan=plan, wait=wait, at=at)
    due_on = outcome.subscription.due_on
    lines = () if due_on is None else _renew_once(catalogue, outcome, due_on)
    return PlanPreview(
        subscription=subscription,
        plan=plan,
        outcome=outcome,
        now=engine.total(outcome.lines, plan.currency),
        renews_on=due_on,
        at_renewal=engine.total(lines, plan.currency),
    )


def decide_plan(
    subscription: Subscription,
    state: engine.Subscription,
    catalogue: engine.Catalogue,
    *,
    plan: Plan,
    wait: bool,
    at: datetime,
) -> engine.Outcome:
    """Return what a change of plan makes: a dearer one begins today unless it is to wait.

    A flat plan counts no seats: leaving it begins today, with a seat for everybody who has one.

    Raises: engine.EngineError.
    """
    today = local_date(at)
    when = engine.When.RENEWAL if wait else None
    if plan.is_per_seat and not subscription.plan.is_per_seat:
        taken = max(1, count_taken_seats(subscription, at=at))
        state = engine.change_quantity(catalogue, state, quantity=taken, on=today).subscription
        when = engine.When.NOW
    return engine.change_plan(catalogue, state, plan=plan.code, on=today, when=when)


def _renew_once(
    catalogue: engine.Catalogue, outcome: engine.Outcome, due_on: date
) -> tuple[engine.Line, ...]:
    return engine.renew(catalogue, outcome.subscription, as_of=due_on).lines


def _describe(line: engine.Line) -> dict[str, Any]:
    return {
        "reason": line.reason.value,
        "period": [str(line.period.start), str(line.period.end)],
        "quantity": line.quantity,
        "unit_price": str(line.price.unit_price),
        "price": str(line.price.ref),
        "net_cents": line.net_cents,
        "vat_rate": str(line.vat.rate),
        "seats": line.seats,
        "discount": None if line.discount is None else str(line.discount.ref),
        "discount_cents": line.discount_cents,
    }


def _sums(totals: engine.Totals) -> dict[str, int]:
    return {
        "net_cents": totals.net_cents,
        "vat_cents": totals.vat_cents,
        "rounding_cents": totals.rounding_cents,
        "payable_cents": totals.payable_cents,
    }


def _hash(facts: dict[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
