"""The rules of the scenario format, case by case, with figures worked out by hand."""

import copy
import json
from decimal import Decimal
from typing import Any

import pytest

from billing.engine.reading import ScenarioError
from billing.engine.scenario import read_scenario
from billing.engine.simulation import simulate

VAT = {
    "vat_class": "standard",
    "country": "SE",
    "rate": "25",
    "valid_from": "1990-07-01",
    "valid_to": None,
}


def plan(code: str = "std", unit_price: str = "29.95", **fields: Any) -> dict[str, Any]:
    prices = [{"unit_price": unit_price, "valid_from": "2020-01-01", "existing_from": None}]
    return {
        "code": code,
        "interval": "month",
        "interval_count": 1,
        "pricing": "per_unit",
        "vat_class": "standard",
        "prices": prices,
        **fields,
    }


def subscribe(on: str = "2024-01-31", **fields: Any) -> dict[str, Any]:
    return {
        "on": on,
        "do": "subscribe",
        "company": "acme",
        "subscription": "s1",
        "plan": "std",
        "quantity": 3,
        **fields,
    }


def event(on: str, do: str, **fields: Any) -> dict[str, Any]:
    return {"on": on, "do": do, "subscription": "s1", **fields}


def scenario(*events: dict[str, Any], until: str, **fields: Any) -> dict[str, Any]:
    return {
        "currency": "SEK",
        "timezone": "Europe/Stockholm",
        "vat_rates": [VAT],
        "plans": [plan(), plan("pro", "59.90")],
        "companies": [{"ref": "acme", "country": "SE", "vat_number": None, "consolidate": True}],
        "events": list(events),
        "runs": "daily",
        "until": until,
        **fields,
    }


def run(*events: dict[str, Any], until: str, **fields: Any) -> dict[str, Any]:
    return simulate(read_scenario(json.dumps(scenario(*events, until=until, **fields))))


def lines_of(result: dict[str, Any]) -> list[tuple[str, str, str, str, str, str]]:
    return [
        (basis["billing_date"], line["reason"], *line["period"], line["quantity"], line["net"])
        for basis in result["bases"]
        for line in basis["lines"]
    ]


def test_purchase_is_billed_on_its_day_with_vat_and_rounding() -> None:
    result = run(subscribe(), until="2024-01-31", runs=[])

    assert result["bases"] == [
        {
            "company": "acme",
            "billing_date": "2024-01-31",
            "kind": "invoice",
            "currency": "SEK",
            "lines": [
                {
                    "subscription": "s1",
                    "reason": "new",
                    "period": ["2024-01-31", "2024-02-29"],
                    "quantity": "3",
                    "unit_price": "29.95",
                    "net": "89.85",
                    "vat_rate": "25",
                    "caused_by": "subscribe 2024-01-31",
                }
            ],
            "vat": [{"rate": "25", "base": "89.85", "vat": "22.46"}],
            "net": "89.85",
            "vat_total": "22.46",
            "rounding": "-0.31",
            "payable": "112.00",
        }
    ]
    assert result["subscriptions"] == [
        {"ref": "s1", "status": "active", "billed_through": "2024-02-29"}
    ]


def test_boundaries_count_from_the_anchor_and_never_drift() -> None:
    result = run(subscribe(), until="2024-05-01")

    assert [(line[1], line[2], line[3]) for line in lines_of(result)] == [
        ("new", "2024-01-31", "2024-02-29"),
        ("renewal", "2024-02-29", "2024-03-31"),
        ("renewal", "2024-03-31", "2024-04-30"),
        ("renewal", "2024-04-30", "2024-05-31"),
    ]


def test_leap_day_lies_in_one_year_only() -> None:
    result = run(
        subscribe("2024-02-29"), until="2028-03-01", plans=[plan(interval="year")], runs="daily"
    )

    assert [line[2:4] for line in lines_of(result)] == [
        ("2024-02-29", "2025-02-28"),
        ("2025-02-28", "2026-02-28"),
        ("2026-02-28", "2027-02-28"),
        ("2027-02-28", "2028-02-29"),
        ("2028-02-29", "2029-02-28"),
    ]


def test_anchor_makes_a_first_shorter_period() -> None:
    result = run(
        subscribe("2024-01-10", anchor="2024-02-01", quantity=1),
        until="2024-02-01",
        plans=[plan(unit_price="31.00")],
    )

    assert lines_of(result) == [
        ("2024-01-10", "new", "2024-01-10", "2024-02-01", "1", "22.00"),
        ("2024-02-01", "renewal", "2024-02-01", "2024-03-01", "1", "31.00"),
    ]


