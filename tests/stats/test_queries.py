"""The numbers equal a recount of the log, on both databases and across the changes of clocks."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.events import SignInEvent
from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit, show_event_to
from companies.models import Company
from stats.queries import HOURS, WEEKDAYS, Period, sign_ins_per_day, sign_ins_per_hour
from vop.lib.clock import STOCKHOLM
from vop.lib.db import use_case


@use_case
def write(
    at: datetime,
    *companies: Company,
    event: SignInEvent = SignInEvent.SUCCEEDED,
) -> None:
    actor = Actor("person", "1", "Pia Person")
    outcome = Event.Outcome.FAILURE if event == SignInEvent.FAILED else Event.Outcome.SUCCESS
    written = audit(event, actor=actor, now=at, outcome=outcome)
    show_event_to(event=written, company_ids=[company.pk for company in companies])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("instant", "weekday", "hour", "day"),
    [
        # Winter: Swedish time is an hour before UTC.
        (datetime(2026, 1, 5, 22, 59, tzinfo=UTC), 1, 23, date(2026, 1, 5)),
        (datetime(2026, 1, 5, 23, 0, tzinfo=UTC), 2, 0, date(2026, 1, 6)),
        # Summer: two.
        (datetime(2026, 7, 5, 21, 59, tzinfo=UTC), 7, 23, date(2026, 7, 5)),
        (datetime(2026, 7, 5, 22, 0, tzinfo=UTC), 1, 0, date(2026, 7, 6)),
        # The night to the 29th of March has no hour 2.
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), 7, 1, date(2026, 3, 29)),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 7, 3, date(2026, 3, 29)),
        # The night to the 25th of October has it twice.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 7, 2, date(2026, 10, 25)),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 7, 2, date(2026, 10, 25)),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), 7, 3, date(2026, 10, 25)),
    ],
)
def test_sign_in_counts_at_the_clock_of_stockholm(
    instant: datetime, weekday: int, hour: int, day: date
) -> None:
    write(instant)
    period = Period(day, day)

    assert sign_ins_per_hour(period).cells == {(weekday, hour): 1}
    assert [(d.day, d.succeeded) for d in sign_ins_per_day(period)] == [(day, 1)]
    for beside in (day - timedelta(days=1), day + timedelta(days=1)):
        assert sign_ins_per_hour(Period(beside, beside)).total == 0


@pytest.mark.django_db
def test_numbers_equal_a_recount(acme: Company, other: Company) -> None:
    dice = random.Random(20261123)  # noqa: S311 (a drawn log, the same every time)
    start = datetime(2026, 3, 20, tzinfo=UTC)
    log = []
    for _number in range(250):
        at = start + timedelta(minutes=dice.randrange(20 * 24 * 60))
        readers = dice.choice([(), (acme,), (other,), (acme, other)])
        event = dice.choice([SignInEvent.SUCCEEDED] * 4 + [SignInEvent.FAILED])
        write(at, *readers, event=event)
        log.append((at.astimezone(STOCKHOLM), readers, event))
    write(start, acme, event=SignInEvent.SIGNED_OUT)
    period = Period(date(2026, 3, 22), date(2026, 4, 4))
    inside = [entry for entry in log if period.first <= entry[0].date() <= period.last]

    for company in (None, acme, other):
        seen = [entry for entry in inside if company is None or company in entry[1]]
        good = [at for at, _readers, event in seen if event == SignInEvent.SUCCEEDED]
        bad = [at for at, _readers, event in seen if event == SignInEvent.FAILED]
        key = company.pk if company else None
        counts = sign_ins_per_hour(period, company_id=key)
        days = sign_ins_per_day(period, company_id=key)
        assert counts.cells == Counter((at.isoweekday(), at.hour) for at in good)
        assert counts.total == len(good) > 0
        assert sum(counts.in_hour(hour) for hour in HOURS) == len(good)
        assert sum(counts.on_weekday(weekday) for weekday in WEEKDAYS) == len(good)
        assert [day.day for day in days] == list(period.days())
        by_day = Counter(at.date() for at in good), Counter(at.date() for at in bad)
        assert [(d.succeeded, d.failed) for d in days] == [
            (by_day[0][day], by_day[1][day]) for day in period.days()
        ]


@pytest.mark.django_db
def test_busiest_hour_is_the_first_of_equals() -> None:
    period = Period(date(2026, 1, 5), date(2026, 1, 6))
    assert sign_ins_per_hour(period).busiest_hour is None
    write(datetime(2026, 1, 5, 8, 0, tzinfo=UTC))
    write(datetime(2026, 1, 6, 12, 0, tzinfo=UTC))

    counts = sign_ins_per_hour(period)
    assert (counts.busiest_hour, counts.highest) == (9, 1)


@pytest.mark.django_db
def test_counting_is_one_query_each(
    alice: User, acme: Company, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    period = Period(date(2026, 1, 1), date(2026, 12, 31))

    for company_id in (None, acme.pk):
        with django_assert_num_queries(1):
            sign_ins_per_hour(period, company_id=company_id)
        with django_assert_num_queries(1):
            sign_ins_per_day(period, company_id=company_id)
