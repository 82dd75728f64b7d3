"""What a purchase or a change would cost: the functions of the real thing, writing nothing."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from billing import engine
from billing.models import Plan, Subscription
from billing.queries.catalogue import load_catalogue
from billing.queries.subscriptions import get_buyer, load_state
from companies.models import Company
from vop.lib.clock import local_date

TERMS_VERSION: Final = "2026-11"


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What a purchase costs now and at its first renewal, to the öre."""

    plan: Plan
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
    def facts(self) -> dict[str, Any]:
        """Everything that was shown, as JSON for the order."""
        return {
            "plan": self.plan.code,
            "quantity": self.quantity,
            "currency": self.plan.currency,
            "terms": TERMS_VERSION,
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


def preview_order(company: Company, plan: Plan, quantity: int, *, at: datetime) -> OrderPreview:
    """Work out what a purchase made today would cost.

    Raises: engine.EngineError when there is no price or VAT rate, or no seat.
    """
    today = local_date(at)
    catalogue = load_catalogue([plan])
    outcome = engine.subscribe(
        catalogue,
        ref="",
        buyer=get_buyer(company),
        plan=plan.code,
        quantity=quantity if plan.is_per_seat else 1,
        on=today,
        trial_until=today + timedelta(days=plan.trial_days) if plan.trial_days else None,
    )
    renews_on = outcome.subscription.billed_through
    renewal = engine.renew(catalogue, outcome.subscription, as_of=renews_on)
    return OrderPreview(
        plan=plan,
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
    state = load_state(subscription, payer=subscription.payer)
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


def _describe(line: engine.Line) -> dict[str, Any]:
    return {
        "reason": line.reason.value,
        "period": [str(line.period.start), str(line.period.end)],
        "quantity": line.quantity,
        "unit_price": str(line.price.unit_price),
        "price": str(line.price.ref),
        "net_cents": line.net_cents,
        "vat_rate": str(line.vat.rate),
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
