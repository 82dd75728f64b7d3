"""What holds for every input, not only for those that somebody thought of."""

import itertools
import json
from calendar import monthrange
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing import engine
from billing.engine.periods import part_cents
from billing.engine.scenario import read_scenario
from billing.engine.simulation import simulate
from billing.engine.totals import round_to_krona

DAYS = st.dates(date(2019, 12, 1), date(2033, 3, 1))
MONTHS = st.sampled_from([1, 2, 3, 6, 12, 24])
PRICES = st.decimals(Decimal(0), Decimal("99999.9999"), places=4)
TIERS = [{"above": 2, "unit_price": "24.95"}, {"above": 5, "unit_price": "9.9901"}]
OFFER = {"interval_count": 1, "vat_class": "standard"}


@given(anchor=DAYS, months=MONTHS, k=st.integers(-40, 40))
def test_boundaries_increase_and_keep_the_day(anchor: date, months: int, k: int) -> None:
    here = engine.boundary(anchor, months, k)
    following = engine.boundary(anchor, months, k + 1)

    assert here < following
    assert here.day == min(anchor.day, monthrange(here.year, here.month)[1])
    months_on = (here.year - anchor.year) * 12 + here.month - anchor.month
    assert months_on == k * months, "an interval is never left out"


@given(anchor=DAYS, months=MONTHS, day=DAYS)
def test_every_day_lies_in_one_period(anchor: date, months: int, day: date) -> None:
    period = engine.period_at(anchor, months, day)

    assert period.start <= day < period.end
    assert engine.period_at(anchor, months, period.end).start == period.end
    assert engine.period_at(anchor, months, period.start) == period


@given(price=PRICES, anchor=DAYS, months=MONTHS, cuts=st.lists(st.integers(0, 731), max_size=6))
def test_parts_of_a_period_sum_to_the_whole(
    price: Decimal, anchor: date, months: int, cuts: list[int]
) -> None:
    whole = engine.period_at(anchor, months, anchor)
    inside = sorted({whole.start + timedelta(days=cut % whole.days) for cut in cuts})
    days = [whole.start, *inside, whole.end]
    parts = [
        part_cents(price, engine.Period(start, end), whole)
        for start, end in itertools.pairwise(days)
    ]

    assert sum(parts) == part_cents(price, whole, whole)
    assert all(part >= 0 for part in parts)


@given(cents=st.integers(-(10**9), 10**9))
def test_rounding_to_kronor_is_at_most_half_and_mirrored(cents: int) -> None:
    rounded = round_to_krona(cents)

    assert rounded % 100 == 0
    assert abs(rounded - cents) <= 50
    assert round_to_krona(-cents) == -rounded


# --- Whole lives of a subscription ----------------------------------------------------------------


@st.composite
def lives(draw: st.DrawFn) -> dict[str, Any]:
    """A purchase and whatever may happen to it within a year and a half."""
    start = date(2024, 1, 1) + timedelta(days=draw(st.integers(0, 90)))
    bought: dict[str, Any] = {
        "on": str(start),
        "do": "subscribe",
        "company": "acme",
        "subscription": "s1",
        "plan": draw(st.sampled_from(["std", "pro", "flat", "tier"])),
        "quantity": draw(st.integers(1, 9)),
    }
    if draw(st.booleans()):
        bought["anchor"] = str(start + timedelta(days=draw(st.integers(-40, 40))))
    if draw(st.integers(0, 3)) == 0:
        bought["trial_until"] = str(start + timedelta(days=draw(st.integers(0, 45))))
    days = sorted(draw(st.lists(st.integers(0, 400), max_size=6)))
    events = [bought, *(draw(_events(start + timedelta(days=day))) for day in days)]
    return _scenario(events)


def _events(day: date) -> st.SearchStrategy[dict[str, Any]]:
    base = {"on": str(day), "subscription": "s1"}
    return st.one_of(
        st.integers(1, 9).map(lambda n: {**base, "do": "change_quantity", "quantity": n}),
        st.tuples(
            st.sampled_from(["std", "pro", "flat", "year", "tier"]),
            st.sampled_from([None, "now", "renewal"]),
        ).map(lambda way: {**base, "do": "change_plan", "plan": way[0], "when": way[1]}),
        st.just({**base, "do": "cancel", "when": "period_end"}),
        st.just({**base, "do": "cancel", "when": "now", "credit": True}),
        st.just({**base, "do": "undo_cancel"}),
        st.tuples(
            st.sampled_from([{"subscription": "s1"}, {"plan": "std"}, {"plan": "tier"}]),
            st.sampled_from([{"percent": "12.5"}, {"percent": "100"}, {"amount": "99.9901"}]),
            st.integers(0, 60),
            st.integers(1, 200),
        ).map(
            lambda found: {
                "on": str(day),
                "do": "discount",
                **found[0],
                **found[1],
                "valid_from": str(day + timedelta(days=found[2])),
                "valid_to": str(day + timedelta(days=found[2] + found[3])),
            }
        ),
        st.integers(1, 60).map(
            lambda later: {
                "on": str(day),
                "do": "price",
                "plan": "std",
                "unit_price": f"{later}.95",
                "valid_from": str(day + timedelta(days=later)),
                "existing_from": str(day + timedelta(days=2 * later)),
            }
        ),
    )


