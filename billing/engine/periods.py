"""Periods: half-open, in local dates, counted from an anchor so that no month drifts."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from vop.lib.money import to_cents

MONTHS_OF: Final[Mapping[str, int]] = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, but not including, `end`."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last(self) -> date:
        """The last day, as people read a period: the one place that knows it."""
        return self.end - timedelta(days=1)


def boundary(anchor: date, months: int, k: int) -> date:
    """Return anchor + k intervals, clamped to the month's length.

    Always counted from the anchor, never from the boundary before: 31 January is followed by
    29 February and then by 31 March.
    """
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + k * months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


@lru_cache(maxsize=16_384)  # a run asks for the same days again and again
def period_at(anchor: date, months: int, day: date) -> Period:
    """Return the anchored period that a day lies in; days before the anchor have theirs too."""
    k = ((day.year - anchor.year) * 12 + day.month - anchor.month) // months
    while boundary(anchor, months, k) > day:
        k -= 1
    while boundary(anchor, months, k + 1) <= day:
        k += 1
    return Period(boundary(anchor, months, k), boundary(anchor, months, k + 1))


def part_cents(price: Decimal, part: Period, whole: Period) -> int:
    """Return what a part of an anchored period costs, at a price for the whole.

    Rounded cumulatively, R(P*b/n) - R(P*a/n): however a period is cut, its parts sum to it.
    """
    first, last = (part.start - whole.start).days, (part.end - whole.start).days
    return to_cents(price * last / whole.days) - to_cents(price * first / whole.days)
