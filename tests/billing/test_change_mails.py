"""Every change of a subscription is confirmed by mail: to who made it, and to who pays for it."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import timezone

from auditlog.actors import Actor
from billing.models import Plan, Subscription
from billing.operations import (
    SeatsTakenError,
    cancel_subscription,
    change_plan,
    change_seats,
    undo_cancellation,
)
from billing.queries import preview_plan, preview_seats
from companies.models import Company, Membership, Role
from services.operations import assign_seat
from tests.billing.test_payer import agree, make_firm, mandate_of, pay
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan
from tests.factories.companies import SYSTEM, join_company
from vop.lib import jobs
from vop.lib.outbox.models import Job

Post = Callable[[], Mapping[str, EmailMessage]]


@pytest.fixture
def subscription(alice_in_acme: Membership, plan: Plan, now: datetime) -> Subscription:
    """3 seats at 149 kr, and an owner, a clerk who gets the bills, and a buyer who gets neither."""
    join_company(alice_in_acme.company, make_user(email="faktura@exempel.se"), Role.BILLING)
    return buy(alice_in_acme, plan, quantity=3, now=now).subscription


@pytest.fixture
def doer(acme: Company) -> Actor:
    """An administrator: no main contact, and without the billing role."""
    admin = make_user(email="admin@exempel.se", full_name="Adam Admin")
    join_company(acme, admin, Role.ADMIN)
    return Actor("person", str(admin.pk), admin.display_name)


@pytest.fixture
def read_post(subscription: Subscription) -> Post:
    """Return the mails that were sent since, by address; each got one."""
    jobs.run_all(now=timezone.now())
    mail.outbox.clear()

    def read() -> Mapping[str, EmailMessage]:
        jobs.run_all(now=timezone.now())
        found = {message.to[0]: message for message in mail.outbox}
        assert len(found) == len(mail.outbox), "nobody gets the same news twice"
        mail.outbox.clear()
        return found

    return read


def seats(subscription: Subscription, quantity: int, doer: Actor, now: datetime) -> uuid.UUID:
    key = uuid.uuid4()
    change_seats(
        subscription=subscription,
        quantity=quantity,
        preview_sha256=preview_seats(subscription, quantity, at=now).sha256,
        request_key=key,
        actor=doer,
        now=now,
    )
    subscription.refresh_from_db()
    return key


EVERYBODY = {"admin@exempel.se", "alice@exempel.se", "faktura@exempel.se"}


def test_more_seats_are_confirmed_with_what_they_cost(
    subscription: Subscription, doer: Actor, read_post: Post, now: datetime
) -> None:
    seats(subscription, 5, doer, now)

    post = read_post()

    assert set(post) == EVERYBODY
    for message in post.values():
        assert "Adam Admin har ändrat antalet licenser" in message.body
        assert "Licenser: 5, tidigare 3" in message.body
        assert "298,00" in message.body, "two more for the whole period"
        assert "745,00" in message.body, "five at the renewal"
        assert reverse("billing:subscriptions", args=[subscription.company_id]) in message.body


def test_fewer_seats_cost_nothing_now(
    subscription: Subscription, doer: Actor, read_post: Post, now: datetime
) -> None:
    seats(subscription, 2, doer, now)

    body = read_post()["admin@exempel.se"].body

    assert "Inget att betala nu" in body
    assert "298,00" in body


def test_same_form_again_and_a_refusal_send_nothing(
    subscription: Subscription,
    doer: Actor,
    read_post: Post,
    alice_in_acme: Membership,
    now: datetime,
) -> None:
    key = seats(subscription, 5, doer, now)
    read_post()
    change_seats(
        subscription=subscription,
        quantity=9,
        preview_sha256="",
        request_key=key,
        actor=doer,
        now=now,
    )
    role = subscription.plan.service.roles.get(is_default=True)
    for number in range(2):
        member = join_company(
            subscription.company, make_user(email=f"{number}@exempel.se"), Role.MEMBER
        )
        assign_seat(
            entitlement=subscription.entitlement, membership=member, role=role, actor=SYSTEM,
            now=now,
        )  # fmt: skip
    waiting = Job.objects.filter(task="vop.send_mail", done_at=None).count()
    with pytest.raises(SeatsTakenError):
        seats(subscription, 1, doer, now)

    assert Job.objects.filter(task="vop.send_mail", done_at=None).count() == waiting


@pytest.mark.parametrize(("wait", "when"), [(False, "i dag"), (True, "vid förnyelsen")])
def test_another_plan_is_confirmed_with_when_it_begins(
    subscription: Subscription,
    doer: Actor,
    read_post: Post,
    now: datetime,
    *,
    wait: bool,
    when: str,
) -> None:
    dear = make_plan(subscription.plan.service, code="bokforing-plus", name="Plus", price="249.00")
    change_plan(
        subscription=subscription,
        plan=dear,
        wait=wait,
        preview_sha256=preview_plan(subscription, dear, wait=wait, at=now).sha256,
        request_key=uuid.uuid4(),
        actor=doer,
        now=now,
    )

    post = read_post()

    assert set(post) == EVERYBODY
    body = post["admin@exempel.se"].body
    assert "Plan: Plus, tidigare Bas" in body
    assert f"Börjar: {when}" in body
    assert ("Inget att betala nu" in body) == wait
    assert ("300,00" in body) == (not wait), "447 kr back, 747 kr charged"


def test_plan_that_is_taken_back_is_confirmed(
    subscription: Subscription, doer: Actor, read_post: Post, now: datetime
) -> None:
    cheap = make_plan(subscription.plan.service, code="bokforing-mini", name="Mini", price="49.00")
    for plan in (cheap, subscription.plan):
        subscription.refresh_from_db()
        change_plan(
            subscription=subscription,
            plan=plan,
            wait=False,
            preview_sha256=preview_plan(subscription, plan, wait=False, at=now).sha256,
            request_key=uuid.uuid4(),
            actor=doer,
            now=now,
        )
        post = read_post()

    assert "ångrat planbytet" in post["admin@exempel.se"].body
    assert "Bas" in post["admin@exempel.se"].body


def test_cancellation_and_its_undoing_are_confirmed(
    subscription: Subscription, doer: Actor, read_post: Post, now: datetime
) -> None:
    cancel_subscription(subscription=subscription, actor=doer, now=now)
    cancelled = read_post()
    undo_cancellation(subscription=subscription, actor=doer, now=now + timedelta(hours=1))
    undone = read_post()

    assert set(cancelled) == set(undone) == EVERYBODY
    body = cancelled["faktura@exempel.se"].body
    assert "Adam Admin har sagt upp Bokföring, Bas" in body
    assert "22 dec. 2026" in body, "the last day, not the one after"
    assert "23 dec. 2026" in undone["faktura@exempel.se"].body, "the renewal"


def test_firm_that_pays_is_told_and_led_to_its_own_page(
    subscription: Subscription, plan: Plan, doer: Actor, read_post: Post, now: datetime
) -> None:
    firm = make_firm("Siffra Redovisning AB", "5569876542")
    mandate_of(subscription.company, firm, plan, now=now)
    agree(firm, subscription.company, now=now)
    pay(subscription, firm, now=now)
    jobs.run_all(now=timezone.now())
    mail.outbox.clear()

    subscription.refresh_from_db()
    seats(subscription, 4, doer, now)

    post = read_post()
    assert set(post) == EVERYBODY | {firm.main_contact.user.email}
    body = post[firm.main_contact.user.email].body
    assert subscription.company.name in body
    assert reverse("billing:bases", args=[firm.pk]) in body


def test_system_that_changes_something_gets_no_mail(
    subscription: Subscription, read_post: Post, now: datetime
) -> None:
    cancel_subscription(subscription=subscription, actor=SYSTEM, now=now)

    assert set(read_post()) == EVERYBODY - {"admin@exempel.se"}
