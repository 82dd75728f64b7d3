"""Windows that slide over the last seconds, in Redis or in files."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import time_machine

from vop.lib.limits import Window, forget, give_back, take

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
FEW = Window("few", 2, seconds=60)
MANY = Window("many", 3, seconds=300)


def test_window_is_full_until_its_first_is_too_old() -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        assert take([FEW])
        clock.shift(timedelta(seconds=40))
        assert take([FEW])
        assert not take([FEW])
        clock.shift(timedelta(seconds=19))
        assert not take([FEW])
        clock.shift(timedelta(seconds=1))
        assert take([FEW])
        assert not take([FEW])


def test_windows_of_other_names_are_others() -> None:
    assert take([FEW])
    assert take([FEW])
    assert not take([FEW])
    assert take([Window("others", 2, seconds=60)])


def test_full_window_stops_those_after_it_and_none_before() -> None:
    for _time in range(2):
        assert take([FEW])
    assert not take([MANY, FEW])  # counts in the first
    assert not take([FEW, MANY])  # reaches the first alone
    assert take([MANY])
    assert take([MANY])
    assert not take([MANY])


def test_given_back_is_as_if_it_never_was() -> None:
    first, second = take([MANY, FEW]), take([MANY, FEW])
    assert first != second
    give_back([MANY, FEW], first)
    give_back([MANY, FEW], first)
    assert take([FEW])
    assert not take([FEW])
    assert take([MANY])


def test_forgotten_windows_are_empty() -> None:
    for _time in range(2):
        assert take([FEW])
    forget([FEW])
    assert take([FEW])


def test_many_at_once_get_no_more_than_there_is_room_for() -> None:
    with ThreadPoolExecutor(8) as pool:
        marks = list(pool.map(lambda _number: take([MANY]), range(40)))
    assert len([mark for mark in marks if mark]) == MANY.amount
