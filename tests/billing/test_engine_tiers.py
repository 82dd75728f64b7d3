"""Graduated tiers and discounts: figures worked out by hand, then what holds for every input."""

import json
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import engine
from billing.engine.periods import part_cents
from billing.engine.reading import ScenarioError
from billing.engine.scenario import read_scenario
from billing.engine.simulation import simulate
from tests.billing.test_engine_rules import event, lines_of, plan, run, scenario, subscribe

# 490 kr with 5 seats; from the 6th 99 kr each, from the 21st 79 kr each.
TIERS = [{"above": 5, "unit_price": "99.00"}, {"above": 20, "unit_price": "79.00"}]
TIERED = plan("std", "490.00", pricing="tiered")
TIERED["prices"][0]["tiers"] = TIERS
TERM = {"valid_from": "2024-02-01", "valid_to": "2024-05-01"}
BOUGHT = date(2024, 1, 31)


def discounted(*discounts: dict[str, str]) -> dict[str, Any]:
    return plan("std", "100.00", discounts=list(discounts))


def nets(result: dict[str, Any]) -> list[str]:
    return [line["net"] for basis in result["bases"] for line in basis["lines"]]


@pytest.mark.parametrize(
    ("seats", "net"),
    [(1, "490.00"), (5, "490.00"), (6, "589.00"), (20, "1975.00"), (23, "2212.00")],
)
def test_tiers_are_graduated_and_include_the_first_seats(seats: int, net: str) -> None:
    result = run(subscribe(quantity=seats), until="2024-01-31", plans=[TIERED])

    [line] = result["bases"][0]["lines"]
    assert (line["quantity"], line["unit_price"], line["net"]) == ("1", net, net)
    assert line["seats"] == str(seats)


def test_added_seats_cost_what_their_tiers_say_from_the_day() -> None:
    # 4 -> 5 is included; 5 -> 22 adds 15 x 99 + 2 x 79 = 1643, for 15 of 29 days:
    # R(1643) - R(1643 * 14 / 29) = 1643.00 - 793.17
    result = run(
        subscribe(quantity=4),
        event("2024-02-10", "change_quantity", quantity=5),
        event("2024-02-14", "change_quantity", quantity=22),
        until="2024-02-20",
        plans=[TIERED],
    )

    assert lines_of(result) == [
        ("2024-01-31", "new", "2024-01-31", "2024-02-29", "1", "490.00"),
        ("2024-02-14", "change", "2024-02-14", "2024-02-29", "1", "849.83"),
    ]
    assert result["bases"][1]["lines"][0]["seats"] == "17"


def test_tiered_credit_gives_back_every_line_and_its_seats() -> None:
    result = run(
        subscribe(quantity=4),
        event("2024-02-14", "change_quantity", quantity=22),
        event("2024-02-14", "cancel", when="now", credit=True),
        until="2024-02-20",
        plans=[TIERED],
    )

    credited = [line for line in result["bases"][1]["lines"] if line["reason"] == "credit"]
    assert [(line["seats"], line["net"]) for line in credited] == [
        ("-4", "-253.45"), ("-18", "-849.83"),
    ]  # fmt: skip


def test_discount_is_that_of_the_first_day_of_a_period_and_never_splits_one() -> None:
    result = run(
        subscribe(on="2024-01-15", quantity=3),
        until="2024-05-20",
        plans=[discounted({"percent": "25", **TERM})],
    )

    # Mid-January has none; February, March and April do; 15 May is after the end.
    assert nets(result) == ["300.00", "225.00", "225.00", "225.00", "300.00"]
    assert result["bases"][1]["lines"][0]["discount"] == "75.00"
    assert "discount" not in result["bases"][0]["lines"][0]


def test_own_discount_goes_before_that_of_the_plan() -> None:
    own = event("2024-02-01", "discount", amount="40.00", **TERM)
    result = run(
        subscribe(on="2024-01-15", quantity=3),
        own,
        until="2024-02-20",
        plans=[discounted({"percent": "25", **TERM})],
    )

    assert nets(result) == ["300.00", "260.00"]


def test_amount_takes_no_more_than_the_price_and_added_seats_use_up_the_rest() -> None:
    # 150 off: one seat is free; two more cost 300 - 150 = 150, for 15 of 29 days.
    result = run(
        subscribe(on="2024-02-01", quantity=1),
        event("2024-02-15", "change_quantity", quantity=3),
        until="2024-02-20",
        plans=[discounted({"amount": "150.00", **TERM})],
    )

    assert nets(result) == ["0.00", "77.59"]


