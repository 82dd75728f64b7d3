"""Two at once, with threads and real locks, on whichever database the run has."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import Sum

from billing.models import (
    BasisLine,
    BillingBatch,
    BillingRun,
    InvoiceBasis,
    Order,
    Plan,
    Subscription,
)
from billing.operations import approve_basis, buy_plan, run_billing
from billing.queries import preview_order
from companies.models import Company, Membership
from services.models import Entitlement
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate, set_seats
from tests.factories.companies import SYSTEM, make_company
from tests.factories.services import make_service
from vop.lib.errors import DomainError

pytestmark = pytest.mark.django_db(transaction=True)

BOUGHT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LATER = datetime(2026, 12, 23, 5, 0, tzinfo=UTC)
ORG_NUMBERS = ["5560160680", "5567037485", "5560125790"]


def at_once(*works: Callable[[], object]) -> list[str]:
    """Run them in threads of their own, from one starting shot; return how each ended."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], object]) -> str:
        try:
            barrier.wait(timeout=10)
            work()
        except DomainError as error:
            return type(error).__name__
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return sorted(pool.map(run, works))


@pytest.fixture
def plan() -> Plan:
    make_vat_rate()
    make_seller()
    return make_plan(make_service())


@pytest.fixture
def buyers() -> list[Membership]:
    companies = [
        make_company(
            name=f"Bolag {number}",
            owner=make_user(email=f"owner{number}@exempel.se"),
            org_number=org_number,
        )
        for number, org_number in enumerate(ORG_NUMBERS)
    ]
    return [company.main_contact for company in companies]


def place(company: Company, buyer: Membership, plan: Plan, key: uuid.UUID) -> Order:
    now = datetime.now(UTC)
    return buy_plan(
        company=company,
        plan=plan,
        quantity=3,
        buyer=buyer.user,
        preview_sha256=preview_order(company, plan, 3, at=now).sha256,
        request_key=key,
        actor=SYSTEM,
        now=now,
    )


def test_one_form_sent_three_times_at_once_buys_once(buyers: list[Membership], plan: Plan) -> None:
    key = uuid.uuid4()
    buyer = buyers[0]

    ends = at_once(*[lambda: place(buyer.company, buyer, plan, key)] * 3)

    assert ends == ["done"] * 3
    assert Order.objects.count() == Subscription.objects.count() == BasisLine.objects.count() == 1


def test_two_people_buying_the_same_service_at_once_buy_it_once(
    buyers: list[Membership], plan: Plan
) -> None:
    buyer = buyers[0]

    ends = at_once(*[lambda: place(buyer.company, buyer, plan, uuid.uuid4())] * 2)

    assert ends == ["AlreadyEntitledError", "done"]
    assert Entitlement.objects.count() == BasisLine.objects.count() == 1


def test_runs_at_once_bill_each_period_once(buyers: list[Membership], plan: Plan) -> None:
    for buyer in buyers:
        buy(buyer, plan, now=BOUGHT)

    ends = at_once(*[lambda: run_billing(as_of=date(2026, 12, 23), actor=SYSTEM, now=LATER)] * 3)

    assert ends == ["done"] * 3
    assert BasisLine.objects.filter(reason="renewal").count() == 3
    assert BillingRun.objects.count() == 1
    sums = BillingBatch.objects.aggregate(lines=Sum("line_count"), billed=Sum("billed_count"))
    assert sums == {"lines": 3, "billed": 3}


def test_change_and_run_at_once_bill_each_day_once(buyers: list[Membership], plan: Plan) -> None:
    subscription = buy(buyers[0], plan, now=BOUGHT).subscription

    ends = at_once(
        lambda: run_billing(as_of=date(2026, 12, 23), actor=SYSTEM, now=LATER),
        lambda: set_seats(subscription, 5, now=LATER),
    )

    assert set(ends) <= {"done", "PreviewChangedError"}
    lines = BasisLine.objects.exclude(reason="new").order_by("position")
    seats = sum(line.quantity for line in lines)
    assert seats == (5 if "PreviewChangedError" not in ends else 3)
    assert len({line.basis_id for line in lines}) == 1


def test_numbers_stay_unbroken_when_many_approve_at_once(
    buyers: list[Membership], plan: Plan
) -> None:
    for buyer in buyers:
        buy(buyer, plan, now=BOUGHT)
    drafts = list(InvoiceBasis.objects.order_by("pk"))

    ends = at_once(
        *(
            lambda basis=basis: approve_basis(basis=basis, actor=SYSTEM, now=LATER)
            for basis in [*drafts, drafts[0]]
        )
    )

    assert ends == ["AlreadyApprovedError", "done", "done", "done"]
    numbers = InvoiceBasis.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3]


KILLED_RUN = """
import os, signal, sys
import django
sys.path.insert(0, os.getcwd())
django.setup()
from datetime import UTC, date, datetime
from auditlog.actors import Actor
from billing.operations import gathering, run_billing, runs
from django.conf import settings
from django.db import connection

settings.DATABASES["default"]["NAME"] = sys.argv[1]
connection.settings_dict["NAME"] = sys.argv[1]
runs.BATCH_SIZE = 1
writes, original = 0, gathering.insert_rows
def insert_rows(*args, **words):
    global writes
    original(*args, **words)
    writes += 1
    if writes == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
gathering.insert_rows = insert_rows
now = datetime(2026, 12, 23, 5, 0, tzinfo=UTC)
run_billing(as_of=date(2026, 12, 23), actor=Actor.system("killed"), now=now)
"""


def test_run_killed_in_the_middle_is_finished_by_the_next(
    buyers: list[Membership], plan: Plan
) -> None:
    for buyer in buyers:
        buy(buyer, plan, now=BOUGHT)

    for kill_at in (1, 5):  # before the first batch is whole, and in the second
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_RUN, str(connection.settings_dict["NAME"]), str(kill_at)],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert BasisLine.objects.filter(reason="renewal").count() == 1
    assert BillingRun.objects.get().finished_at is None

    report = run_billing(as_of=date(2026, 12, 23), actor=SYSTEM, now=LATER)

    assert report.billed == 2
    assert BasisLine.objects.filter(reason="renewal").count() == 3
    assert BillingRun.objects.get().finished_at is not None
