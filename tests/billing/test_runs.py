"""A run from preview to issue: who agrees to what, and what happens to those left out."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from billing.models import (
    BasisLine,
    BillingBatch,
    BillingRun,
    BillingRunItem,
    ExchangeRate,
    InvoiceBasis,
    NumberSeries,
    Plan,
    Subscription,
    VatNumberCheck,
)
from billing.operations import (
    BasisHeldError,
    MakerApprovesError,
    NothingToCreditError,
    NotIssuedError,
    NotPositiveError,
    PreviewChangedError,
    RateExistsError,
    RunBegunError,
    RunClosedError,
    approve_basis,
    approve_run,
    check_vat_numbers,
    credit_basis,
    prepare_run,
    release_held_bases,
    run_billing,
    set_exchange_rate,
    work_run,
)
from billing.operations import runs as operations
from billing.protocol import VatAnswer, read_vies
from billing.queries import get_basis_page, get_run_totals, reconcile
from billing.rendering import hash_content
from companies.models import Company, Membership
from tests.factories.billing import buy, make_plan, make_vat_rate, set_seats
from tests.factories.companies import SYSTEM
from tests.factories.services import make_service
from vop.lib import jobs

LATER = datetime(2026, 12, 23, 5, 0, tzinfo=UTC)
DAY = date(2026, 12, 23)
ANNA, BO = Actor("staff", "anna", "Anna"), Actor("staff", "bo", "Bo")


@pytest.fixture
def two(
    alice_in_acme: Membership,
    mallory: User,
    other: Company,
    membership_of: Callable[[User, Company], Membership],
    plan: Plan,
    now: datetime,
) -> tuple[Subscription, Subscription]:
    """3 seats of Acme and 2 of another company, due on 23 December."""
    ours = buy(alice_in_acme, plan, quantity=3, now=now).subscription
    theirs = buy(membership_of(mallory, other), plan, quantity=2, now=now).subscription
    return ours, theirs


def prepare(at: datetime = LATER, by: Actor = ANNA) -> BillingRun:
    run = prepare_run(as_of=at.date(), actor=by, now=at)
    assert run is not None
    return run


def approve(run: BillingRun, by: Actor = BO) -> BillingRun:
    run.refresh_from_db()
    sha256 = run.sha256_to_approve
    return approve_run(run=run, preview_sha256=sha256, actor=by, now=LATER)


def work(run: BillingRun) -> BillingRun:
    report = work_run(run=run, actor=SYSTEM, now=LATER)
    assert report.run is not None
    return report.run


def assert_adds_up(run: BillingRun) -> None:
    wrong = [check for check in reconcile(run) if not check.holds and not check.waits]
    assert wrong == []


def test_run_goes_from_preview_over_approval_to_issue(
    two: tuple[Subscription, Subscription],
) -> None:
    run = prepare()
    totals = get_run_totals(run)
    assert (run.state, totals.due, totals.lines, totals.nets) == ("preview", 2, 2, {"SEK": 74500})
    assert not BasisLine.objects.filter(reason="renewal").exists()

    approve(run)
    jobs.run_all(now=LATER)

    run.refresh_from_db()
    assert (run.state, run.billed_sha256) == ("issued", run.preview_sha256)
    bases = InvoiceBasis.objects.filter(run=run).order_by("number")
    assert [(basis.series, basis.number) for basis in bases] == [("U2026", 1), ("U2026", 2)]
    for basis in bases:
        assert basis.content_sha256 == hash_content(get_basis_page(basis))
    assert_adds_up(run)
    actions = Event.objects.filter(action__startswith="basis.run_").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "basis.run_previewed", "basis.run_approved", "basis.run_started", "basis.run_issued",
    ]  # fmt: skip


def test_maker_never_approves_and_the_hash_must_be_the_one_seen(
    two: tuple[Subscription, Subscription],
) -> None:
    run = prepare()

    with pytest.raises(MakerApprovesError):
        approve(run, by=ANNA)
    with pytest.raises(MakerApprovesError):
        approve(run, by=SYSTEM)
    with pytest.raises(PreviewChangedError):
        approve_run(run=run, preview_sha256="0" * 64, actor=BO, now=LATER)
    approve(run)
    with pytest.raises(RunClosedError):
        approve_run(run=run, preview_sha256=run.preview_sha256, actor=BO, now=LATER)
    with pytest.raises(RunBegunError):
        prepare()


@pytest.mark.parametrize(
    "values",
    [
        {"approved_by": F("made_by"), "approved_at": LATER},
        {"state": "approved"},
        {"state": "issued"},
        {"started_by": "bo", "approved_by": "bo", "approved_at": LATER},
    ],
)
def test_database_knows_the_four_eyes(
    two: tuple[Subscription, Subscription], values: dict[str, Any]
) -> None:
    run = prepare()

    with pytest.raises(DatabaseError), transaction.atomic():
        BillingRun.objects.filter(pk=run.pk).update(**values)


def test_customer_that_changed_since_the_approval_waits_for_the_next_run(
    two: tuple[Subscription, Subscription],
) -> None:
    run = prepare()
    set_seats(two[0], 5, now=LATER - timedelta(days=1))
    approve(run)

    run = work(run)

    item = BillingRunItem.objects.get()
    assert (item.company, item.state) == (two[0].payer, "skipped")
    assert run.state == "issued"
    assert run.billed_sha256 != run.preview_sha256
    totals = get_run_totals(run)
    assert (totals.due, totals.billed, totals.skipped, totals.parked) == (2, 1, 1, 0)
    assert_adds_up(run)
    next_run = prepare(LATER + timedelta(days=1))
    assert get_run_totals(next_run).due == 1
    approve(next_run)
    work_run(run=next_run, actor=SYSTEM, now=LATER + timedelta(days=1))
    assert BasisLine.objects.filter(reason="renewal").count() == 2


def test_run_without_approval_bills_drafts_and_is_issued_by_one_given_afterwards(
    two: tuple[Subscription, Subscription],
) -> None:
    run = run_billing(as_of=DAY, actor=ANNA, now=LATER).run
    assert run is not None
    assert (run.state, run.preview_sha256) == ("billed", "")
    assert InvoiceBasis.objects.filter(run=run, number=None).count() == 2
    with pytest.raises(MakerApprovesError):
        approve(run, by=ANNA)

    approve(run)
    run = work(run)

    assert run.state == "issued"
    assert NumberSeries.objects.get().last == 2
    assert_adds_up(run)


def test_preview_made_anew_drops_the_old_one(two: tuple[Subscription, Subscription]) -> None:
    first = prepare()
    seen = first.preview_sha256
    set_seats(two[0], 5, now=LATER - timedelta(days=1))

    again = prepare(by=BO)

    assert again.pk == first.pk
    assert again.preview_sha256 != seen
    assert again.made_by == "bo"
    tomorrow = prepare(LATER + timedelta(days=1))
    assert list(BillingRun.objects.all()) == [tomorrow]


def test_batch_that_the_database_refuses_is_billed_by_the_customer(
    two: tuple[Subscription, Subscription], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = BasisLine.objects.get(subscription=two[0])
    period = {"period_start": DAY, "period_end": date(2027, 1, 23)}
    BasisLine.objects.filter(pk=line.pk).update(**period)  # as if it had been billed already

    run = run_billing(as_of=DAY, actor=SYSTEM, now=LATER).run

    assert run is not None
    item = BillingRunItem.objects.get()
    assert (item.company, item.state) == (two[0].payer, "parked")
    assert "IntegrityError" in item.error
    totals = get_run_totals(run)
    assert (totals.due, totals.billed, totals.parked) == (2, 1, 1)
    two[1].refresh_from_db()
    assert two[1].billed_through == date(2027, 1, 23)


def test_periods_of_a_subscription_never_overlap(two: tuple[Subscription, Subscription]) -> None:
    line = BasisLine.objects.get(subscription=two[0])
    line.pk, line.position, line._state.adding = None, 2, True
    line.period_start += timedelta(days=3)

    with pytest.raises(DatabaseError), transaction.atomic():
        line.save()
    line.term = 1
    line.save()  # a plan changed at once begins a term of its own


def test_many_batches_cover_everybody_once(
    two: tuple[Subscription, Subscription], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "BATCH_SIZE", 1)
    run = prepare()
    assert run.batches.count() == 2
    approve(run)

    run = work(run)

    batches = BillingBatch.objects.filter(run=run).order_by("number")
    assert [(batch.due_count, batch.billed_count) for batch in batches] == [(1, 1), (1, 1)]
    assert batches[0].until_payer == batches[1].first_payer
    assert_adds_up(run)


def test_same_run_gives_the_same_bytes(
    two: tuple[Subscription, Subscription],
) -> None:
    class TakenBackError(Exception):
        pass

    def bill() -> list[str]:
        hashes: list[str] = []
        point = transaction.savepoint()
        run = run_billing(as_of=DAY, actor=SYSTEM, now=LATER).run
        assert run is not None
        hashes += InvoiceBasis.objects.order_by("pk").values_list("body_sha256", flat=True)
        transaction.savepoint_rollback(point)
        return hashes

    assert bill() == bill()


def test_reconciliation_finds_a_basis_that_is_wrong(
    two: tuple[Subscription, Subscription],
) -> None:
    run = run_billing(as_of=DAY, actor=SYSTEM, now=LATER).run
    assert run is not None
    InvoiceBasis.objects.filter(run=run).update(
        net_cents=F("net_cents") + 1, payable_cents=F("payable_cents") + 1
    )

    assert sum(not check.holds and not check.waits for check in reconcile(run)) == 2


# --- Credits --------------------------------------------------------------------------------------


def test_credit_mirrors_what_remains_and_refers_to_its_basis(
    two: tuple[Subscription, Subscription],
) -> None:
    run = prepare()
    approve(run)
    work(run)
    basis = InvoiceBasis.objects.get(run=run, company=two[0].payer)

    credit = credit_basis(basis=basis, actor=ANNA, now=LATER)

    assert (credit.credits, credit.kind, credit.net_cents) == (basis, "credit", -basis.net_cents)
    assert (credit.vat_cents, credit.payable_cents) == (-basis.vat_cents, -basis.payable_cents)
    [line] = BasisLine.objects.filter(basis=credit)
    assert line.credits is not None
    assert line.change is not None
    assert (line.reason, line.credits.basis, line.change.kind) == ("credit", basis, "credit")
    assert credit_basis(basis=basis, actor=ANNA, now=LATER) == credit
    with pytest.raises(MakerApprovesError):
        approve_basis(basis=credit, actor=ANNA, now=LATER)
    approve_basis(basis=credit, actor=BO, now=LATER)
    with pytest.raises(NothingToCreditError):
        credit_basis(basis=basis, actor=ANNA, now=LATER)


def test_draft_is_not_credited(two: tuple[Subscription, Subscription]) -> None:
    basis = InvoiceBasis.objects.get(company=two[0].payer)

    with pytest.raises(NotIssuedError):
        credit_basis(basis=basis, actor=ANNA, now=LATER)


# --- One basis for what? --------------------------------------------------------------------------


def test_purchase_order_numbers_have_bases_of_their_own(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    pay = make_plan(make_service(slug="lon", name="Lön"), code="lon")
    buy(alice_in_acme, plan, now=now)
    buy(alice_in_acme, pay, now=now)
    Subscription.objects.filter(plan=pay).update(po_number="4711")

    run_billing(as_of=DAY, actor=SYSTEM, now=LATER)

    renewed = InvoiceBasis.objects.filter(billing_date=DAY).order_by("po_number")
    assert [basis.po_number for basis in renewed] == ["", "4711"]


def test_run_adds_to_the_draft_of_the_day(
    two: tuple[Subscription, Subscription], alice_in_acme: Membership
) -> None:
    pay = make_plan(make_service(slug="lon", name="Lön"), code="lon", price="100")
    buy(alice_in_acme, pay, quantity=1, now=LATER)

    run = run_billing(as_of=DAY, actor=SYSTEM, now=LATER).run

    assert run is not None
    basis = InvoiceBasis.objects.get(company=two[0].payer, billing_date=DAY)
    assert (basis.run, basis.net_cents) == (run, 54700)
    assert [line.position for line in BasisLine.objects.filter(basis=basis).in_order()] == [1, 2]
    assert_adds_up(run)


# --- Abroad ---------------------------------------------------------------------------------------


@pytest.fixture
def finnish(acme: Company) -> Company:
    acme.country, acme.vat_number = "FI", "FI01120389"
    acme.save()
    make_vat_rate(country="FI", rate="25.5")
    return acme


def test_reverse_charge_waits_for_the_check_of_the_vat_number(
    finnish: Company, two: tuple[Subscription, Subscription]
) -> None:
    basis = InvoiceBasis.objects.get(company=finnish)
    assert (basis.vat_cents, basis.held_for) == (0, "vat_number")
    with pytest.raises(BasisHeldError):
        approve_basis(basis=basis, actor=BO, now=LATER)
    run = prepare()
    approve(run)
    work(run)
    assert InvoiceBasis.objects.get(run=run, number=None).company == finnish

    VatNumberCheck.objects.create(
        vat_number="FI01120389", is_valid=True, asked_at=LATER, answered_at=LATER
    )
    approve_basis(basis=basis, actor=BO, now=LATER)

    basis.refresh_from_db()
    assert (basis.state, basis.held_for) == ("approved", "")


def test_vat_in_foreign_currency_is_told_in_sek_too(
    alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    Plan.objects.filter(pk=plan.pk).update(currency="EUR")
    plan.refresh_from_db()
    buy(alice_in_acme, plan, quantity=3, now=now)
    basis = InvoiceBasis.objects.get()
    assert (basis.held_for, basis.vat_sek_cents, basis.rounding_cents) == ("exchange_rate", None, 0)

    ExchangeRate.objects.create(
        currency="EUR", on=date(2026, 11, 20), rate=Decimal("11.0225"), source="Riksbanken"
    )
    approve_basis(basis=basis, actor=BO, now=now)

    basis.refresh_from_db()
    assert (basis.vat_cents, basis.vat_sek_cents) == (11175, 123176)
    assert (basis.fx_rate, basis.fx_date) == (Decimal("11.0225"), date(2026, 11, 20))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_rows_go_in_by_copy(two: tuple[Subscription, Subscription]) -> None:
    plan = two[0].plan
    Plan.objects.filter(pk=plan.pk).update(name="Bas\t\\N\nrad")

    run_billing(as_of=DAY, actor=SYSTEM, now=LATER)

    texts = set(BasisLine.objects.filter(reason="renewal").values_list("text", flat=True))
    assert texts == {"Bokföring, Bas\t\\N\nrad"}


def answer(*, is_valid: bool | None) -> Callable[[str], VatAnswer]:
    return lambda _number: VatAnswer(is_valid, "WAPI-1")


def test_numbers_are_asked_about_until_the_register_answers(
    finnish: Company,
    two: tuple[Subscription, Subscription],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = prepare()
    approve(run)
    work(run)
    settings.VAT_LOOKUP = "tests.billing.test_runs.look_up"
    monkeypatch.setitem(globals(), "look_up", answer(is_valid=None))

    assert check_vat_numbers(actor=SYSTEM, now=LATER) == 0
    assert release_held_bases(actor=SYSTEM, now=LATER) == 0
    monkeypatch.setitem(globals(), "look_up", answer(is_valid=True))
    assert check_vat_numbers(actor=SYSTEM, now=LATER) == 0, "it was asked just now"
    later = LATER + timedelta(hours=1)
    assert check_vat_numbers(actor=SYSTEM, now=later) == 1

    assert release_held_bases(actor=SYSTEM, now=later) == 2
    renewed = InvoiceBasis.objects.get(run=run, company=finnish)
    assert (renewed.state, renewed.number, renewed.vat_cents) == ("approved", 2, 0)
    bought = InvoiceBasis.objects.get(run=None, company=finnish)
    assert (bought.state, bought.held_for) == ("draft", "")
    check = VatNumberCheck.objects.get()
    assert (check.is_valid, check.receipt) == (True, "WAPI-1")


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ({"userError": "VALID", "requestIdentifier": "X"}, True),
        ({"userError": "INVALID"}, False),
        ({"userError": "MS_UNAVAILABLE", "isValid": False}, None),
        ({}, None),
        ([], None),
    ],
)
def test_vies_that_is_down_says_nothing(told: object, *, verdict: bool | None) -> None:
    assert read_vies(told).is_valid is verdict


def test_rate_is_set_once_a_day(db: None) -> None:
    def set_rate(rate: str) -> None:
        set_exchange_rate(
            currency="EUR", on=DAY, rate=Decimal(rate), source="ECB", actor=ANNA, now=LATER
        )

    set_rate("11.02")
    with pytest.raises(RateExistsError):
        set_rate("11.03")
    with pytest.raises(NotPositiveError):
        set_rate("0")
    assert Event.objects.filter(action="exchange_rate.set").count() == 1
