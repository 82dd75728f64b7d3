"""Whom a new price would meet: the functions of the run, writing nothing."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from django.db.models import Q, QuerySet

from billing import engine
from billing.models import Discount, Plan, Subscription
from billing.queries.catalogue import load_discounts, load_price_book
from billing.queries.subscriptions import DueTerms, Situation, get_tax_place
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
    reached = Subscription.objects.running().filter(Q(plan=plan) | Q(next_plan=plan))
    book = load_price_book()
    before = book.catalogue
    terms = before.plan(plan.code)
    known = replace(price, known_from=min(local_date(at), price.valid_from))
    changed = replace(terms, prices=(*terms.prices, known))
    after = replace(before, plans={**before.plans, plan.code: changed})
    own = load_discounts(Discount.objects.filter(subscription__in=reached).in_order())
    start = price.existing_from or price.valid_from
    meet = lru_cache(maxsize=8192)(
        lambda situation: _meet(situation.state(book), before, after, plan=plan.code, start=start)
    )
    change = PriceChange(plan)
    shown: list[tuple[uuid.UUID, int, tuple[date, int, int]]] = []
    digest = hashlib.sha256(json.dumps([plan.code, str(known)]).encode())
    for key, company_id, situation in _iterate_situations(reached, own):
        found = meet(situation)
        if found is None:
            continue
        day, old_cents, new_cents = found
        digest.update(f"{key} {day} {old_cents} {new_cents}".encode())
        change.count += 1
        change.old_cents += old_cents
        change.new_cents += new_cents
        change.first_on = min(day, change.first_on or day)
        if len(shown) < MOST_SHOWN:
            shown.append((company_id, situation.terms.quantity, found))
    companies = Company.objects.in_bulk([company_id for company_id, *_rest in shown])
    change.shown = [
        Meeting(companies[company_id], seats, *found) for company_id, seats, found in shown
    ]
    change.sha256 = digest.hexdigest()
    return change


def _iterate_situations(
    reached: QuerySet[Subscription], discounts: Mapping[uuid.UUID, tuple[engine.Discount, ...]]
) -> Iterator[tuple[uuid.UUID, uuid.UUID, Situation]]:
    """Give subscriptions, by company: the key, the company's, and all that decides its price."""
    rows = reached.order_by("company__name", "pk").values_list(
        "pk",
        "company_id",
        "payer__country",
        "payer__vat_number",
        "entitlement__valid_until",
        *DueTerms._fields,
    )
    for key, company_id, country, vat_number, valid_until, *terms in rows.iterator(_CHUNK):
        yield (
            key,
            company_id,
            Situation(
                DueTerms._make(terms),
                valid_until is not None,
                get_tax_place(country, vat_number),
                discounts.get(key, ()),
            ),
        )


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
