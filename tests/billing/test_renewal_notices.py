"""Companies are told before a renewal: to whom, when, once; and nothing renews untold."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse

from accounts.models import User
from auditlog.models import Event
from billing.models import BasisLine, Plan, RenewalNotice, Subscription
from billing.operations import cancel_subscription, run_billing, tell_renewals, warn_of_late_run
from billing.queries import count_waiting, list_due_payers, preview_run, stages_of
from companies.models import Company, Membership, Role
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan
from tests.factories.companies import SYSTEM, join_company
from tests.factories.services import make_service
from vop.lib import jobs
from vop.lib.clock import STOCKHOLM

RENEWAL = date(2026, 12, 23)  # a month after the fixture's now


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=STOCKHOLM)


def tell(day: date) -> int:
    return tell_renewals(actor=SYSTEM, now=at(day))


def run(day: date) -> int:
    return run_billing(as_of=day, actor=SYSTEM, now=at(day)).lines


def test_stages_are_at_most_half_a_period() -> None:
    assert stages_of(1) == (7,)
    assert stages_of(3) == (30, 7)
    assert stages_of(6) == stages_of(12) == (60, 30, 7)


def test_notice_that_was_sent_never_changes(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now)
    assert RenewalNotice.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        RenewalNotice.objects.update(net_cents=0)
    # On SQLite a gate that isn't there refuses as well as a closed one does.
    with pytest.raises(DatabaseError, match=r"never change|vop_retention"), transaction.atomic():
        RenewalNotice.objects.all().delete()


@pytest.mark.parametrize(
    ("interval", "months", "ahead"),
    [("month", 1, [7]), ("quarter", 3, [30, 7]), ("year", 12, [60, 30, 7])],
)
def test_notices_go_out_once_at_each_stage(
    alice_in_acme: Membership,
    seller: object,
    now: datetime,
    interval: str,
    months: int,
    ahead: list[int],
) -> None:
    plan = make_plan(make_service(slug="lon"), code="lon", interval=interval)
    subscription = buy(alice_in_acme, plan, now=now, told=False).subscription
    renews_on = subscription.billed_through
    assert months == plan.months

    for days in range(120, -1, -1):
        tell(renews_on - timedelta(days=days))

    notices = RenewalNotice.objects.filter(renews_on=renews_on).order_by("sent_at")
    assert [notice.days_ahead for notice in notices] == ahead
    assert [(renews_on - one.sent_at.astimezone(STOCKHOLM).date()).days for one in notices] == ahead
    assert {notice.net_cents for notice in notices} == {3 * 14900}


def test_notice_goes_to_main_contact_and_billing_people_of_company_and_payer(
    alice_in_acme: Membership, plan: Plan, now: datetime, acme: Company, byra: Company
) -> None:
    clerk = make_user(email="faktura@exempel.se", full_name="Frida Faktura")
    join_company(acme, clerk, Role.BILLING)
    subscription = buy(alice_in_acme, plan, now=now, told=False).subscription
    Subscription.objects.filter(pk=subscription.pk).update(payer=byra)
    jobs.run_all(now=at(RENEWAL - timedelta(days=8)))
    mail.outbox.clear()

    assert tell(RENEWAL - timedelta(days=7)) == 1
    assert tell(RENEWAL - timedelta(days=7)) == 0
    jobs.run_all(now=at(RENEWAL))

    contact = acme.main_contact.user.email
    assert sorted(message.to[0] for message in mail.outbox) == sorted(
        [contact, clerk.email, "berit@exempel.se"]
    )
    own = next(message for message in mail.outbox if message.to == [clerk.email])
    assert "23 dec. 2026" in own.subject
    assert "447,00" in own.body
    assert reverse("billing:subscriptions", args=[acme.pk]) in own.body
    paid = next(message for message in mail.outbox if message.to == ["berit@exempel.se"])
    assert acme.name in paid.body
    assert reverse("billing:bases", args=[byra.pk]) in paid.body
    [event] = Event.objects.filter(action="subscription.renewal_told")
    readers = set(event.audience.values_list("company_id", flat=True))
    assert readers == {acme.pk, byra.pk}


def test_nothing_renews_before_its_notice_has_been_out_for_seven_days(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    subscription = buy(alice_in_acme, plan, now=now, told=False).subscription

    assert run(RENEWAL) == 0, "nobody was told"
    assert count_waiting(RENEWAL) == 1
    tell(RENEWAL)
    [notice] = RenewalNotice.objects.all()
    assert notice.days_ahead == 7
    assert run(RENEWAL + timedelta(days=6)) == 0
    assert run(RENEWAL + timedelta(days=7)) == 1

    line = BasisLine.objects.get(reason="renewal", subscription=subscription)
    assert line.period_start == RENEWAL, "the same period as on time"
    assert line.basis.billing_date == RENEWAL + timedelta(days=7)


def test_run_that_is_late_bills_no_further_than_was_told(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    subscription = buy(alice_in_acme, plan, now=now, told=False).subscription
    tell(RENEWAL - timedelta(days=7))
    late = date(2027, 1, 25)  # two periods have begun

    assert run(late) == 1
    subscription.refresh_from_db()
    assert subscription.billed_through == date(2027, 1, 23)
    tell(late)
    assert run(late + timedelta(days=7)) == 1


def test_late_run_is_told_of_all_its_periods_at_once(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now, told=False)
    late = date(2027, 2, 25)

    assert tell(late) == 3
    assert run(late + timedelta(days=7)) == 3


def test_first_period_after_a_trial_needs_no_notice_of_a_renewal(
    alice_in_acme: Membership, seller: object, now: datetime
) -> None:
    plan = make_plan(make_service(slug="lon"), code="lon", trial_days=5)
    subscription = buy(alice_in_acme, plan, now=now, told=False).subscription
    first = subscription.billed_through

    assert tell(first - timedelta(days=3)) == 0, "it was told of when it was bought"
    assert run(first) == 1


def test_cancelled_and_withdrawn_subscriptions_get_no_notice_but_their_end(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    subscription = buy(alice_in_acme, plan, now=now, told=False).subscription
    cancel_subscription(subscription=subscription, actor=SYSTEM, now=now)

    assert tell(RENEWAL - timedelta(days=7)) == 0
    run(RENEWAL)
    subscription.refresh_from_db()
    assert subscription.ended_on == RENEWAL


def test_untold_renewal_is_not_billed_by_a_cancellation(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    subscription = buy(alice_in_acme, plan, now=now, told=False).subscription

    cancel_subscription(
        subscription=subscription, actor=SYSTEM, now=at(RENEWAL + timedelta(days=3))
    )

    subscription.refresh_from_db()
    assert subscription.cancel_on == RENEWAL
    assert subscription.ended_on == RENEWAL + timedelta(days=3)
    assert not BasisLine.objects.filter(reason="renewal").exists()


def test_look_ahead_counts_on_notices_that_can_still_go_out(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now, told=False)
    coming = date(2027, 1, 25)

    [work] = preview_run(coming, today=now.date())
    assert len(work.lines) == 2
    assert not list(preview_run(coming, today=coming))

    tell_renewals(actor=SYSTEM, now=now, through=coming)
    assert run_billing(as_of=coming, actor=SYSTEM, now=now).lines == 2


def test_notices_that_nobody_sends_raise_the_alarm(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now, told=False)

    assert warn_of_late_run(actor=SYSTEM, now=at(date(2026, 12, 30))) is None
    assert warn_of_late_run(actor=SYSTEM, now=at(date(2026, 12, 31))) == RENEWAL


def test_due_is_one_statement_whatever_the_number(
    alice_in_acme: Membership,
    plan: Plan,
    now: datetime,
    django_assert_num_queries: Callable[[int], object],
) -> None:
    buy(alice_in_acme, plan, now=now)
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        assert list_due_payers(RENEWAL) == [alice_in_acme.company_id]


def test_unused_seats_are_given_up_by_a_link_and_a_confirmation(
    sign_in: Callable[[User], Client],
    alice_in_acme: Membership,
    plan: Plan,
    now: datetime,
    acme: Company,
) -> None:
    subscription = buy(alice_in_acme, plan, quantity=5, now=now, take_seat=True).subscription
    acme, client = alice_in_acme.company, sign_in(alice_in_acme.user)
    url = reverse("billing:unused_seats", args=[acme.pk, subscription.pk])

    page = client.get(reverse("billing:subscriptions", args=[acme.pk]))
    assert url in page.content.decode()
    preview = client.get(url)
    assert 'value="1"' in preview.content.decode()

    Subscription.objects.filter(pk=subscription.pk).update(quantity=F("quantity") - 4)
    assert client.get(url).status_code == 422, "there is nothing left to give up"


def test_lines_link_to_the_events_behind_them(
    sign_in: Callable[[User], Client],
    alice_in_acme: Membership,
    plan: Plan,
    now: datetime,
    acme: Company,
) -> None:
    subscription = buy(alice_in_acme, plan, now=now).subscription
    later = datetime(2026, 12, 23, 5, tzinfo=UTC)
    run_billing(as_of=RENEWAL, actor=SYSTEM, now=later)
    acme, client = alice_in_acme.company, sign_in(alice_in_acme.user)

    for action, line in [
        ("subscription.created", subscription.lines.get(reason="new")),
        ("subscription.renewed", subscription.lines.get(reason="renewal")),
    ]:
        event = Event.objects.get(action=action)
        page = client.get(reverse("billing:basis", args=[acme.pk, line.basis_id]))
        link = f"{reverse('companies:log', args=[acme.pk])}?before={event.pk + 1}#event-{event.pk}"
        assert link in page.content.decode()
        shown = client.get(link).content.decode()
        assert shown.count("<tr id=") >= 1
        assert f'id="event-{event.pk}"' in shown
