"""The command: one JSON document, or one line that names the place and exit status 2."""

import copy
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.engine.errors import EngineError
from billing.engine.scenario import read_scenario
from billing.engine.simulation import simulate
from tests.billing.test_engine_rules import event, scenario, subscribe

SCENARIO = scenario(
    subscribe(trial_until=None, recorded_on=None, anchor="2024-01-31"),
    event("2024-02-10", "change_quantity", quantity=5),
    event("2024-02-12", "change_plan", plan="pro", when="now"),
    event("2024-02-20", "cancel", when="period_end", credit=True),
    event("2024-02-21", "undo_cancel"),
    {
        "on": "2024-03-01",
        "do": "price",
        "plan": "std",
        "unit_price": "39.95",
        "valid_from": "2024-03-01",
        "existing_from": "2024-04-01",
    },
    until="2024-04-30",
)


def test_command_prints_the_result_as_json(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(SCENARIO), encoding="utf-8")
    out = StringIO()

    call_command("simulate_billing", str(file), stdout=out)

    result = json.loads(out.getvalue())
    assert [basis["billing_date"] for basis in result["bases"]] == [
        "2024-01-31", "2024-02-10", "2024-02-12", "2024-02-29", "2024-03-31", "2024-04-30",
    ]  # fmt: skip
    assert set(result) == {"bases", "subscriptions"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1 column 1: "),
        ("{,}", "line 1 column 2: "),
        ("[]", "must be an object"),
        ('{"until": "2024-01-01", "until": "2024-01-02"}', "until: "),
        ('{"until": NaN}', "NaN"),
        ("[" * 100_000, "nested too deeply"),
        ("{}", "vat_rates is missing"),
    ],
)
def test_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(CommandError) as caught:
        call_command("simulate_billing", str(file))

    assert caught.value.returncode == 2
    assert place in str(caught.value)


def test_program_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    broken = copy.deepcopy(SCENARIO)
    broken["events"][1]["quantity"] = -5
    file.write_text(json.dumps(broken), encoding="utf-8")

    for path, told in [(file, "events[1].quantity: -5"), (tmp_path / "none.json", "can't be read")]:
        done = subprocess.run(
            [sys.executable, "manage.py", "simulate_billing", str(path)],
            env={**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"},
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        assert done.returncode == 2, done.stderr
        assert told in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.sampled_from(["", "x", "2024-02-31", "1999-01-01", "9999-12-31", "-1", "1e400", "29.95"]),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just({"on": "2024-01-01"}),
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """List every (container, key) of a document."""
    found: list[tuple[Any, Any]] = []
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        found.append((node, key))
        if isinstance(value, dict | list):
            found += places(value)
    return found


@settings(max_examples=400, deadline=None)
@given(data=st.data(), value=ANYTHING)
def test_any_damage_is_refused_or_makes_sense(data: st.DataObject, value: Any) -> None:
    document = copy.deepcopy(SCENARIO)
    container, key = data.draw(st.sampled_from(places(document)))
    container[key] = value

    refusal = ""
    try:
        simulate(read_scenario(json.dumps(document)))
    except EngineError as error:
        refusal = str(error)

    assert refusal.splitlines() in ([], [refusal])
