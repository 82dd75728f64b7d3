"""What `benchmarks/billing.py` has beside it: a database full of customers, workers, raw SQL.

Run as `python -m benchmarks.billing_yard COMMAND …` with vop's environment: `fill`, `open`,
`preview`, `approve`, `run`, `alone`.
"""

import json
import os
import resource
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vop.settings")
django.setup()

from django.db import connection
from django.db.models import Model

from accounts.models import User
from auditlog.actors import Actor
from billing.models import InvoiceBasis, Plan, RenewalNotice, Subscription
from billing.operations import (
    PlanFacts,
    SellerFacts,
    TermsFacts,
    approve_run,
    buy_plan,
    publish_terms,
    save_plan,
    save_seller,
    set_price,
    set_vat_rate,
)
from billing.operations.runs import open_run, preview_run_batches, work_run
from billing.queries import get_basis_page, get_run, preview_order, stages_of
from billing.rendering import render_pdf
from companies.models import Company, Membership, RoleGrant
from services.models import Entitlement, Service, ServiceRole
from vop.lib.db import use_case

AS_OF: Final = date(2026, 11, 25)
NOW: Final = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
MAKER: Final = Actor.system("benchmark")
SERVICES: Final = ("bokforing", "lon", "fakturering", "tid")  # each customer has them all
FILL: Final = Path(__file__).with_name("billing_fill.sql")
PURCHASES: Final = 50
DOCUMENTS: Final = 15