def test_added_seats_are_charged_from_the_day() -> None:
    result = run(
        subscribe(), event("2024-02-10", "change_quantity", quantity=5), until="2024-02-29"
    )

    # 2 seats at 29.95 for 19 of 29 days: R(59.90) - R(59.90 * 10 / 29) = 59.90 - 20.66
    assert lines_of(result)[1:] == [
        ("2024-02-10", "change", "2024-02-10", "2024-02-29", "2", "39.24"),
        ("2024-02-29", "renewal", "2024-02-29", "2024-03-31", "5", "149.75"),
    ]


def test_fewer_seats_wait_and_later_ones_count_from_what_was_paid() -> None:
    result = run(
        subscribe(quantity=5),
        event("2024-02-05", "change_quantity", quantity=3),
        event("2024-02-10", "change_quantity", quantity=6),
        event("2024-02-20", "change_quantity", quantity=2),
        until="2024-02-29",
    )

    assert [(line[1], line[4]) for line in lines_of(result)] == [
        ("new", "5"),
        ("change", "1"),
        ("renewal", "2"),
    ]


def test_change_on_the_boundary_is_part_of_the_renewal() -> None:
    result = run(
        subscribe(), event("2024-02-29", "change_quantity", quantity=4), until="2024-02-29"
    )

    assert [(line[1], line[4]) for line in lines_of(result)] == [("new", "3"), ("renewal", "4")]


def test_plan_change_now_credits_the_rest_and_charges_the_new() -> None:
    result = run(
        subscribe(quantity=1),
        event("2024-02-12", "change_plan", plan="pro"),
        until="2024-02-29",
    )

    # Day 12 of 29. Old: 29.95 - R(29.95 * 12 / 29) = 17.56. New: 59.90 - R(59.90 * 12 / 29).
    assert lines_of(result)[1:] == [
        ("2024-02-12", "credit", "2024-02-12", "2024-02-29", "-1", "-17.56"),
        ("2024-02-12", "change", "2024-02-12", "2024-02-29", "1", "35.11"),
        ("2024-02-29", "renewal", "2024-02-29", "2024-03-31", "1", "59.90"),
    ]


def test_cheaper_plan_waits_for_the_renewal() -> None:
    result = run(
        subscribe(plan="pro", quantity=1),
        event("2024-02-12", "change_plan", plan="std"),
        until="2024-02-29",
    )

    assert lines_of(result)[1:] == [
        ("2024-02-29", "renewal", "2024-02-29", "2024-03-31", "1", "29.95")
    ]


def test_changes_back_and_forth_net_to_nothing() -> None:
    result = run(
        subscribe(quantity=3),
        event("2024-02-12", "change_plan", plan="pro", when="now"),
        event("2024-02-12", "change_plan", plan="std", when="now"),
        until="2024-02-20",
    )

    [_purchase, change] = result["bases"]
    assert change["net"] == "0.00"
    assert change["kind"] == "invoice"


def test_cancel_now_credits_what_remains_and_no_more() -> None:
    result = run(
        subscribe(quantity=3),
        event("2024-02-10", "change_quantity", quantity=5),
        event("2024-02-12", "change_plan", plan="pro", when="now"),
        event("2024-02-12", "cancel", when="now", credit=True),
        until="2024-06-30",
    )

    # 12 days of 3 seats (37.18) and 2 days of 2 more (4.13).
    assert sum(Decimal(basis["net"]) for basis in result["bases"]) == Decimal("41.31")
    assert result["subscriptions"] == [
        {"ref": "s1", "status": "ended", "billed_through": "2024-02-12"}
    ]


def test_cancel_on_the_first_day_gives_everything_back() -> None:
    result = run(
        subscribe(), event("2024-01-31", "cancel", when="now", credit=True), until="2024-03-01"
    )

    [basis] = result["bases"]
    assert (basis["net"], basis["payable"], basis["kind"]) == ("0.00", "0.00", "invoice")


def test_credit_alone_is_a_credit_rounded_like_its_mirror() -> None:
    result = run(
        subscribe(), event("2024-02-01", "cancel", when="now", credit=True), until="2024-03-01"
    )

    credit = result["bases"][1]
    # -(89.85 - R(89.85 / 29)) = -86.75; VAT -21.69; -108.44 becomes -108.
    assert (credit["kind"], credit["net"], credit["vat_total"]) == ("credit", "-86.75", "-21.69")
    assert (credit["rounding"], credit["payable"]) == ("0.44", "-108.00")


