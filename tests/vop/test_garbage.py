"""The collector looks seldom inside a long work, and as always after it."""

import gc

import pytest

from vop.lib.garbage import collect_rarely


def test_collector_looks_seldom_inside_and_as_before_afterwards() -> None:
    before = gc.get_threshold()

    with collect_rarely():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 100 * before[0]

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_collector_is_as_before_when_the_work_fails() -> None:
    before = gc.get_threshold()

    with pytest.raises(LookupError), collect_rarely():
        raise LookupError

    assert gc.get_threshold() == before


def test_collector_is_itself_again_after_the_last_of_several() -> None:
    usual = gc.get_threshold()
    first, second = collect_rarely(), collect_rarely()
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold()[0] > usual[0]
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] > usual[0]
    second.__exit__(None, None, None)
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0
