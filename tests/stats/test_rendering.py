import pytest

from stats.queries import HourCounts
from stats.rendering import CHART_HEIGHT, draw_heatmap, draw_hours, level


@pytest.mark.parametrize(
    ("number", "highest", "expected"),
    [(0, 0, 0), (0, 10, 0), (1, 100, 1), (20, 100, 1), (21, 100, 2), (99, 100, 5), (7, 7, 5)],
)
def test_level_grows_by_fifths(number: int, highest: int, expected: int) -> None:
    assert level(number, highest) == expected


def test_heatmap_has_every_hour_of_every_weekday() -> None:
    rows = draw_heatmap(HourCounts({(1, 8): 10, (7, 23): 1}), locale="sv")

    assert [row.name for row in rows][:2] == ["måndag", "tisdag"]
    assert {len(row.cells) for row in rows} == {24}
    assert (rows[0].cells[8].number, rows[0].cells[8].level, rows[0].total) == (10, 5, 10)
    assert (rows[6].cells[23].level, rows[3].total) == (1, 0)


def test_bars_stand_on_the_ground_and_none_is_higher_than_the_chart() -> None:
    chart = draw_hours(HourCounts({(1, 8): 10, (2, 8): 10, (1, 9): 1}))

    assert chart.highest == 20
    assert {bar.y + bar.height for bar in chart.bars} == {CHART_HEIGHT}
    assert [bar.height for bar in chart.bars[7:11]] == [0, CHART_HEIGHT, 6, 0]
    assert draw_hours(HourCounts({})).highest == 0
