"""The demo's trade: a catalogue, purchases, seats, and a year of billing runs.

Runs stop before today, so that one renewal is due; bases of the last days are still drafts.
"""

import functools
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from billing.models import BillingRun, InvoiceBasis, Plan
from billing.operations import (
    PlanFacts,
    SellerFacts,
    TermsFacts,
    approve_basis,
    approve_run,
    buy_plan,
    publish_terms,
    run_billing,
    save_plan,
    save_seller,
    set_price,
    set_vat_rate,
    tell_renewals,
    work_run,
)
from billing.queries import preview_order
from companies.models import Company, Membership
from services.models import Entitlement, Service
from services.operations import assign_seat
from vop.demo.people import SYSTEM, as_person, get_user, make_secret
from vop.demo.timeline import Timeline
from vop.demo.world import COMPANIES, FIRM, NORTHERN, SERVICES, DemoCompany
from vop.lib.clock import STOCKHOLM, local_date

_KEPT_AS_DRAFT = timedelta(days=3)
_APPROVER = "bo@vop.example"
_INTERVAL_CODES = {"month": "manad", "year": "ar"}
_INTERVAL_NAMES = {"month": "Månad", "year": "År"}
_TERMS = TermsFacts(
    version="2025-10",
    text_sv=(
        "Abonnemanget löper period för period tills det sägs upp. Det kan sägas upp när som helst"
        " till slutet av den betalda perioden.\n\n"
        "Priserna är utan moms. En ny prislista når den som redan har köpt först från den dag som"
        " anges för tidigare köpare.\n\n"
        "Uppgifterna i tjänsterna är kundens, också när abonnemanget är slut."
    ),
    text_en=(
        "The subscription goes on period after period until it is cancelled. It can be cancelled"
        " at any time, to the end of the paid period.\n\n"
        "Prices are without VAT. A new price reaches those who have bought already only from the"
        " day that is set for earlier buyers.\n\n"
        "What is in the services belongs to the customer, also when the subscription has ended."
    ),
    valid_from=date(2025, 1, 1),
)
_YEARLY_DISCOUNT = Decimal(10)  # twelve months for the price of ten


def plan_trade(timeline: Timeline, *, start: datetime, now: datetime) -> None:
    """Lay out a year of purchases and billing."""
    timeline.at(start, _make_catalogue)
    first = local_date(start) + timedelta(days=1)
    for company in COMPANIES:
        for number, slug in enumerate(company.services):
            day = _purchase_day(company, slug, first, local_date(now))
            bought = _at(day, 9, 10 + 7 * number)
            timeline.at(bought, functools.partial(_buy, company, slug))
            joined = {m.email: m.joined_days_ago for m in company.members if m.joined_days_ago}
            for minutes, (email, role) in enumerate(company.services[slug][1], start=1):
                since = now - timedelta(days=joined[email] - 1) if email in joined else bought
                seated = since + timedelta(minutes=minutes)
                timeline.at(seated, functools.partial(_seat, company, slug, email, role))
    day = first
    while day < local_date(now):
        timeline.at(_at(day, 6, 20), _run)
        timeline.at(_at(day, 7, 15), _tell)
        timeline.at(_at(day, 10, 5), _approve)
        day += timedelta(days=1)


def _purchase_day(company: DemoCompany, slug: str, first: date, today: date) -> date:
    """Spread the purchases; one subscription's period ends today, and another's did yesterday."""
    if (company, slug) == (NORTHERN, "tid"):
        return _same_day_last_year(today)
    if (company, slug) == (FIRM, "bokforing"):
        return _same_day_last_year(today - timedelta(days=1))
    return first + timedelta(days=company.serial % 28 + len(slug))


def _same_day_last_year(day: date) -> date:
    return day.replace(year=day.year - 1, day=min(day.day, 28))


def _at(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), STOCKHOLM)


def _make_catalogue(now: datetime) -> None:
    save_seller(
        facts=SellerFacts(
            name="vop AB",
            org_number="5599000014",
            vat_number="SE559900001401",
            street="Rådhusesplanaden 2",
            postcode="903 28",
            city="Umeå",
            email="faktura@vop.example",
        ),
        actor=SYSTEM,
        now=now,
    )
    publish_terms(facts=_TERMS, actor=SYSTEM, now=now)
    set_vat_rate(
        vat_class="standard",
        country="SE",
        rate=Decimal(25),
        valid_from=date(1990, 7, 1),
        valid_to=None,
        actor=SYSTEM,
        now=now,
    )
    for demo in SERVICES:
        service = Service.objects.get(slug=demo.slug)
        monthly = Decimal(demo.monthly_price)
        _make_plan(service, "month", monthly, now)
        _make_plan(service, "year", monthly * _YEARLY_DISCOUNT, now)


def _make_plan(service: Service, interval: str, price: Decimal, now: datetime) -> None:
    plan = save_plan(
        facts=PlanFacts(
            service=service,
            code=f"{service.slug}-{_INTERVAL_CODES[interval]}",
            name=_INTERVAL_NAMES[interval],
            interval=interval,
            pricing="per_unit",
            rank=list(_INTERVAL_CODES).index(interval),
        ),
        actor=SYSTEM,
        now=now,
    )
    set_price(
        plan=plan,
        unit_price=price,
        valid_from=local_date(now),
        existing_from=None,
        actor=SYSTEM,
        now=now,
    )


def _buy(demo: DemoCompany, slug: str, now: datetime) -> None:
    company = Company.objects.get(org_number=demo.org_number)
    interval = "ar" if demo.serial % 3 == 0 and demo is not FIRM else "manad"
    plan = Plan.objects.get(code=f"{slug}-{interval}")
    seats, _people = demo.services[slug]
    owner = get_user(demo.owner)
    buy_plan(
        company=company,
        plan=plan,
        quantity=seats,
        buyer=owner,
        preview_sha256=preview_order(company, plan, seats, at=now).sha256,
        request_key=uuid.UUID(make_secret(f"order:{company.pk}:{slug}")[:32]),
        actor=as_person(owner),
        now=now,
    )


def _seat(demo: DemoCompany, slug: str, email: str, role: str, now: datetime) -> None:
    entitlement = Entitlement.objects.get(
        company__org_number=demo.org_number, service__slug=slug, valid_until=None
    )
    assign_seat(
        entitlement=entitlement,
        membership=Membership.objects.get(
            company=entitlement.company_id, user__email=email, valid_until=None
        ),
        role=entitlement.service.roles.get(code=role),
        actor=as_person(get_user(demo.owner)),
        now=now,
    )


def _tell(now: datetime) -> None:
    tell_renewals(actor=SYSTEM, now=now)


def _run(now: datetime) -> None:
    run_billing(as_of=local_date(now), actor=SYSTEM, now=now)


def _approve(now: datetime) -> None:
    old = local_date(now) - _KEPT_AS_DRAFT
    approver = as_person(get_user(_APPROVER))
    for run in BillingRun.objects.filter(state="billed", as_of__lte=old).order_by("as_of", "pk"):
        seen = run.sha256_to_approve
        approve_run(run=run, preview_sha256=seen, actor=approver, now=now)
        work_run(run=run, actor=SYSTEM, now=now)
    drafts = InvoiceBasis.objects.filter(state=InvoiceBasis.State.DRAFT, billing_date__lte=old)
    for basis in drafts.order_by("billing_date", "pk"):
        approve_basis(basis=basis, actor=approver, now=now)
