"""Numbers as pictures: levels of a heat map, bars of a chart, rows of a file. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import get_day_names

from stats.queries import HOURS, WEEKDAYS, DayCount, HourCounts

LEVELS = 5
BAR_WIDTH = 20
BAR_GAP = 4
CHART_HEIGHT = 120


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of one weekday: its number, and its shade from 0 to 5."""

    hour: int
    number: int
    level: int


@dataclass(frozen=True, slots=True)
class Row:
    """A weekday of the heat map."""

    name: str
    short_name: str
    cells: list[Cell]
    total: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A clock hour of the chart, in the units of its view box."""

    hour: int
    number: int
    x: int
    y: int
    width: int
    height: int
    label_x: int
    has_label: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars and the size of what they stand in."""

    bars: list[Bar]
    width: int
    height: int
    highest: int


def draw_heatmap(counts: HourCounts, *, locale: str) -> list[Row]:
    """Shade each hour of the week against the busiest one."""
    long_names = get_day_names("wide", locale=locale)
    short_names = get_day_names("abbreviated", locale=locale)
    return [
        Row(
            name=long_names[weekday - 1],
            short_name=short_names[weekday - 1],
            cells=[
                Cell(
                    hour, counts.at(weekday, hour), level(counts.at(weekday, hour), counts.highest)
                )
                for hour in HOURS
            ],
            total=counts.on_weekday(weekday),
        )
        for weekday in WEEKDAYS
    ]


def draw_hours(counts: HourCounts) -> Chart:
    """Set up a bar for each clock hour."""
    numbers = [counts.in_hour(hour) for hour in HOURS]
    highest = max(numbers)
    step = BAR_WIDTH + BAR_GAP
    bars = []
    for hour, number in enumerate(numbers):
        height = -(-CHART_HEIGHT * number // highest) if highest else 0
        bars.append(
            Bar(
                hour=hour,
                number=number,
                x=hour * step,
                y=CHART_HEIGHT - height,
                width=BAR_WIDTH,
                height=height,
                label_x=hour * step + BAR_WIDTH // 2,
                has_label=hour % 3 == 0,
            )
        )
    return Chart(bars, width=24 * step - BAR_GAP, height=CHART_HEIGHT, highest=highest)


def level(number: int, highest: int) -> int:
    """Return 0 for nothing, otherwise 1 to 5 by fifths of the highest."""
    return -(-LEVELS * number // highest) if highest else 0


def write_hours(counts: HourCounts, header: Sequence[str]) -> str:
    """Write every hour of the week as CSV, Monday first."""
    return _write(
        header,
        ((day, hour, counts.at(day, hour)) for day in WEEKDAYS for hour in HOURS),
    )


def write_days(days: Iterable[DayCount], header: Sequence[str], *, with_failed: bool) -> str:
    """Write every date as CSV."""
    return _write(
        header,
        ((day.day, day.succeeded, *([day.failed] if with_failed else [])) for day in days),
    )


def _write(header: Sequence[str], rows: Iterable[Sequence[int | date]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue()