def _plan(
    code: str, price: str, interval: str = "month", pricing: str = "per_unit", **more: Any
) -> Any:
    prices = [{"unit_price": price, "valid_from": "2023-01-01", "existing_from": None, **more}]
    return {**OFFER, "code": code, "interval": interval, "pricing": pricing, "prices": prices}


def _scenario(events: list[dict[str, Any]]) -> dict[str, Any]:
    vat = {"vat_class": "standard", "country": "SE", "rate": "25", "valid_from": "1990-07-01"}
    return {
        "currency": "SEK",
        "vat_rates": [vat],
        "plans": [
            _plan("std", "29.95"),
            _plan("pro", "59.9050"),
            _plan("flat", "149.00", pricing="flat"),
            _plan("year", "990.00", interval="year"),
            _plan("tier", "79.00", pricing="tiered", tiers=TIERS),
        ],
        "companies": [{"ref": "acme", "country": "SE"}],
        "events": events,
        "runs": "daily",
        "until": "2025-06-30",
    }


def play(scenario: dict[str, Any]) -> dict[str, Any]:
    """Run a scenario without the events that can't happen where they stand."""
    while True:
        try:
            return simulate(read_scenario(json.dumps(scenario)))
        except engine.EngineError as error:
            place = str(error)
            assert place.startswith("events["), place
            number = int(place[7 : place.index("]")])
            assert number > 0, place
            scenario["events"].pop(number)


def lines_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for basis in result["bases"] for line in basis["lines"]]


def charged_days(line: dict[str, Any]) -> tuple[date, date]:
    return date.fromisoformat(line["period"][0]), date.fromisoformat(line["period"][1])


@settings(max_examples=150, deadline=None)
@given(scenario=lives())
def test_renewed_periods_tile_without_gap_or_overlap(scenario: dict[str, Any]) -> None:
    result = play(scenario)
    periods = [
        charged_days(line) for line in lines_of(result) if line["reason"] in {"new", "renewal"}
    ]

    assert periods == sorted(periods)
    starts = [start for start, _end in periods]
    assert len(starts) == len(set(starts))
    if not any(event["do"] == "change_plan" for event in scenario["events"]):
        for (_start, end), (following, _end) in itertools.pairwise(periods):
            assert end == following


@settings(max_examples=150, deadline=None)
@given(scenario=lives(), days=st.lists(st.integers(0, 540), max_size=4))
def test_runs_on_any_days_bill_what_daily_runs_do(
    scenario: dict[str, Any], days: list[int]
) -> None:
    daily = play(scenario)
    late_days = [str(date(2024, 1, 1) + timedelta(days=day)) for day in days]
    late = play({**scenario, "runs": [*late_days, *late_days, "2025-06-30"]})

    def key(line: dict[str, Any]) -> tuple[str, ...]:
        return (line["reason"], *line["period"], line["quantity"], line["net"], line["caused_by"])

    assert sorted(map(key, lines_of(daily))) == sorted(map(key, lines_of(late)))
    assert daily["subscriptions"] == late["subscriptions"]


@settings(max_examples=100, deadline=None)
@given(scenario=lives())
def test_documents_add_up_and_credits_stay_within_charges(scenario: dict[str, Any]) -> None:
    result = play(scenario)

    for basis in result["bases"]:
        net = sum(Decimal(line["net"]) for line in basis["lines"])
        vat = sum(Decimal(part["vat"]) for part in basis["vat"])
        for part in basis["vat"]:
            base, rate = Decimal(part["base"]), Decimal(part["rate"])
            assert Decimal(part["vat"]) == (base * rate / 100).quantize(
                Decimal("0.01"), ROUND_HALF_UP
            )
        assert (Decimal(basis["net"]), Decimal(basis["vat_total"])) == (net, vat)
        assert net + vat + Decimal(basis["rounding"]) == Decimal(basis["payable"])
        assert Decimal(basis["payable"]) % 1 == 0
        assert (basis["kind"] == "credit") == (net < 0)
    assert sum(Decimal(line["net"]) for line in lines_of(result)) >= 0
    for line in lines_of(result):
        assert (Decimal(line["net"]) <= 0) if line["reason"] == "credit" else True


@settings(max_examples=60, deadline=None)
@given(scenario=lives())
def test_result_is_the_same_every_time_and_never_a_float(scenario: dict[str, Any]) -> None:
    first = play(scenario)

    assert play(scenario) == first

    def walk(value: Any) -> None:
        assert not isinstance(value, float)
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, dict | list):
                walk(inner)

    walk(first)
