"""When ordinary updates happen: the third Wednesday of each month, 00:00-06:00 in Stockholm.

Windows are kept in UTC and counted in UTC: on the two nights when the clocks change, the same six
hours on the wall are five or seven hours long.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from vop.lib.clock import STOCKHOLM

_WEDNESDAY = 2
_OPENS, _CLOSES = time(0), time(6)


class AmbiguousTimeError(ValueError):
    """The clock shows this time twice that night, or not at all."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time in UTC."""

    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        """How long it really lasts."""
        return self.end - self.start


def third_wednesday(year: int, month: int) -> date:
    """Return the third Wednesday: the only one among the 15th to the 21st."""
    fifteenth = date(year, month, 15)
    return fifteenth + timedelta(days=(_WEDNESDAY - fifteenth.weekday()) % 7)


def ordinary_window(month: date) -> Window:
    """Return the window of the month's ordinary update; its start is the day before in UTC."""
    day = third_wednesday(month.year, month.month)
    return Window(
        to_instant(datetime.combine(day, _OPENS)), to_instant(datetime.combine(day, _CLOSES))
    )


def to_instant(local: datetime) -> datetime:
    """Turn a time on a Stockholm wall clock into the instant it means, in UTC.

    Raises: AmbiguousTimeError for the hour that is skipped in March or repeated in October.
    """
    if local.tzinfo is not None:
        raise ValueError("A time on the wall has no zone")
    early, late = (local.replace(tzinfo=STOCKHOLM, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        raise AmbiguousTimeError(local.isoformat())
    return early.astimezone(UTC)


def list_months(first: date, count: int) -> Iterator[date]:
    """Yield the first days of `count` months, beginning with the month of `first`."""
    for number in range(count):
        years, month = divmod(first.month - 1 + number, 12)
        yield date(first.year + years, month + 1, 1)
