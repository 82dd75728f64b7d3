"""Telling the accounts of approved bases: signed, once, again when it failed, and on demand."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from auditlog.models import Event
from billing.models import BasisDelivery, ErpConnection, InvoiceBasis, Plan
from billing.operations import (
    approve_basis,
    disable_connection,
    plan_deliveries,
    record_delivery_attempt,
    replay_delivery,
)
from billing.operations.exports import NothingToTellError
from billing.queries import LONGEST_APPROVAL, count_exports, list_approved
from companies.models import Membership
from tests.billing.accounts import Receiver, connect, receive
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM
from vop.lib import jobs
from vop.lib.outbox.models import Job


@pytest.fixture(autouse=True)
def own_machine_may_be_called(settings: Any) -> None:
    settings.ERP_ALLOWED_HOSTS = ["localhost"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as server:
        yield server


@pytest.fixture
def basis(alice_in_acme: Membership, plan: Plan, now: datetime) -> InvoiceBasis:
    buy(alice_in_acme, plan, now=now)
    return approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)


def work() -> None:
    """Everything that is due, and what was put off after a failure as well."""
    Job.objects.filter(done_at=None).update(run_at=timezone.now())
    jobs.run_all(now=timezone.now())


def test_approved_basis_is_told_of_once(receiver: Receiver, basis: InvoiceBasis) -> None:
    connect(receiver=receiver)
    now = timezone.now()

    assert [plan_deliveries(now=now) for _minute in range(2)] == [1, 0]
    work()
    work()

    [message] = receiver.messages
    delivery = BasisDelivery.objects.get()
    assert receiver.keys == [str(delivery.pk)]
    assert message["type"] == "basis.approved"
    assert message["data"]["number"] == basis.label
    assert message["data"]["content"]["payable_cents"] == 55900
    assert delivery.exported_at is not None
    assert [call.status for call in delivery.calls.all()] == [200]
    assert Event.objects.filter(action="basis.exported", target_id=str(basis.pk)).count() == 1
    counts = count_exports(list_approved())
    assert (counts.exported, counts.acknowledged) == (1, 0)
    assert counts.is_exported


def test_draft_and_what_was_approved_before_are_not_told_of(
    receiver: Receiver, basis: InvoiceBasis, now: datetime
) -> None:
    connect(receiver=receiver, since=now + timedelta(seconds=1))

    assert plan_deliveries(now=now) == 0


def test_failed_call_is_made_again_with_the_same_key_and_bytes(
    receiver: Receiver, basis: InvoiceBasis
) -> None:
    connect(receiver=receiver)
    plan_deliveries(now=timezone.now())
    receiver.status = 503
    work()
    work()
    receiver.status = 204
    work()

    delivery = BasisDelivery.objects.get()
    assert [call.status for call in delivery.calls.order_by("at", "pk")] == [503, 503, 204]
    assert len(set(receiver.keys)) == 1
    assert len(set(receiver.bodies)) == 1
    assert delivery.delivered_at is not None
    failures = Event.objects.filter(action="basis.export_failed")
    assert [event.data["attempts"] for event in failures] == [1]


def test_redirect_is_no_delivery(receiver: Receiver, basis: InvoiceBasis) -> None:
    connect(receiver=receiver)
    plan_deliveries(now=timezone.now())
    receiver.status = 302
    work()

    assert BasisDelivery.objects.get().is_open


def test_receiver_that_never_answers_is_given_up(
    receiver: Receiver, basis: InvoiceBasis, now: datetime
) -> None:
    connect(receiver=receiver)
    plan_deliveries(now=now)
    delivery = BasisDelivery.objects.get()
    for _attempt in range(jobs.MAX_ATTEMPTS):
        record_delivery_attempt(
            delivery=delivery, status=None, error="ConnectionRefusedError", now=now
        )
    delivery.refresh_from_db()

    assert delivery.given_up_at == now
    assert Event.objects.filter(action="basis.export_failed").count() == 2
    work()
    assert receiver.messages == []


def test_replay_tells_it_again_with_the_same_key(
    receiver: Receiver, basis: InvoiceBasis, now: datetime
) -> None:
    connect(receiver=receiver)
    plan_deliveries(now=now)
    work()
    delivery = BasisDelivery.objects.select_related("connection", "basis").get()
    arrived = delivery.exported_at

    for _click in range(2):
        replay_delivery(delivery=delivery, actor=SYSTEM, now=now)
    assert count_exports(list_approved()).exported == 1
    work()

    delivery.refresh_from_db()
    assert receiver.keys == [str(delivery.pk)] * 2
    assert receiver.bodies[0] == receiver.bodies[1]
    assert (delivery.round, delivery.exported_at) == (2, arrived)
    assert Event.objects.filter(action="basis.replayed").count() == 1


def test_what_was_given_up_can_be_replayed(
    receiver: Receiver, basis: InvoiceBasis, now: datetime
) -> None:
    connect(receiver=receiver)
    plan_deliveries(now=now)
    BasisDelivery.objects.update(given_up_at=now)
    delivery = BasisDelivery.objects.select_related("connection", "basis").get()

    replay_delivery(delivery=delivery, actor=SYSTEM, now=now)
    work()

    assert len(receiver.messages) == 1


def test_connection_without_an_address_is_told_of_nothing(
    basis: InvoiceBasis, now: datetime
) -> None:
    connection = connect()
    assert plan_deliveries(now=now) == 0

    delivery = BasisDelivery.objects.create(connection=connection, basis=basis, created_at=now)
    with pytest.raises(NothingToTellError):
        replay_delivery(delivery=delivery, actor=SYSTEM, now=now)


def test_disabled_connection_is_told_of_nothing_more(
    receiver: Receiver, basis: InvoiceBasis, now: datetime
) -> None:
    connection = connect(receiver=receiver)
    plan_deliveries(now=now)
    disable_connection(connection=connection, actor=SYSTEM, now=now)
    work()

    assert receiver.messages == []
    assert plan_deliveries(now=now) == 0
    assert BasisDelivery.objects.get().given_up_at == now


def test_address_inside_is_never_called(
    receiver: Receiver, basis: InvoiceBasis, settings: Any
) -> None:
    connect(receiver=receiver)
    plan_deliveries(now=timezone.now())
    settings.ERP_ALLOWED_HOSTS = []
    work()

    assert receiver.messages == []
    [call] = BasisDelivery.objects.get().calls.all()
    assert (call.status, call.error) == (None, "ForbiddenAddressError")


def test_approval_that_commits_late_is_found(
    receiver: Receiver, alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    """Its instant is older than what was told of meanwhile."""
    connect(receiver=receiver)
    buy(alice_in_acme, plan, now=now)
    plan_deliveries(now=now + timedelta(minutes=30))
    approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)

    assert plan_deliveries(now=now + timedelta(minutes=31)) == 1
    told_through = ErpConnection.objects.get().told_through
    assert told_through == now + timedelta(minutes=31) - LONGEST_APPROVAL


def test_secret_is_sealed_and_in_no_event(receiver: Receiver, basis: InvoiceBasis) -> None:
    connection = connect(receiver=receiver)
    connection.refresh_from_db()

    assert receiver.secret not in connection.signing_secret_sealed
    assert all(receiver.secret not in str(event.data) for event in Event.objects.all())