def test_added_seats_have_the_discount_of_their_period_after_its_last_day() -> None:
    result = run(
        subscribe(on="2024-04-20", quantity=1),
        event("2024-05-05", "change_quantity", quantity=2),
        until="2024-05-10",
        plans=[discounted({"percent": "50", **TERM})],
    )

    assert nets(result) == ["50.00", "25.00"]


def test_credit_mirrors_a_discounted_charge() -> None:
    result = run(
        subscribe(on="2024-02-01"),
        event("2024-02-01", "cancel", when="now", credit=True),
        until="2024-02-02",
        plans=[discounted({"percent": "33.33", **TERM})],
    )

    assert nets(result) == ["200.01", "-200.01"]
    assert result["bases"][0]["lines"][1]["discount"] == "-99.99"


def test_late_run_bills_the_discounts_of_their_days() -> None:
    plans = [discounted({"percent": "25", **TERM})]
    daily = run(subscribe(on="2024-01-15"), until="2024-07-20", plans=plans)
    late = run(subscribe(on="2024-01-15"), until="2024-07-20", plans=plans, runs=["2024-07-20"])

    assert nets(daily) == nets(late)


@pytest.mark.parametrize(
    ("plans", "place"),
    [
        ([{**TIERED, "pricing": "flat"}], "plans[0].prices[0].tiers"),
        ([{**TIERED, "prices": [{"unit_price": "1", "valid_from": "2020-01-01"}]}], "plans[0]"),
        ([discounted({"percent": "101", **TERM})], "plans[0].discounts[0].percent"),
        ([discounted({"percent": "10", "amount": "1", **TERM})], "plans[0].discounts[0]"),
        ([discounted(TERM)], "plans[0].discounts[0]"),
        (
            [discounted({"percent": "10", "valid_from": "2024-02-01", "valid_to": "2024-02-01"})],
            "plans[0].discounts[0].valid_to",
        ),
        (
            [discounted({"percent": "10", **TERM}, {"amount": "5", **TERM})],
            "plans[0].discounts[1]",
        ),
    ],
)
def test_tiers_and_discounts_that_make_no_sense_are_refused(plans: Any, place: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        run(subscribe(), until="2024-02-01", plans=plans)

    assert str(caught.value).startswith(place), str(caught.value)


@pytest.mark.parametrize(
    "tiers",
    [[], [{"above": 5, "unit_price": "1"}, {"above": 5, "unit_price": "1"}], [{"above": -1}]],
)
def test_tiers_must_rise(tiers: list[dict[str, Any]]) -> None:
    broken = plan("std", "490.00", pricing="tiered")
    broken["prices"][0]["tiers"] = tiers

    with pytest.raises(ScenarioError, match=r"^plans\[0\]\.prices\[0\]\.tiers"):
        read_scenario(json.dumps(scenario(subscribe(), until="2024-02-01", plans=[broken])))


@pytest.mark.parametrize(
    "changed",
    [
        {"plan": "std", "subscription": "s1"},
        {"valid_from": "2024-01-01"},
        {"percent": 25},
        {"subscription": "s2"},
    ],
)
def test_discount_event_that_makes_no_sense_is_refused(changed: dict[str, Any]) -> None:
    bad = {**event("2024-02-01", "discount", percent="25", **TERM), **changed}

    with pytest.raises(ScenarioError, match=r"^events\[1\]"):
        simulate(read_scenario(json.dumps(scenario(subscribe(), bad, until="2024-03-01"))))


# --- For every input ------------------------------------------------------------------------------

AMOUNTS = st.decimals(Decimal(0), Decimal("9999.9999"), places=4)
PERCENTS = st.decimals(Decimal(0), Decimal(100), places=2)
SEATS = st.integers(1, 60)


@st.composite
def offers(draw: st.DrawFn) -> engine.Plan:
    """A plan of any pricing, perhaps with a discount of either kind."""
    pricing = draw(st.sampled_from(list(engine.Pricing)))
    tiers: tuple[engine.Tier, ...] = ()
    if pricing is engine.Pricing.TIERED:
        steps = sorted(draw(st.sets(st.integers(0, 50), min_size=1, max_size=4)))
        tiers = tuple(engine.Tier(above, draw(AMOUNTS)) for above in steps)
    discounts: tuple[engine.Discount, ...] = ()
    if draw(st.booleans()):
        percent = draw(st.none() | PERCENTS)
        amount = draw(AMOUNTS) if percent is None else None
        dates = (date(2024, 1, 1), date(2024, 6, 1))
        discounts = (engine.Discount(*dates, percent=percent, amount=amount),)
    price = engine.Price(draw(AMOUNTS), date(2020, 1, 1), tiers=tiers)
    return engine.Plan(
        "p", draw(st.sampled_from([1, 3, 12])), pricing, "standard", (price,), discounts
    )


def buy(offer: engine.Plan, seats: int) -> tuple[engine.Catalogue, engine.Outcome]:
    rate = engine.VatRate("standard", "SE", Decimal(25), date(1990, 7, 1))
    catalogue = engine.Catalogue({"p": offer}, (rate,))
    bought = engine.subscribe(
        catalogue, ref="s", buyer=engine.Buyer("SE"), plan="p", quantity=seats, on=BOUGHT
    )
    return catalogue, bought


def net(*outcomes: engine.Outcome) -> int:
    return sum(line.net_cents for outcome in outcomes for line in outcome.lines)


@given(offer=offers(), one=SEATS, more=st.integers(0, 30))
def test_more_seats_never_cost_less_and_a_discount_never_costs_more(
    offer: engine.Plan, one: int, more: int
) -> None:
    _catalogue, few = buy(offer, one)
    _catalogue, many = buy(offer, one + more)

    assert 0 <= net(few) <= net(many)
    for line in many.lines:
        assert line.whole <= line.listed
        assert line.discount_cents >= 0


@given(offer=offers(), seats=st.lists(SEATS, min_size=2, max_size=5, unique=True))
def test_seats_added_on_the_first_day_cost_what_they_would_have_together(
    offer: engine.Plan, seats: list[int]
) -> None:
    steps = sorted(seats)
    catalogue, bought = buy(offer, steps[0])
    state, paid = bought.subscription, net(bought)
    for _before, after in pairwise(steps):
        grown = engine.change_quantity(catalogue, state, quantity=after, on=BOUGHT)
        state, paid = grown.subscription, paid + net(grown)

    _catalogue, together = buy(offer, steps[-1])
    assert abs(paid - net(together)) <= len(steps)  # each line is rounded by itself
    assert sum(line.line.whole for line in state.charges) == together.lines[0].whole


@given(offer=offers(), one=SEATS, more=st.integers(1, 30), day=st.integers(0, 364))
def test_credits_give_back_what_remains_of_each_line_to_the_cent(
    offer: engine.Plan, one: int, more: int, day: int
) -> None:
    catalogue, bought = buy(offer, one)
    whole = bought.lines[0].anchored
    on = whole.start + timedelta(days=day % whole.days)
    grown = engine.change_quantity(catalogue, bought.subscription, quantity=one + more, on=on)
    ended = engine.cancel(grown.subscription, on=on, when=engine.When.NOW, credit=True)

    kept = engine.Period(whole.start, on)
    used = part_cents(bought.lines[0].whole, kept, whole) if on > whole.start else 0
    assert net(bought, grown, ended) == used
    for line in ended.lines:
        assert line.credits is not None
        assert 0 <= -line.net_cents <= line.credits.net_cents
        assert 0 <= -line.discount_cents <= line.credits.discount_cents


@given(offer=offers(), seats=SEATS, late=st.integers(0, 800))
def test_catching_up_in_one_run_gives_what_daily_runs_do(
    offer: engine.Plan, seats: int, late: int
) -> None:
    catalogue, bought = buy(offer, seats)
    at_once = engine.renew(catalogue, bought.subscription, as_of=BOUGHT + timedelta(days=late))
    state = bought.subscription
    lines: list[engine.Line] = []
    for days in range(0, late + 1, 7):
        step = engine.renew(catalogue, state, as_of=BOUGHT + timedelta(days=days))
        state = step.subscription
        lines += step.lines
    lines += engine.renew(catalogue, state, as_of=BOUGHT + timedelta(days=late)).lines

    assert tuple(lines) == at_once.lines
