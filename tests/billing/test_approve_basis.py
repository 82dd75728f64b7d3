from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from billing.models import (
    BasisLine,
    InvoiceBasis,
    NumberSeries,
    Plan,
    Seller,
    SubscriptionChange,
    VatTotal,
)
from billing.operations import (
    AlreadyApprovedError,
    MakerApprovesError,
    approve_basis,
    buy_plan,
    run_billing,
)
from billing.operations.runs import open_run
from billing.queries import preview_order
from companies.models import Company, Membership
from tests.factories.billing import buy, make_plan
from tests.factories.companies import SYSTEM
from tests.factories.services import make_service


@pytest.fixture
def draft(alice_in_acme: Membership, plan: Plan, now: datetime) -> InvoiceBasis:
    buy(alice_in_acme, plan, quantity=3, now=now)
    return InvoiceBasis.objects.get()


def test_approval_numbers_hashes_and_tells(
    draft: InvoiceBasis, acme: Company, now: datetime
) -> None:
    assert InvoiceBasis.objects.get(number=None) == draft

    approve_basis(basis=draft, actor=SYSTEM, now=now)

    draft.refresh_from_db()
    assert (draft.state, draft.series, draft.number) == ("approved", "U2026", 1)
    assert len(draft.content_sha256) == 64
    assert draft.seller_snapshot["name"] == "vop AB"
    assert draft.customer_snapshot["org_number"] == "556016-0680"
    assert Event.objects.for_company(acme.pk).filter(action="basis.approved").count() == 1
    with pytest.raises(AlreadyApprovedError):
        approve_basis(basis=draft, actor=SYSTEM, now=now)


def test_numbers_have_no_gaps(
    draft: InvoiceBasis,
    mallory: User,
    other: Company,
    membership_of: Callable[[User, Company], Membership],
    plan: Plan,
    now: datetime,
) -> None:
    buy(membership_of(mallory, other), plan, now=now)
    second = InvoiceBasis.objects.get(company=other)
    Seller.objects.update(is_current=False)
    with pytest.raises(Exception, match="NoSellerError"):
        approve_basis(basis=draft, actor=SYSTEM, now=now)
    Seller.objects.update(is_current=True)

    approve_basis(basis=second, actor=SYSTEM, now=now)
    approve_basis(basis=draft, actor=SYSTEM, now=now)

    numbers = InvoiceBasis.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2]
    assert NumberSeries.objects.get().last == 2


def test_nobody_approves_what_they_caused(
    alice: User, acme: Company, plan: Plan, now: datetime
) -> None:
    who = Actor("staff", str(alice.pk), "Alice")
    buy_plan(
        company=acme,
        plan=plan,
        quantity=1,
        buyer=alice,
        preview_sha256=preview_order(acme, plan, 1, at=now).sha256,
        request_key=plan.pk,
        actor=Actor("person", str(alice.pk), "Alice"),
        now=now,
    )

    with pytest.raises(MakerApprovesError):
        approve_basis(basis=InvoiceBasis.objects.get(), actor=who, now=now)


def test_nobody_approves_what_they_renewed_in_a_run_that_another_began(
    alice_in_acme: Membership, staff: User, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now)
    later = now + timedelta(days=30)
    open_run(as_of=later.date(), actor=SYSTEM, now=later)
    who = Actor("staff", str(staff.pk), "Stina")
    run_billing(as_of=later.date(), actor=who, now=later)
    basis = InvoiceBasis.objects.get(billing_date=later.date())

    with pytest.raises(MakerApprovesError):
        approve_basis(basis=basis, actor=who, now=later)

    approve_basis(basis=basis, actor=SYSTEM, now=later)


def test_purchase_after_approval_opens_another_basis(
    draft: InvoiceBasis, alice_in_acme: Membership, now: datetime
) -> None:
    approve_basis(basis=draft, actor=SYSTEM, now=now)

    buy(alice_in_acme, make_plan(make_service(slug="lon", name="Lön"), code="lon"), now=now)

    assert InvoiceBasis.objects.drafts().count() == 1
    assert BasisLine.objects.filter(basis=draft).count() == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda basis: InvoiceBasis.objects.filter(pk=basis.pk).update(net_cents=1),
        lambda basis: InvoiceBasis.objects.filter(pk=basis.pk).update(
            state="draft", number=None, content_sha256="", approved_at=None
        ),
        lambda basis: BasisLine.objects.filter(basis=basis).update(net_cents=1),
        lambda basis: BasisLine.objects.filter(basis=basis).update(text="x"),
        lambda basis: VatTotal.objects.filter(basis=basis).update(vat_cents=1),
        lambda basis: VatTotal.objects.create(
            basis=basis, category="standard", rate=6, base_cents=0, vat_cents=0
        ),
        lambda basis: BasisLine.objects.filter(basis=basis).delete(),
        lambda basis: VatTotal.objects.filter(basis=basis).delete(),
        lambda basis: InvoiceBasis.objects.filter(pk=basis.pk)._raw_delete("default"),
        lambda _basis: SubscriptionChange.objects.update(payload={}),
        lambda _basis: SubscriptionChange.objects.all()._raw_delete("default"),
    ],
)
def test_database_refuses_to_change_what_is_approved(
    draft: InvoiceBasis, now: datetime, change: Callable[[InvoiceBasis], object]
) -> None:
    approve_basis(basis=draft, actor=SYSTEM, now=now)

    with pytest.raises(DatabaseError), transaction.atomic():
        change(draft)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL can truncate")
@pytest.mark.parametrize("table", ["invoicebasis", "basisline", "vattotal", "subscriptionchange"])
def test_database_refuses_to_empty_what_is_approved(
    draft: InvoiceBasis, now: datetime, table: str
) -> None:
    approve_basis(basis=draft, actor=SYSTEM, now=now)
    connection.check_constraints()  # with some left to check it is refused for that alone

    with (
        pytest.raises(DatabaseError, match="never changes"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TRUNCATE billing_{table} CASCADE")


def test_same_period_cannot_be_billed_twice(draft: InvoiceBasis) -> None:
    line = BasisLine.objects.get()
    line.pk = None
    line._state.adding = True
    line.position = 2

    with pytest.raises(DatabaseError), transaction.atomic():
        line.save()


def test_company_data_changed_before_approval_reaches_the_basis(
    draft: InvoiceBasis, acme: Company, now: datetime
) -> None:
    Company.objects.filter(pk=acme.pk).update(invoice_city="Umeå")

    approve_basis(basis=draft, actor=SYSTEM, now=now + timedelta(days=2))

    draft.refresh_from_db()
    assert draft.customer_snapshot["city"] == "Umeå"
    assert draft.billing_date == date(2026, 11, 23)
