"""Whom a new price would meet: the functions of the run, writing nothing."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from django.db.models import Q

from billing import engine
from billing.models import Discount, Plan, Subscription
from billing.queries.catalogue import load_catalogue, load_discounts
from billing.queries.subscriptions import load_state
from companies.models import Company
from vop.lib.clock import local_date

MOST_SHOWN: Final = 100
_CHUNK: Final = 1_000
_MOST_PERIODS: Final = 600  # fifty years of months: beyond it a price meets nobody


@dataclass(frozen=True, slots=True)
class Meeting:
    """A subscription that a price reaches: from which period on, and what that costs."""

    company: Company
    seats: int
    on: date
    old_cents: int
    new_cents: int


@dataclass(slots=True)
class PriceChange:
    """Everybody whom a price meets. `shown` has the first of them, the sums have all."""

    plan: Plan
    count: int = 0
    old_cents: int = 0
    new_cents: int = 0
    first_on: date | None = None
    shown: list[Meeting] = field(default_factory=list)
    sha256: str = ""

    @property
    def difference_cents(self) -> int:
        """What a period of each costs more, all in all."""
        return self.new_cents - self.old_cents

    @property
    def hidden(self) -> int:
        """How many aren't shown."""
        return self.count - len(self.shown)


def preview_price(plan: Plan, price: engine.Price, *, at: datetime) -> PriceChange:
    """Work out whom a price would meet, with their next period at it, before and after.

    A subscription that can't be priced today is no part of it: its run parks it and says why.
    """
    rows = (
        Subscription.objects.running()
        .filter(Q(plan=plan) | Q(next_plan=plan))
        .select_related("company", "payer", "plan", "next_plan", "price", "entitlement")
        .order_by("company__name", "pk")
    )
    plans = Plan.objects.filter(Q(subscriptions__in=rows.order_by()) | Q(pk=plan.pk)).distinct()
    before = load_catalogue(plans)
    terms = before.plan(plan.code)
    known = replace(price, known_from=min(local_date(at), price.valid_from))
    changed = replace(terms, prices=(*terms.prices, known))
    after = replace(before, plans={**before.plans, plan.code: changed})
    own = load_discounts(Discount.objects.filter(subscription__in=rows.order_by()).in_order())
    change = PriceChange(plan)
    digest = hashlib.sha256(json.dumps([plan.code, str(known)]).encode())
    for row in rows.iterator(chunk_size=_CHUNK):
        state = load_state(row, payer=row.payer, discounts=own.get(row.pk, ()))
        start = price.existing_from or price.valid_from
        found = _meet(state, before, after, plan=plan.code, start=start)
        if found is None:
            continue
        day, old_cents, new_cents = found
        digest.update(f"{row.pk} {day} {old_cents} {new_cents}".encode())
        change.count += 1
        change.old_cents += old_cents
        change.new_cents += new_cents
        change.first_on = min(day, change.first_on or day)
        if len(change.shown) < MOST_SHOWN:
            change.shown.append(Meeting(row.company, row.quantity, day, old_cents, new_cents))
    change.sha256 = digest.hexdigest()
    return change


def _meet(
    state: engine.Subscription,
    before: engine.Catalogue,
    after: engine.Catalogue,
    *,
    plan: str,
    start: date,
) -> tuple[date, int, int] | None:
    """Return the first period from a day on, before and after, if the new price is its own."""
    try:
        for _number in range(_MOST_PERIODS):
            day = state.due_on
            if day is None:
                return None
            if day >= start:
                [old] = engine.renew(before, state, as_of=day).lines
                [new] = engine.renew(after, state, as_of=day).lines
                is_met = old.plan == plan and old.price.ref != new.price.ref
                return (day, old.net_cents, new.net_cents) if is_met else None
            state = engine.renew(before, state, as_of=day).subscription
    except engine.EngineError:
        return None
    return None