def test_cancellation_at_period_end_bills_nothing_more() -> None:
    result = run(subscribe(), event("2024-02-20", "cancel"), until="2024-02-28")
    later = run(subscribe(), event("2024-02-20", "cancel"), until="2024-04-30")

    assert len(later["bases"]) == 1
    assert result["subscriptions"][0]["status"] == "cancelled"
    assert later["subscriptions"][0] == {
        "ref": "s1",
        "status": "ended",
        "billed_through": "2024-02-29",
    }


def test_undone_cancellation_renews_as_before() -> None:
    result = run(
        subscribe(),
        event("2024-02-20", "cancel"),
        event("2024-02-21", "undo_cancel"),
        until="2024-02-29",
    )

    assert len(result["bases"]) == 2
    assert result["subscriptions"][0]["status"] == "active"


def test_trial_is_free_and_waits_for_a_run() -> None:
    bought = subscribe("2024-01-15", trial_until="2024-02-14")
    result = run(bought, until="2024-02-20", runs=["2024-02-20"])
    during = run(bought, until="2024-02-01")

    assert during["bases"] == []
    assert during["subscriptions"][0]["status"] == "trialing"
    assert lines_of(result) == [
        ("2024-02-20", "new", "2024-02-14", "2024-03-14", "3", "89.85"),
    ]


def test_cancellation_in_a_trial_ends_with_it() -> None:
    result = run(
        subscribe("2024-01-15", trial_until="2024-02-14"),
        event("2024-01-20", "cancel"),
        until="2024-02-14",
    )

    assert result["bases"] == []
    assert result["subscriptions"][0]["status"] == "ended"


def test_late_run_bills_the_same_as_daily_runs() -> None:
    events = [
        subscribe(),
        event("2024-03-10", "change_quantity", quantity=5),
        {
            "on": "2024-03-20",
            "do": "price",
            "plan": "std",
            "unit_price": "39.95",
            "valid_from": "2024-04-01",
            "existing_from": "2024-05-01",
        },
        event("2024-05-10", "change_plan", plan="pro", when="renewal"),
    ]
    daily = run(*events, until="2024-07-15")
    late = run(*events, until="2024-07-15", runs=["2024-07-15", "2024-07-15"])

    assert sorted(line[1:] for line in lines_of(daily)) == sorted(
        line[1:] for line in lines_of(late)
    )
    assert daily["subscriptions"] == late["subscriptions"]


def test_purchase_recorded_late_has_a_line_for_each_period() -> None:
    result = run(subscribe(recorded_on="2024-03-05"), until="2024-03-05", runs=[])

    assert [(line[0], line[2], line[3]) for line in lines_of(result)] == [
        ("2024-03-05", "2024-01-31", "2024-02-29"),
        ("2024-03-05", "2024-02-29", "2024-03-31"),
    ]


@pytest.mark.parametrize(
    ("existing_from", "expected"),
    [
        ("2024-04-01", ["29.95", "29.95", "29.95", "39.95"]),
        (None, ["29.95", "29.95", "29.95", "29.95"]),
    ],
)
def test_new_price_reaches_earlier_buyers_when_it_says_so(
    existing_from: str | None, expected: list[str]
) -> None:
    price = {
        "on": "2024-02-15",
        "do": "price",
        "plan": "std",
        "unit_price": "39.95",
        "valid_from": "2024-03-01",
        "existing_from": existing_from,
    }
    result = run(subscribe(quantity=1), price, until="2024-05-01")

    assert [line[5] for line in lines_of(result)] == expected


def test_one_basis_per_day_unless_split_is_asked_for() -> None:
    second = subscribe(subscription="s2", plan="pro", quantity=1)
    together = run(subscribe(), second, until="2024-01-31")
    apart = run(
        subscribe(),
        second,
        until="2024-01-31",
        companies=[{"ref": "acme", "country": "SE", "vat_number": None, "consolidate": False}],
    )

    assert [len(basis["lines"]) for basis in together["bases"]] == [2]
    assert [len(basis["lines"]) for basis in apart["bases"]] == [1, 1]


