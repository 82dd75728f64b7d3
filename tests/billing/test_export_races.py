"""Two at once, on whichever database the run has."""

from datetime import UTC, datetime

import pytest

from billing.models import BasisDelivery, ErpConnection, ErpReceipt, InvoiceBasis
from billing.operations import (
    ReceiptFacts,
    acknowledge_basis,
    approve_basis,
    plan_deliveries,
    replay_delivery,
)
from companies.models import Membership
from tests.billing.accounts import connect
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate
from tests.factories.companies import SYSTEM, make_company
from tests.factories.services import make_service
from vop.lib.outbox.models import Job

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def basis() -> InvoiceBasis:
    make_vat_rate()
    make_seller()
    owner = make_user(email="alice@exempel.se", full_name="Alice Ek")
    company = make_company(name="Acme AB", owner=owner, org_number="5560160680")
    buy(Membership.objects.get(company=company), make_plan(make_service()), now=NOW)
    return approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=NOW)


def test_two_planners_tell_of_a_basis_once(basis: InvoiceBasis) -> None:
    connect(webhook_url="https://erp.example/hook")

    ended = at_once(*[lambda: plan_deliveries(now=NOW)] * 3)

    assert ended == ["done"] * 3
    assert BasisDelivery.objects.count() == 1
    assert Job.objects.filter(task="billing.deliver_basis").count() == 1


def test_two_clicks_replay_once(basis: InvoiceBasis) -> None:
    connection = connect(webhook_url="https://erp.example/hook")
    delivery = BasisDelivery.objects.create(
        connection=connection, basis=basis, created_at=NOW, exported_at=NOW, delivered_at=NOW
    )

    at_once(*[lambda: replay_delivery(delivery=delivery, actor=SYSTEM, now=NOW)] * 2)

    delivery.refresh_from_db()
    assert delivery.round == 2
    assert Job.objects.filter(task="billing.deliver_basis").count() == 1


def acknowledge(basis: InvoiceBasis, connection: ErpConnection, number: str) -> ErpReceipt:
    facts = ReceiptFacts(number, basis.payable_cents, basis.currency)
    return acknowledge_basis(basis=basis, connection=connection, facts=facts, actor=SYSTEM, now=NOW)


def test_one_receipt_wins_also_between_two_systems(basis: InvoiceBasis) -> None:
    one, other = connect(name="Fortnox"), connect(name="Visma")

    ended = at_once(
        lambda: acknowledge(basis, one, "F-1"),
        lambda: acknowledge(basis, one, "F-1"),
        lambda: acknowledge(basis, other, "V-1"),
    )

    assert "AlreadyAcknowledgedError" in ended
    assert set(ended) == {"AlreadyAcknowledgedError", "done"}
    assert ErpReceipt.objects.count() == 1
