"""Running a scenario day by day, and what it comes to as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.engine import subscriptions
from billing.engine.catalogue import Catalogue
from billing.engine.errors import EngineError
from billing.engine.lines import Line
from billing.engine.reading import ScenarioError
from billing.engine.scenario import (
    Company,
    Event,
    Scenario,
    check_discount_dates,
    read_discount,
    read_price,
)
from billing.engine.subscriptions import Outcome, Subscription, When
from billing.engine.totals import total
from vop.lib.money import from_cents

DAY = timedelta(days=1)


class Simulation:
    """The world of a scenario. Lines that wait for a run stand in `waiting`."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.catalogue = Catalogue(dict(scenario.plans), scenario.vat_rates)
        self.companies = {company.ref: company for company in scenario.companies}
        self.owners: dict[str, Company] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.waiting: dict[str, list[Line]] = {}
        self.billed: dict[tuple[date, str, str], list[Line]] = {}

    def run(self) -> dict[str, Any]:
        """Play every day until the last and return bases and subscriptions.

        Raises: ScenarioError.
        """
        for day, events in self._days():
            for event in events:
                self._take(event)
            if self.scenario.runs is None or day in self.scenario.runs:
                self._renew_all(day)
        return {"bases": self._bases(), "subscriptions": self._states()}

    def _days(self) -> Iterator[tuple[date, list[Event]]]:
        """List the days on which something can happen, with their events."""
        by_day: dict[date, list[Event]] = {}
        for event in self.scenario.events:
            by_day.setdefault(event.taken_on, []).append(event)
        days = set(by_day)
        if self.scenario.runs is not None:
            days |= self.scenario.runs
        elif by_day:
            first = min(by_day)
            days |= {first + n * DAY for n in range((self.scenario.until - first).days + 1)}
        for day in sorted(days):
            if day <= self.scenario.until:
                yield day, by_day.get(day, [])

    def _take(self, event: Event) -> None:
        try:
            if event.do == "price":
                self._add_price(event)
            elif event.do == "discount":
                self._add_discount(event)
            elif event.do == "subscribe":
                self._subscribe(event)
            else:
                self._change(event)
        except ScenarioError:
            raise
        except EngineError as error:
            raise ScenarioError(event.node.place, str(error)) from error

    def _add_price(self, event: Event) -> None:
        plan = self.catalogue.plans[event.node["plan"].text()]
        price = read_price(event.node, pricing=plan.pricing, known_from=event.on)
        if any(other.valid_from == price.valid_from for other in plan.prices):
            event.node["valid_from"].refuse("a price with this valid_from exists")
        plans = {**self.catalogue.plans, plan.code: replace(plan, prices=(*plan.prices, price))}
        self.catalogue = replace(self.catalogue, plans=plans)

    def _add_discount(self, event: Event) -> None:
        discount = read_discount(event.node)
        if event.node["plan"].value is not None:
            plan = self.catalogue.plans[event.node["plan"].text()]
            check_discount_dates(event.node, discount, plan.discounts)
            changed = replace(plan, discounts=(*plan.discounts, discount))
            plans = {**self.catalogue.plans, plan.code: changed}
            self.catalogue = replace(self.catalogue, plans=plans)
            return
        subscription = self._get(event)
        check_discount_dates(event.node, discount, subscription.discounts)
        ref = subscription.ref
        discounts = (*subscription.discounts, discount)
        self.subscriptions[ref] = replace(subscription, discounts=discounts)

    def _get(self, event: Event) -> Subscription:
        ref = event.node["subscription"].text()
        if ref not in self.subscriptions:
            event.node["subscription"].refuse(f"subscription {ref} isn't bought yet on {event.on}")
        return self.subscriptions[ref]

    def _subscribe(self, event: Event) -> None:
        node = event.node
        ref = node["subscription"].text()
        company = self.companies[node["company"].text()]
        outcome = subscriptions.subscribe(
            self.catalogue,
            ref=ref,
            buyer=company.buyer,
            plan=node["plan"].text(),
            quantity=node["quantity"].whole(),
            on=event.on,
            anchor=node["anchor"].day_or_none(),
            trial_until=node["trial_until"].day_or_none(),
            recorded_on=node["recorded_on"].day_or_none(),
        )
        self.owners[ref] = company
        self._bill(ref, event.taken_on, outcome.lines)
        self.subscriptions[ref] = outcome.subscription

    def _change(self, event: Event) -> None:
        ref = self._get(event).ref
        subscription = self._catch_up(ref, event.on - DAY)
        outcome = self._apply(event, subscription)
        self._bill(ref, event.on, outcome.lines)
        self.subscriptions[ref] = outcome.subscription

    def _apply(self, event: Event, subscription: Subscription) -> Outcome:
        node, on = event.node, event.on
        when = None if node["when"].value is None else When(node["when"].text())
        if event.do == "change_quantity":
            quantity = node["quantity"].whole()
            return subscriptions.change_quantity(
                self.catalogue, subscription, quantity=quantity, on=on
            )
        if event.do == "change_plan":
            plan = node["plan"].text()
            return subscriptions.change_plan(
                self.catalogue, subscription, plan=plan, on=on, when=when
            )
        if event.do == "undo_cancel":
            return subscriptions.undo_cancel(subscription, on=on)
        return subscriptions.cancel(
            subscription, on=on, when=when or When.PERIOD_END, credit=bool(node["credit"].value)
        )

    def _catch_up(self, ref: str, day: date) -> Subscription:
        """Make the lines of periods that began by a day; they wait for a run."""
        outcome = subscriptions.renew(self.catalogue, self.subscriptions[ref], as_of=day)
        self.waiting.setdefault(ref, []).extend(outcome.lines)
        self.subscriptions[ref] = outcome.subscription
        return outcome.subscription

    def _renew_all(self, day: date) -> None:
        for ref, subscription in self.subscriptions.items():
            due_on = subscription.due_on
            if not self.waiting.get(ref) and (due_on is None or due_on > day):
                continue
            try:
                self._catch_up(ref, day)
            except EngineError as error:
                raise ScenarioError(f"run {day}, subscription {ref}", str(error)) from error
            self._bill(ref, day, self.waiting.pop(ref))

    def _bill(self, ref: str, day: date, lines: Sequence[Line]) -> None:
        company = self.owners[ref]
        key = (day, company.ref, "" if company.consolidate else ref)
        if lines:
            self.billed.setdefault(key, []).extend(lines)

    def _bases(self) -> list[dict[str, Any]]:
        order = {company.ref: number for number, company in enumerate(self.scenario.companies)}
        keys = sorted(self.billed, key=lambda key: (key[0], order[key[1]]))
        return [self._basis(company, day, self.billed[day, company, s]) for day, company, s in keys]

    def _basis(self, company: str, day: date, lines: list[Line]) -> dict[str, Any]:
        totals = total(lines, self.scenario.currency)
        return {
            "company": company,
            "billing_date": str(day),
            "kind": totals.kind,
            "currency": self.scenario.currency,
            "lines": [describe_line(line) for line in lines],
            "vat": [
                {
                    "rate": write_rate(part.rate),
                    "base": write_cents(part.base_cents),
                    "vat": write_cents(part.vat_cents),
                }
                for part in totals.vat
            ],
            "net": write_cents(totals.net_cents),
            "vat_total": write_cents(totals.vat_cents),
            "rounding": write_cents(totals.rounding_cents),
            "payable": write_cents(totals.payable_cents),
        }

    def _states(self) -> list[dict[str, str]]:
        states = []
        for ref, subscription in self.subscriptions.items():
            waiting = self.waiting.get(ref)
            through = waiting[0].period.start if waiting else subscription.billed_through
            states.append(
                {
                    "ref": ref,
                    "status": subscription.status_on(self.scenario.until).value,
                    "billed_through": str(through),
                }
            )
        return states


def simulate(scenario: Scenario) -> dict[str, Any]:
    """Run a scenario.

    Raises: ScenarioError.
    """
    return Simulation(scenario).run()


def describe_line(line: Line) -> dict[str, Any]:
    """Write a line as JSON, with amounts as texts; seats of tiers and discounts where they are."""
    told: dict[str, Any] = {
        "subscription": line.subscription,
        "reason": line.reason.value,
        "period": [str(line.period.start), str(line.period.end)],
        "quantity": str(line.quantity),
        "unit_price": write_price(line.price.unit_price),
        "net": write_cents(line.net_cents),
        "vat_rate": write_rate(line.vat.rate),
        "caused_by": str(line.cause),
    }
    if line.seats is not None:
        told["seats"] = str(line.seats)
    if line.discount is not None:
        told["discount"] = write_cents(line.discount_cents)
    return told


def write_cents(cents: int) -> str:
    return str(from_cents(cents))


def write_price(price: Decimal) -> str:
    """Write a price with two decimals, or with as many more as it needs."""
    return f"{price.normalize():f}" if price != round(price, 2) else f"{price:.2f}"


def write_rate(rate: Decimal) -> str:
    """Write a rate without zeros that say nothing."""
    return f"{rate.normalize():f}"