def test_vat_is_summed_per_rate_and_follows_the_first_day() -> None:
    rates = [
        VAT,
        {**VAT, "vat_class": "food", "rate": "12", "valid_to": "2024-02-10"},
        {**VAT, "vat_class": "food", "rate": "6", "valid_from": "2024-02-10"},
    ]
    plans = [plan(), plan("meal", "10.01", vat_class="food")]
    result = run(
        subscribe("2024-01-20", quantity=1),
        subscribe("2024-01-20", subscription="s2", plan="meal", quantity=1),
        until="2024-02-20",
        vat_rates=rates,
        plans=plans,
    )

    assert [basis["vat"] for basis in result["bases"]] == [
        [
            {"rate": "25", "base": "29.95", "vat": "7.49"},
            {"rate": "12", "base": "10.01", "vat": "1.20"},
        ],
        [
            {"rate": "25", "base": "29.95", "vat": "7.49"},
            {"rate": "6", "base": "10.01", "vat": "0.60"},
        ],
    ]


def test_buyer_in_another_eu_country_accounts_for_vat() -> None:
    german = {"ref": "acme", "country": "DE", "vat_number": "DE123456789", "consolidate": True}
    result = run(subscribe(), until="2024-01-31", companies=[german], currency="EUR")

    [basis] = result["bases"]
    assert basis["vat"] == [{"rate": "0", "base": "89.85", "vat": "0.00"}]
    assert (basis["rounding"], basis["payable"]) == ("0.00", "89.85")


def bad(path: str, value: Any) -> dict[str, Any]:
    """A scenario with one value replaced."""
    document = copy.deepcopy(
        scenario(subscribe(), event("2024-02-10", "cancel"), until="2024-03-01")
    )
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    node: Any = document
    for part in parents:
        node = node[part]
    node[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("events.0.quantity", -1, "events[0].quantity"),
        ("events.0.quantity", 0, "events[0].quantity"),
        ("events.0.quantity", True, "events[0].quantity"),
        ("events.0.quantity", 1.5, "events[0].quantity"),
        ("events.0.plan", "nope", "events[0].plan"),
        ("events.0.company", "nope", "events[0].company"),
        ("events.0.on", "2024-02-30", "events[0].on"),
        ("events.0.on", "20240131", "events[0].on"),
        ("events.0.trial_until", "2024-01-30", "events[0].trial_until"),
        ("events.0.typo", 1, "events[0].typo"),
        ("events.1.do", "nope", "events[1].do"),
        ("events.1.subscription", "nope", "events[1].subscription"),
        ("events.1.when", "renewal", "events[1].when"),
        ("events.1.on", "2024-01-30", "events[1].subscription"),
        ("plans.0.prices.0.unit_price", 29.95, "plans[0].prices[0].unit_price"),
        ("plans.0.prices.0.unit_price", 30, "plans[0].prices[0].unit_price"),
        ("plans.0.prices.0.unit_price", "-1.00", "plans[0].prices[0].unit_price"),
        ("plans.0.prices.0.unit_price", "1e3", "plans[0].prices[0].unit_price"),
        ("plans.0.prices.0.valid_from", "2024-02-01", "events[0]"),
        ("plans.0.prices.0.existing_from", "2019-01-01", "plans[0].prices[0].existing_from"),
        ("plans.0.prices", [], "plans[0].prices"),
        ("plans.0.interval", "week", "plans[0].interval"),
        ("plans.0.vat_class", "nope", "plans[0].vat_class"),
        ("plans.1.code", "std", "plans[1].code"),
        ("companies.0.country", "XX", "companies[0].country"),
        ("companies.0.country", "Sweden", "companies[0].country"),
        ("vat_rates", [VAT, {**VAT, "valid_from": "2024-01-01"}], "vat_rates[1]"),
        ("vat_rates.0.valid_to", "1980-01-01", "vat_rates[0].valid_to"),
        ("vat_rates.0.rate", "101", "vat_rates[0].rate"),
        ("timezone", "Mars/Olympus", "timezone"),
        ("currency", "XXX", "currency"),
        ("runs", "weekly", "runs"),
        ("until", None, "until"),
    ],
)
def test_nonsense_is_refused_with_its_place(path: str, value: Any, place: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        simulate(read_scenario(json.dumps(bad(path, value))))

    assert str(caught.value).startswith(f"{place}: "), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "events",
    [
        [event("2024-02-10", "undo_cancel")],
        [event("2024-02-10", "cancel", when="now"), event("2024-02-11", "undo_cancel")],
        [event("2024-02-10", "cancel"), event("2024-02-11", "cancel")],
        [event("2024-02-10", "cancel"), event("2024-03-01", "change_quantity", quantity=4)],
        [event("2024-02-10", "change_plan", plan="std")],
    ],
)
def test_event_that_cannot_happen_is_refused(events: list[dict[str, Any]]) -> None:
    with pytest.raises(ScenarioError, match=rf"events\[{len(events)}\]"):
        run(subscribe(), *events, until="2024-04-01")