def fill(subscriptions: int) -> None:
    """Fill an empty database: a customer for every four subscriptions, all due."""
    plans = make_catalogue()
    make_customers(plans, subscriptions // len(plans))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def make_catalogue() -> list[Plan]:
    """Four services with a plan each, by the month, quarter and year, with last year's prices."""
    long_ago = datetime(2024, 1, 1, tzinfo=UTC)
    set_vat_rate(
        vat_class="standard", country="SE", rate=Decimal(25), valid_from=date(1990, 7, 1),
        valid_to=None, actor=MAKER, now=long_ago,
    )  # fmt: skip
    publish_terms(
        facts=TermsFacts("bench", "Villkor", "Terms", date(2020, 1, 1)), actor=MAKER, now=long_ago
    )
    save_seller(
        facts=SellerFacts(
            name="vop AB", org_number="559999-0013", vat_number="SE559999001301",
            street="Storgatan 1", postcode="111 22", city="Stockholm", email="faktura@vop.example",
        ),
        actor=MAKER, now=long_ago,
    )  # fmt: skip
    return [
        make_plan(slug, interval, price, long_ago)
        for slug, interval, price in zip(
            SERVICES,
            ("month", "month", "quarter", "year"),
            ("149.00", "89.50", "299.00", "1990.00"),
            strict=True,
        )
    ]


@use_case
def make_service(slug: str) -> Service:
    service = Service.objects.create(
        slug=slug, name=slug.title(), tagline=slug, launch_url="https://exempel.se/"
    )
    ServiceRole.objects.create(service=service, code="user", name="Användare", is_default=True)
    return service


def make_plan(slug: str, interval: str, price: str, now: datetime) -> Plan:
    facts = PlanFacts(
        service=make_service(slug), code=slug, name="Bas", interval=interval, pricing="per_unit"
    )
    plan = save_plan(facts=facts, actor=MAKER, now=now)
    for year, rise in [(2024, 0), (2026, 10)]:
        since = date(year, 1, 1)
        set_price(
            plan=plan, unit_price=Decimal(price) + rise, valid_from=since, existing_from=since,
            actor=MAKER, now=datetime(year, 1, 1, tzinfo=UTC),
        )  # fmt: skip
    return plan


@use_case
def make_customers(plans: list[Plan], count: int) -> None:
    """Make the first customer by the models, and the others of it by a few statements."""
    for row in make_customer(plans):
        row.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table that waits can't be told apart
        cursor.execute("SELECT set_config('bench.others', %s, true)", [str(count - 1)])
        cursor.execute(FILL.read_text())


def make_customer(plans: list[Plan]) -> Iterator[Model]:
    """Return a customer with an owner and a subscription of every plan, told of its renewal."""
    began = datetime(2025, 3, 1, tzinfo=UTC)
    user = User(email="p0@exempel.se", full_name="Pia Person 0", created_at=began)
    company = Company(
        name="Bolag 0 AB", org_number="5560000000", vat_number="SE556000000001",
        invoice_recipient="Bolag 0 AB", invoice_street="Storgatan 0", invoice_postcode="111 22",
        invoice_city="Stockholm", invoice_email="faktura0@exempel.se",
        main_contact_id=uuid.uuid4(), created_at=began,
    )  # fmt: skip
    yield user
    yield company
    owner = Membership(id=company.main_contact_id, company=company, user=user, valid_from=began)
    yield owner
    yield RoleGrant(membership=owner, role="owner", valid_from=began)
    for plan in plans:
        entitlement = Entitlement(
            company=company, service_id=plan.service_id, seat_limit=1, valid_from=began
        )
        yield entitlement
        bought_on = AS_OF.replace(year=2025)
        subscription = Subscription(
            company=company, payer=company, plan=plan, entitlement=entitlement,
            quantity=1, paid_quantity=1, anchor=bought_on, bought_on=bought_on,
            billed_through=AS_OF, price=max(plan.prices.all(), key=attrgetter("valid_from")),
        )  # fmt: skip
        yield subscription
        for stage in stages_of(plan.months):
            yield RenewalNotice(
                subscription=subscription, renews_on=AS_OF, days_ahead=stage, quantity=1,
                net_cents=0, told=[str(user.id)], sent_at=NOW - timedelta(days=stage + 3),
            )  # fmt: skip


def open_today() -> str:
    return str(open_run(as_of=AS_OF, actor=MAKER, now=NOW).pk)


def approve(run_id: str) -> None:
    run = get_run(uuid.UUID(run_id))
    approver = Actor("staff", "benchmark", "Bo")
    approve_run(run=run, preview_sha256=run.preview_sha256, actor=approver, now=NOW)


def work(what: str, run_id: str) -> dict[str, float]:
    """Do a worker's share of a run, and tell what it took."""
    run = get_run(uuid.UUID(run_id))
    memory = watch_memory()
    idle = time.process_time()
    print("ready", flush=True)  # whoever kills waits for this: to kill a start proves nothing
    start = time.monotonic()
    if what == "preview":
        preview_run_batches(run=run, now=NOW)
    else:
        work_run(run=run, actor=MAKER, now=NOW)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.monotonic() - start,
        "cpu_seconds": used.ru_utime + used.ru_stime - idle,
        "max_rss_mb": used.ru_maxrss / 1024,
        "half_way_rss_mb": memory[len(memory) // 2],
    }


def watch_memory() -> list[float]:
    """Return a list that grows by this process's memory, in MB, every second."""
    seen: list[float] = []

    def watch() -> None:
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
            time.sleep(1)

    threading.Thread(target=watch, daemon=True).start()
    return seen


def measure_alone() -> dict[str, Any]:
    """Measure a purchase by a customer, and a document: medians, in milliseconds."""
    plan = make_plan("arkiv", "month", "49.00", datetime(2024, 1, 1, tzinfo=UTC))
    companies = Company.objects.order_by("pk")[: PURCHASES + 1]
    bases = InvoiceBasis.objects.exclude(number=None).order_by("number")[: DOCUMENTS + 1]
    return {
        "purchase": describe([partial(purchase, company, plan) for company in companies]),
        "pdf": describe([partial(draw, basis) for basis in bases]),
    }


def draw(basis: InvoiceBasis) -> None:
    """What the first look at a document does."""
    render_pdf(get_basis_page(basis), "sv")


def purchase(company: Company, plan: Plan) -> None:
    """What the confirmation of a purchase does."""
    buy_plan(
        company=company, plan=plan, quantity=3, buyer=company.main_contact.user,
        preview_sha256=preview_order(company, plan, 3, at=NOW).sha256,
        request_key=uuid.uuid4(), actor=MAKER, now=NOW,
    )  # fmt: skip


def describe(works: list[Callable[[], object]]) -> dict[str, float]:
    """Do each work; the first one warms up."""
    wall, cpu = [], []
    for one in works:
        start = time.perf_counter(), time.process_time()
        one()
        wall.append(1000 * (time.perf_counter() - start[0]))
        cpu.append(1000 * (time.process_time() - start[1]))
    return {
        "ms": round(statistics.median(wall[1:]), 1),
        "lowest_ms": round(min(wall[1:]), 1),
        "cpu_ms": round(statistics.median(cpu[1:]), 1),
    }


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command == "fill":
        fill(int(words[0]))
    elif command == "open":
        print(open_today())
    elif command == "approve":
        approve(words[0])
    elif command == "alone":
        print(json.dumps(measure_alone()))
    else:
        print(json.dumps(work(command, words[0])))
