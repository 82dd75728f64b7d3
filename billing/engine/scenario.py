"""The scenario of `simulate_billing`: what stands in the file, as values that make sense."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final
from zoneinfo import available_timezones

from billing.engine.catalogue import (
    EU_COUNTRIES,
    Buyer,
    Discount,
    Plan,
    Price,
    Pricing,
    Tier,
    VatRate,
)
from billing.engine.periods import MONTHS_OF
from billing.engine.reading import Node, check_unique, read_json

CURRENCIES: Final = ("SEK", "EUR", "NOK", "DKK", "USD", "GBP", "CHF", "PLN")  # two decimals each
HIGHEST_RATE: Final = 100
LONGEST_INTERVAL: Final = 120
WHENS: Final[Mapping[str, tuple[str, ...]]] = {
    "change_plan": ("now", "renewal"),
    "cancel": ("now", "period_end"),
}
EVENT_FIELDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "subscribe": (
        ("company", "subscription", "plan", "quantity"),
        ("anchor", "trial_until", "recorded_on"),
    ),
    "change_quantity": (("subscription", "quantity"), ()),
    "change_plan": (("subscription", "plan"), ("when",)),
    "cancel": (("subscription",), ("when", "credit")),
    "undo_cancel": (("subscription",), ()),
    "price": (("plan", "unit_price", "valid_from"), ("existing_from", "tiers")),
    "discount": (
        ("valid_from", "valid_to"),
        ("plan", "subscription", "percent", "amount", "name"),
    ),
}
DISCOUNT_FIELDS: Final = (("valid_from", "valid_to"), ("percent", "amount", "name"))


@dataclass(frozen=True, slots=True)
class Company:
    """A buyer; without `consolidate` each subscription has a basis of its own."""

    ref: str
    buyer: Buyer
    consolidate: bool


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens on a day, with its place in the file."""

    do: str
    on: date
    node: Node

    @property
    def taken_on(self) -> date:
        """The day on which it becomes known: a purchase can be recorded later than it counts."""
        if self.do == "subscribe":
            return self.node["recorded_on"].day_or_none() or self.on
        return self.on


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file. `runs` is None for a run every day."""

    currency: str
    vat_rates: tuple[VatRate, ...]
    plans: Mapping[str, Plan]
    companies: tuple[Company, ...]
    events: tuple[Event, ...]
    runs: frozenset[date] | None
    until: date


def read_scenario(text: str) -> Scenario:
    """Read a scenario, refusing whatever makes no sense.

    Raises: ScenarioError.
    """
    node = read_json(text).fields(
        ["vat_rates", "plans", "companies", "events", "until"], ["currency", "timezone", "runs"]
    )
    if node["timezone"].value is not None and node["timezone"].text() not in available_timezones():
        node["timezone"].refuse(f"unknown time zone {node['timezone'].value}")
    vat_rates = _read_vat_rates(node["vat_rates"])
    plans = _read_plans(node["plans"], vat_rates)
    companies = _read_companies(node["companies"], vat_rates)
    return Scenario(
        currency="SEK"
        if node["currency"].value is None
        else node["currency"].one_of(CURRENCIES, "currency"),
        vat_rates=vat_rates,
        plans=plans,
        companies=companies,
        events=_read_events(node["events"], plans, companies),
        runs=_read_runs(node["runs"]),
        until=node["until"].day(),
    )


def read_price(node: Node, *, pricing: Pricing, known_from: date = date.min) -> Price:
    """Read a price from an event or from a plan's list; only a tiered plan has tiers."""
    valid_from, existing_from = node["valid_from"].day(), node["existing_from"].day_or_none()
    if existing_from is not None and existing_from < valid_from:
        node["existing_from"].refuse(f"{existing_from} is before valid_from {valid_from}")
    tiers = _read_tiers(node["tiers"], is_tiered=pricing is Pricing.TIERED)
    return Price(node["unit_price"].amount(), valid_from, existing_from, known_from, tiers=tiers)


