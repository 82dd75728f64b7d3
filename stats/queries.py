"""What the log adds up to. Counts only: no breakdown here shows a person.

Hours, weekdays and dates are those of Stockholm's clocks, also on the days when they are changed;
both databases convert with the same time zone data. Numbers about single people would have to
leave out groups smaller than five; sums of sign-ins tell of nobody, so they are shown as they are.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from django.db.models import Count
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay, TruncDate

from accounts.events import SignInEvent
from auditlog.models import Event, EventQuerySet
from vop.lib.clock import STOCKHOLM, local_midnight

HOURS = range(24)
WEEKDAYS = range(1, 8)  # Monday is 1, as in ISO 8601


@dataclass(frozen=True, slots=True)
class Period:
    """Stockholm dates, the last one included, as people say it."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The instant at which it begins."""
        return local_midnight(self.first)

    @property
    def end(self) -> datetime:
        """The instant at which it is over."""
        return local_midnight(self.last + timedelta(days=1))

    def days(self) -> Iterator[date]:
        """Return each date in turn."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


@dataclass(frozen=True)
class HourCounts:
    """Sign-ins by weekday and clock hour; a pair that isn't there counted nothing."""

    cells: Mapping[tuple[int, int], int]

    def at(self, weekday: int, hour: int) -> int:
        """Return the sign-ins of one hour of one weekday."""
        return self.cells.get((weekday, hour), 0)

    def in_hour(self, hour: int) -> int:
        """Return the sign-ins of a clock hour on all weekdays."""
        return sum(self.at(weekday, hour) for weekday in WEEKDAYS)

    def on_weekday(self, weekday: int) -> int:
        """Return the sign-ins of a weekday in all hours."""
        return sum(self.at(weekday, hour) for hour in HOURS)

    @cached_property
    def total(self) -> int:
        """All sign-ins."""
        return sum(self.cells.values())

    @cached_property
    def highest(self) -> int:
        """The sign-ins of the busiest hour of a weekday."""
        return max(self.cells.values(), default=0)

    @cached_property
    def busiest_hour(self) -> int | None:
        """The clock hour with most sign-ins, the first of equals; nothing when there are none."""
        return max(HOURS, key=self.in_hour) if self.total else None


@dataclass(frozen=True, slots=True)
class DayCount:
    """The sign-ins of one date, and the attempts that failed."""

    day: date
    succeeded: int
    failed: int


def sign_ins_per_hour(period: Period, *, company_id: uuid.UUID | None = None) -> HourCounts:
    """Count sign-ins by weekday and clock hour: a company's own, or all. One query."""
    rows = (
        _events(period, company_id)
        .of_actions([SignInEvent.SUCCEEDED.value])
        .annotate(
            weekday=ExtractIsoWeekDay("occurred_at", tzinfo=STOCKHOLM),
            hour=ExtractHour("occurred_at", tzinfo=STOCKHOLM),
        )
        .values_list("weekday", "hour")
        .annotate(number=Count("pk"))
        .order_by("weekday", "hour")
    )
    return HourCounts({(weekday, hour): number for weekday, hour, number in rows})


def sign_ins_per_day(period: Period, *, company_id: uuid.UUID | None = None) -> list[DayCount]:
    """Count sign-ins and failed attempts by date, each date of the period in turn. One query.

    A company sees no failed attempts: whoever failed has not proved to be one of its people.
    """
    rows = (
        _events(period, company_id)
        .of_actions([SignInEvent.SUCCEEDED.value, SignInEvent.FAILED.value])
        .annotate(day=TruncDate("occurred_at", tzinfo=STOCKHOLM))
        .values_list("day", "action")
        .annotate(number=Count("pk"))
        .order_by("day", "action")
    )
    counts = {(day, action): number for day, action, number in rows}
    return [
        DayCount(
            day=day,
            succeeded=counts.get((day, SignInEvent.SUCCEEDED.value), 0),
            failed=counts.get((day, SignInEvent.FAILED.value), 0),
        )
        for day in period.days()
    ]


def _events(period: Period, company_id: uuid.UUID | None) -> EventQuerySet:
    events = Event.objects.between(period.start, period.end)
    return events if company_id is None else events.for_company(company_id)
