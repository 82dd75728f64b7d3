"""benchmarks/pages.py at a small size: a page asks as often whatever the company has."""

import pytest

from benchmarks.pages import MOST_QUERIES, list_names, measure_pages
from benchmarks.pages_world import (
    Size,
    Subject,
    make_catalogue,
    make_firm,
    make_firms,
    make_subject,
    open_doors,
)

pytestmark = pytest.mark.django_db


def count_queries(subject: Subject) -> dict[str, int]:
    open_doors(subject)
    return {page["name"]: page["queries"] for page in measure_pages("", subject, rounds=1)}


def test_pages_ask_as_often_for_60_of_everything_as_for_10() -> None:
    roles, firms = make_catalogue(60), make_firms(3)

    of_ten = count_queries(make_subject(Size(10, 10, 10, 0, 10), roles, firms))
    of_sixty = count_queries(make_subject(Size(60, 60, 60, 0, 60), roles, firms))
    bench_of_ten = count_queries(make_firm(Size(10, 0, 0, 10, 0), roles))
    bench_of_sixty = count_queries(make_firm(Size(60, 0, 0, 60, 0), roles))

    more = {name: (n, of_sixty[name]) for name, n in of_ten.items() if of_sixty[name] > n}
    more |= {
        name: (n, bench_of_sixty[name])
        for name, n in bench_of_ten.items()
        if bench_of_sixty[name] > n
    }
    counts = {**bench_of_sixty, **of_sixty}
    assert more == {}
    assert {name: n for name, n in counts.items() if n > MOST_QUERIES} == {}
    assert sorted(set(list_names()) - counts.keys()) == []