def read_discount(node: Node) -> Discount:
    """Read a discount from an event or from a plan's list: a percent or an amount, with an end."""
    valid_from, valid_to = node["valid_from"].day(), node["valid_to"].day()
    if valid_to <= valid_from:
        node["valid_to"].refuse(f"{valid_to} is not after valid_from {valid_from}")
    percent, amount = node["percent"], node["amount"]
    if (percent.value is None) == (amount.value is None):
        node.refuse("must have either percent or amount")
    if percent.value is not None and percent.amount() > HIGHEST_RATE:
        percent.refuse(f"{percent.value} is more than 100 per cent")
    return Discount(
        valid_from,
        valid_to,
        percent=None if percent.value is None else percent.amount(),
        amount=None if amount.value is None else amount.amount(),
        name="" if node["name"].value is None else node["name"].text(),
    )


def check_discount_dates(node: Node, discount: Discount, others: Sequence[Discount]) -> None:
    """Refuse a discount on days when there is another: they don't add up."""
    for other in others:
        if discount.valid_from < other.valid_to and other.valid_from < discount.valid_to:
            node.refuse("overlaps another discount")


def _read_tiers(node: Node, *, is_tiered: bool) -> tuple[Tier, ...]:
    if node.value is None and not is_tiered:
        return ()
    if not is_tiered:
        node.refuse("only a tiered plan has tiers")
    tiers = []
    for item in node.items():
        item.fields(["above", "unit_price"])
        tiers.append(Tier(item["above"].whole(least=0), item["unit_price"].amount()))
    if not tiers:
        node.refuse("a tiered price needs at least one tier")
    for number, (one, other) in enumerate(pairwise(tiers), start=1):
        if other.above <= one.above:
            node.refuse(f"tier {number} must begin above {one.above}")
    return tuple(tiers)


def _read_discounts(node: Node) -> tuple[Discount, ...]:
    discounts: list[Discount] = []
    for item in () if node.value is None else node.items():
        item.fields(*DISCOUNT_FIELDS)
        discount = read_discount(item)
        check_discount_dates(item, discount, discounts)
        discounts.append(discount)
    return tuple(discounts)


def _read_vat_rates(node: Node) -> tuple[VatRate, ...]:
    rates: list[VatRate] = []
    for item in node.items():
        item.fields(["vat_class", "country", "rate", "valid_from"], ["valid_to"])
        rate = VatRate(
            vat_class=item["vat_class"].text(),
            country=_read_country(item["country"]),
            rate=item["rate"].amount(),
            valid_from=item["valid_from"].day(),
            valid_to=item["valid_to"].day_or_none(),
        )
        if rate.rate > HIGHEST_RATE:
            item["rate"].refuse(f"{rate.rate} is more than 100 per cent")
        if rate.valid_to is not None and rate.valid_to <= rate.valid_from:
            item["valid_to"].refuse(f"{rate.valid_to} is not after valid_from {rate.valid_from}")
        for other in rates:
            if _do_overlap(rate, other):
                item.refuse(f"overlaps another rate for {rate.vat_class} in {rate.country}")
        rates.append(rate)
    return tuple(rates)


def _do_overlap(one: VatRate, other: VatRate) -> bool:
    if (one.vat_class, one.country) != (other.vat_class, other.country):
        return False
    return one.valid_from < (other.valid_to or date.max) and other.valid_from < (
        one.valid_to or date.max
    )


def _read_plans(node: Node, vat_rates: tuple[VatRate, ...]) -> Mapping[str, Plan]:
    plans: dict[str, Plan] = {}
    vat_classes = sorted({rate.vat_class for rate in vat_rates})
    for item in node.items():
        item.fields(
            ["code", "interval", "pricing", "vat_class", "prices"],
            ["interval_count", "name", "discounts"],
        )
        code = item["code"].text()
        if code in plans:
            item["code"].refuse(f"plan {code} stands twice")
        count = item["interval_count"]
        prices = list(item["prices"].items())
        for price in prices:
            price.fields(["unit_price", "valid_from"], ["existing_from", "tiers"])
        if not prices:
            item["prices"].refuse(f"plan {code} has no price")
        check_unique(
            prices, lambda price: price["valid_from"].day(), "a price with this valid_from exists"
        )
        pricing = Pricing(item["pricing"].one_of([p.value for p in Pricing], "pricing"))
        plans[code] = Plan(
            code=code,
            months=MONTHS_OF[item["interval"].one_of(list(MONTHS_OF), "interval")]
            * (1 if count.value is None else count.whole(most=LONGEST_INTERVAL)),
            pricing=pricing,
            vat_class=item["vat_class"].one_of(vat_classes, "VAT class"),
            prices=tuple(read_price(price, pricing=pricing) for price in prices),
            discounts=_read_discounts(item["discounts"]),
        )
    return plans


