"""What holds of money for every input: the numbers are those of the billing research.

1-3 (periods tile, parts sum to the whole, boundaries increase), 5 (late = daily), 10 and 13
(documents add up, in one currency) stand in test_engine_properties; 4 (run twice), 6 (preview =
run), 11 (unbroken series) and 12 (issued content keeps its hash), in the database, in
test_run_properties; 4 at once and killed in test_races; 12 against every statement in
test_approve_basis; 16 (no float) in tests/architecture.
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from billing import engine
from billing.engine.periods import part_cents
from tests.billing.test_engine_properties import lines_of, lives, play

BOUGHT = date(2024, 1, 31)
PRICES = st.decimals(Decimal(0), Decimal("9999.9999"), places=4)
SEATS = st.integers(1, 500)
MONTHS = st.sampled_from([1, 3, 6, 12])


def catalogue(*prices: Decimal, months: int = 1) -> engine.Catalogue:
    """Plans p0, p1 … with a price each, per seat."""
    plans = {
        f"p{number}": engine.Plan(
            code=f"p{number}",
            months=months,
            pricing=engine.Pricing.PER_UNIT,
            vat_class="standard",
            prices=(engine.Price(price, date(2020, 1, 1)),),
        )
        for number, price in enumerate(prices)
    }
    rate = engine.VatRate("standard", "SE", Decimal(25), date(1990, 7, 1))
    return engine.Catalogue(plans, (rate,))


def subscribe(found: engine.Catalogue, quantity: int, on: date = BOUGHT) -> engine.Outcome:
    return engine.subscribe(
        found, ref="s", buyer=engine.Buyer("SE"), plan="p0", quantity=quantity, on=on
    )


def net(*outcomes: engine.Outcome) -> int:
    return sum(line.net_cents for outcome in outcomes for line in outcome.lines)


@given(price=PRICES, quantity=SEATS, months=MONTHS, day=st.integers(0, 364))
def test_7_plan_changed_and_changed_back_the_same_day_nets_to_nothing(
    price: Decimal, quantity: int, months: int, day: int
) -> None:
    found = catalogue(price, price * 2, months=months)
    bought = subscribe(found, quantity)
    on = BOUGHT + timedelta(days=day)
    assume(on < bought.subscription.billed_through)

    there = engine.change_plan(found, bought.subscription, plan="p1", on=on, when=engine.When.NOW)
    back = engine.change_plan(found, there.subscription, plan="p0", on=on, when=engine.When.NOW)

    assert net(there, back) == 0
    assert back.subscription.billed_through == bought.subscription.billed_through


@settings(max_examples=80, deadline=None)
@given(scenario=lives())
def test_8_credits_never_exceed_the_charges_of_a_vat_rate(scenario: dict[str, Any]) -> None:
    left: dict[str, Decimal] = {}
    for line in lines_of(play(scenario)):
        rate = line["vat_rate"]
        left[rate] = left.get(rate, Decimal(0)) + Decimal(line["net"])
        assert left[rate] >= 0


@given(price=PRICES, quantity=SEATS, months=MONTHS, days=st.lists(st.integers(0, 364), max_size=4))
def test_8_a_charge_is_credited_once_however_often_it_is_cut(
    price: Decimal, quantity: int, months: int, days: list[int]
) -> None:
    found = catalogue(price, months=months)
    [line] = subscribe(found, quantity).lines
    standing = engine.Standing(line, line.period.end)
    given_back = 0
    for day in sorted((min(day, line.period.days - 1) for day in days), reverse=True):
        on = line.period.start + timedelta(days=day)
        if on < standing.until:
            given_back -= standing.credit_from(on, line.cause).net_cents
            standing = standing.cut(on)

    assert 0 <= given_back <= line.net_cents
    kept = engine.Period(line.period.start, standing.until)
    assert line.net_cents - given_back == part_cents(price * quantity, kept, line.anchored)


@given(
    prices=st.tuples(PRICES, PRICES), quantity=SEATS, months=MONTHS,
    days=st.lists(st.integers(0, 364), min_size=2, max_size=5),
)  # fmt: skip
def test_8_plans_changed_again_and_again_leave_each_day_charged_once(
    prices: tuple[Decimal, Decimal], quantity: int, months: int, days: list[int]
) -> None:
    """Each change credits only what still stands: the days before it stay as they were charged."""
    found = catalogue(*prices, months=months)
    bought = subscribe(found, quantity)
    whole = bought.lines[0].anchored
    steps = sorted({day % whole.days for day in days})
    outcomes, plan = [bought], 0
    expected, since = 0, whole.start
    for day in steps:
        on = whole.start + timedelta(days=day)
        if on > since:
            expected += part_cents(prices[plan] * quantity, engine.Period(since, on), whole)
        plan, since = 1 - plan, on
        changed = engine.change_plan(
            found, outcomes[-1].subscription, plan=f"p{plan}", on=on, when=engine.When.NOW
        )
        outcomes.append(changed)
    expected += part_cents(prices[plan] * quantity, engine.Period(since, whole.end), whole)

    assert net(*outcomes) == expected


@given(
    steps=st.lists(
        st.tuples(PRICES, st.integers(1, 700)), max_size=4, unique_by=lambda one: one[1]
    ),
    late=st.integers(0, 800),
)
def test_5_late_renewals_are_those_of_every_day_each_at_its_own_price(
    steps: list[tuple[Decimal, int]], late: int
) -> None:
    dated = [engine.Price(Decimal(100), date(2020, 1, 1))] + [
        engine.Price(price, day, existing_from=day)
        for price, days in steps
        for day in [BOUGHT + timedelta(days=days)]
    ]
    plan = engine.Plan("p0", 1, engine.Pricing.PER_UNIT, "standard", tuple(dated))
    found = replace(catalogue(Decimal(100)), plans={"p0": plan})
    bought = subscribe(found, 1)
    as_of = BOUGHT + timedelta(days=late)

    at_once = engine.renew(found, bought.subscription, as_of=as_of)
    state = bought.subscription
    daily: list[engine.Line] = []
    for day in range(late + 1):
        outcome = engine.renew(found, state, as_of=BOUGHT + timedelta(days=day))
        state = outcome.subscription
        daily += outcome.lines

    assert list(at_once.lines) == daily
    assert at_once.subscription == state
    for line in daily:
        held = [one for one in dated if one.valid_from <= line.period.start]
        assert line.price.unit_price == max(held, key=lambda one: one.valid_from).unit_price


@given(price=PRICES, quantity=SEATS, months=MONTHS)
def test_9_cancelling_on_the_first_day_gives_all_back_and_at_the_end_nothing(
    price: Decimal, quantity: int, months: int
) -> None:
    found = catalogue(price, months=months)
    bought = subscribe(found, quantity)

    at_once = engine.cancel(bought.subscription, on=BOUGHT, when=engine.When.NOW, credit=True)
    at_end = engine.cancel(bought.subscription, on=BOUGHT)

    assert net(bought, at_once) == 0
    assert at_end.lines == ()
    ends = bought.subscription.billed_through
    assert engine.renew(found, at_end.subscription, as_of=ends + timedelta(days=400)).lines == ()


@given(
    nets=st.lists(st.integers(0, 10**8), min_size=1, max_size=8),
    rate=st.sampled_from([0, 6, 12, 25]),
)
def test_10_credit_of_every_line_is_the_exact_negation(nets: list[int], rate: int) -> None:
    charged = engine.total_of([(Decimal(rate), "standard", cents) for cents in nets], "SEK")
    credited = engine.total_of([(Decimal(rate), "standard", -cents) for cents in nets], "SEK")

    for name in ("net_cents", "vat_cents", "rounding_cents", "payable_cents"):
        assert getattr(credited, name) == -getattr(charged, name)
    for part in charged.vat:
        assert abs(part.vat_cents * 100 - part.base_cents * rate) <= 50


@given(
    price=PRICES,
    one=SEATS,
    more=st.integers(0, 50),
    months=MONTHS,
    start=st.integers(0, 364),
    length=st.integers(1, 365),
    longer=st.integers(0, 100),
)
def test_14_more_seats_or_days_never_cost_less(
    price: Decimal, one: int, more: int, months: int, start: int, length: int, longer: int
) -> None:
    whole = engine.period_at(BOUGHT, months, BOUGHT)

    def cost(seats: int, days: int) -> int:
        first = min(start, whole.days - 1)
        last = min(first + days, whole.days)
        part = engine.Period(
            whole.start + timedelta(days=first), whole.start + timedelta(days=last)
        )
        return part_cents(price * seats, part, whole)

    assert cost(one, length) <= cost(one + more, length) + 1  # each end is rounded by itself
    assert cost(one, length) <= cost(one, length + longer)


@given(
    price=PRICES, paid=SEATS, one=st.integers(1, 300), more=st.integers(0, 300),
    months=MONTHS, day=st.integers(0, 364),
)  # fmt: skip
def test_14_more_seats_bought_or_added_never_cost_less(
    price: Decimal, paid: int, one: int, more: int, months: int, day: int
) -> None:
    found = catalogue(price, months=months)
    bought = subscribe(found, paid)
    on = BOUGHT + timedelta(days=day % bought.lines[0].period.days)

    def add(seats: int) -> int:
        return net(engine.change_quantity(found, bought.subscription, quantity=paid + seats, on=on))

    assert net(bought) <= net(subscribe(found, paid + more))
    assert add(one) <= add(one + more) + 1  # each end is rounded by itself
    renewed = engine.renew(found, bought.subscription, as_of=bought.subscription.billed_through)
    assert net(bought) == net(renewed), "a whole period costs the same each time"


@settings(max_examples=40, deadline=None)
@given(scenario=lives(), zone=st.sampled_from(["UTC", "America/Los_Angeles", "Pacific/Auckland"]))
def test_15_order_of_companies_and_time_zone_change_nothing(
    scenario: dict[str, Any], zone: str
) -> None:
    alone = play(scenario)
    others = [{"ref": "before", "country": "SE"}, *scenario["companies"]]
    later = {
        "on": scenario["events"][0]["on"], "do": "subscribe", "company": "before",
        "subscription": "s0", "plan": "std", "quantity": 1,
    }  # fmt: skip
    together = play(
        {**scenario, "companies": others, "events": [later, *scenario["events"]], "timezone": zone}
    )

    assert [basis for basis in together["bases"] if basis["company"] == "acme"] == alone["bases"]
    assert together["subscriptions"][1:] == alone["subscriptions"]


@given(price=PRICES, quantity=SEATS, late=st.integers(0, 800))
def test_4_renewing_again_finds_nothing(price: Decimal, quantity: int, late: int) -> None:
    found = catalogue(price)
    bought = subscribe(found, quantity)
    as_of = BOUGHT + timedelta(days=late)

    once = engine.renew(found, bought.subscription, as_of=as_of)

    assert engine.renew(found, once.subscription, as_of=as_of).lines == ()
    starts = [line.period.start for line in once.lines]
    ends = [line.period.end for line in once.lines]
    assert starts == [bought.subscription.billed_through, *ends[:-1]][: len(starts)]
    assert replace(once.subscription, charges=()).billed_through > as_of
