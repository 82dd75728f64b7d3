"""Reading untrusted JSON strictly: every refusal names its place in the file."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NoReturn

from billing.engine.errors import EngineError

AMOUNT: Final = re.compile(r"-?[0-9]{1,8}(\.[0-9]{1,4})?", re.ASCII)
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1900, 2200
MOST: Final = 1_000_000  # seats, or periods in one: beyond it somebody slipped


class ScenarioError(EngineError):
    """A place in the file and what is wrong there."""

    def __init__(self, place: str, fault: str) -> None:
        self.place = place
        told = f"{place}: {fault}" if place else fault
        super().__init__(" ".join(told.split()))  # one line, whatever stood in the file


class Node:
    """A value of the file together with its place."""

    def __init__(self, value: Any, place: str = "") -> None:
        self.value = value
        self.place = place

    def refuse(self, fault: str) -> NoReturn:
        raise ScenarioError(self.place, fault)

    def fields(self, required: Sequence[str], optional: Sequence[str] = ()) -> "Node":
        """Check that this is an object with these fields and no others; return it."""
        if not isinstance(self.value, dict):
            self.refuse("must be an object")
        for name in required:
            if name not in self.value:
                self.refuse(f"{name} is missing")
        for name in self.value:
            if name not in required and name not in optional:
                self[name].refuse("unknown field")
        return self

    def __getitem__(self, name: str) -> "Node":
        return Node(self.value.get(name), f"{self.place}.{name}" if self.place else name)

    def items(self) -> Iterator["Node"]:
        if not isinstance(self.value, list):
            self.refuse("must be a list")
        for number, value in enumerate(self.value):
            yield Node(value, f"{self.place}[{number}]")

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            self.refuse("must be a text")
        return self.value

    def one_of(self, known: Sequence[str], what: str = "value") -> str:
        text = self.text()
        if text not in known:
            self.refuse(f"unknown {what} {text}")
        return text

    def amount(self) -> Decimal:
        if not isinstance(self.value, str) or not AMOUNT.fullmatch(self.value):
            self.refuse('must be an amount as a text, such as "29.95"')
        amount = Decimal(self.value)
        if amount < 0:
            self.refuse("must not be negative")
        return amount

    def whole(self, *, least: int = 1, most: int = MOST) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse("must be a whole number")
        if not least <= self.value <= most:
            self.refuse(f"{self.value} must be between {least} and {most}")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.refuse("must be true or false")
        return self.value

    def day(self) -> date:
        if not isinstance(self.value, str) or not DAY.fullmatch(self.value):
            self.refuse("must be a date, such as 2024-01-31")
        try:
            day = date.fromisoformat(self.value)
        except ValueError:
            self.refuse(f"there is no day {self.value}")
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            self.refuse(f"{day} is not between {FIRST_YEAR} and {LAST_YEAR}")
        return day

    def day_or_none(self) -> date | None:
        return None if self.value is None else self.day()


def read_json(text: str) -> Node:
    """Parse a file; a name written twice and numbers that JSON doesn't know are refused.

    Raises: ScenarioError.
    """
    try:
        return Node(json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant))
    except json.JSONDecodeError as error:
        raise ScenarioError(f"line {error.lineno} column {error.colno}", error.msg) from error
    except RecursionError as error:
        raise ScenarioError("", "nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ScenarioError(name, "stands twice in one object")
        found[name] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ScenarioError("", f"{name} is not a value")


def check_unique(nodes: Sequence[Node], key: Callable[[Node], object], fault: str) -> None:
    """Refuse the first node whose key another had before it."""
    seen: set[object] = set()
    for node in nodes:
        if key(node) in seen:
            node.refuse(fault)
        seen.add(key(node))