def _read_companies(node: Node, vat_rates: tuple[VatRate, ...]) -> tuple[Company, ...]:
    companies: list[Company] = []
    taxed = {rate.country for rate in vat_rates}
    for item in node.items():
        item.fields(["ref", "country"], ["vat_number", "consolidate", "name"])
        number = item["vat_number"]
        buyer = Buyer(
            country=_read_country(item["country"]),
            vat_number="" if number.value is None else number.text(),
        )
        if buyer.country not in taxed and not buyer.is_reverse_charged:
            item["country"].refuse(f"no VAT rate for country {buyer.country}")
        consolidate = item["consolidate"]
        companies.append(
            Company(
                ref=item["ref"].text(),
                buyer=buyer,
                consolidate=True if consolidate.value is None else consolidate.flag(),
            )
        )
        if len({company.ref for company in companies}) < len(companies):
            item["ref"].refuse(f"company {companies[-1].ref} stands twice")
    return tuple(companies)


def _read_country(node: Node) -> str:
    country = node.text()
    known = len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()  # noqa: PLR2004
    if not known and country not in EU_COUNTRIES:
        node.refuse(f"unknown country {country}")
    return country


def _read_events(
    node: Node, plans: Mapping[str, Plan], companies: tuple[Company, ...]
) -> tuple[Event, ...]:
    refs = [company.ref for company in companies]
    events: list[Event] = []
    for item in node.items():
        if not isinstance(item.value, dict):
            item.refuse("must be an object")
        do = item["do"].one_of(list(EVENT_FIELDS), "event")
        required, optional = EVENT_FIELDS[do]
        item.fields(["on", "do", *required], optional)
        _check_event(item, plans, refs)
        events.append(Event(do, item["on"].day(), item))
    _check_subscriptions(events)
    return tuple(sorted(events, key=lambda event: event.taken_on))


def _check_event(item: Node, plans: Mapping[str, Plan], refs: list[str]) -> None:
    """Check each field that is there by itself; what a change means is checked on its day."""
    checks: Mapping[str, Callable[[Node], object]] = {
        "plan": lambda field: field.one_of(list(plans), "plan"),
        "company": lambda field: field.one_of(refs, "company"),
        "subscription": Node.text,
        "quantity": Node.whole,
        "credit": Node.flag,
        "anchor": Node.day_or_none,
        "trial_until": Node.day_or_none,
        "recorded_on": Node.day_or_none,
        "when": lambda field: field.value is None or field.one_of(WHENS[item["do"].text()]),
    }
    for name in item.value:
        if name in checks:
            checks[name](item[name])
    if item["do"].value == "price":
        read_price(item, pricing=plans[item["plan"].text()].pricing)
    if item["do"].value == "discount":
        _check_discount(item)
    on = item["on"].day()
    for name in ("trial_until", "recorded_on"):
        day = item[name].day_or_none()
        if day is not None and day < on:
            item[name].refuse(f"{day} is before {on}")


def _check_discount(item: Node) -> None:
    if (item["plan"].value is None) == (item["subscription"].value is None):
        item.refuse("must name either a plan or a subscription")
    if read_discount(item).valid_from < item["on"].day():
        item["valid_from"].refuse(f"{item['valid_from'].value} is before {item['on'].value}")


def _check_subscriptions(events: list[Event]) -> None:
    bought = [event.node for event in events if event.do == "subscribe"]
    check_unique(
        bought, lambda node: node["subscription"].text(), "this subscription is bought already"
    )
    known = {node["subscription"].text() for node in bought}
    for event in events:
        if "subscription" in event.node.value:
            event.node["subscription"].one_of(sorted(known), "subscription")


def _read_runs(node: Node) -> frozenset[date] | None:
    if node.value in (None, "daily"):
        return None
    if not isinstance(node.value, list):
        node.refuse('must be "daily" or a list of dates')
    return frozenset(item.day() for item in node.items())
