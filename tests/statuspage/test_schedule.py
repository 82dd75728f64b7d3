from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statuspage.models import (
    AmbiguousTimeError,
    list_months,
    ordinary_window,
    third_wednesday,
    to_instant,
)
from vop.lib.clock import STOCKHOLM

MONTHS = st.dates(min_value=date(1990, 1, 1), max_value=date(2099, 12, 31))


@given(MONTHS)
def test_third_wednesday_is_the_third_of_its_month(day: date) -> None:
    found = third_wednesday(day.year, day.month)
    first = day.replace(day=1)
    wednesdays = [
        first + timedelta(days=n)
        for n in range(28)
        if (first + timedelta(days=n)).isoweekday() == 3
    ]

    assert found == wednesdays[2]


@given(MONTHS)
def test_window_is_six_hours_from_local_midnight(day: date) -> None:
    window = ordinary_window(day)
    start, end = (moment.astimezone(STOCKHOLM) for moment in (window.start, window.end))

    assert start.date() == end.date() == third_wednesday(day.year, day.month)
    assert (start.hour, start.minute, end.hour, end.minute) == (0, 0, 6, 0)
    assert window.duration == timedelta(hours=6)
    assert window.start.tzinfo is UTC
    assert window.start.hour in {22, 23}
    assert window.start.date() == start.date() - timedelta(days=1)


@pytest.mark.parametrize(
    ("month", "start"),
    [
        (date(2026, 12, 1), "2026-12-15T23:00:00+00:00"),
        (date(2027, 6, 1), "2027-06-15T22:00:00+00:00"),
    ],
)
def test_window_opens_the_day_before_in_utc(month: date, start: str) -> None:
    assert ordinary_window(month).start.isoformat() == start


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2099, 12, 31))  # noqa: DTZ001
)
def test_instant_comes_back_as_the_same_time_on_the_wall(local: datetime) -> None:
    try:
        instant = to_instant(local)
    except AmbiguousTimeError:
        assert local.month in {3, 9, 10}  # the last Sunday of; September until 1995
        assert local.isoweekday() == 7
        return
    assert instant.astimezone(STOCKHOLM).replace(tzinfo=None) == local


@pytest.mark.parametrize("local", ["2026-03-29T02:30:00", "2026-10-25T02:30:00"])
def test_instant_refuses_times_that_clocks_skip_or_repeat(local: str) -> None:
    with pytest.raises(AmbiguousTimeError):
        to_instant(datetime.fromisoformat(local))


def test_months_go_over_the_year() -> None:
    months = list(list_months(date(2026, 11, 23), 3))

    assert months == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
