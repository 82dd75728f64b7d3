"""What else the demo sells, and to whom: tiers, discounts, a coming price, a firm that pays."""

import functools
import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import translation

from billing import engine
from billing.models import Plan, Subscription
from billing.operations import (
    PlanFacts,
    change_plan,
    change_references,
    give_payer_consent,
    save_plan,
    set_discount,
    set_payer,
    set_price,
)
from billing.queries import preview_plan
from billing.rendering import make_payer_consent
from companies.models import Company
from services.models import Service
from services.operations import Answer
from vop.demo.people import SYSTEM, as_person, get_user, make_secret
from vop.demo.timeline import Timeline
from vop.demo.world import CLIENTS, FIRM, NORTHERN, SUNROSE, DemoCompany
from vop.lib.clock import local_date

_A_DAY = timedelta(days=1)
_TIERS = (engine.Tier(3, Decimal("149.00")), engine.Tier(10, Decimal("119.00")))


def plan_offers(timeline: Timeline, *, now: datetime) -> None:
    """Lay out the last months: each of them once."""
    for days, act in (
        (70, _offer_tiers),
        (60, functools.partial(_agree_to_pay, CLIENTS[0])),
        (59, functools.partial(_let_firm_pay, CLIENTS[0])),
        (50, functools.partial(_change_to_tiers, SUNROSE)),
        (40, functools.partial(_thank, NORTHERN)),
        (25, functools.partial(_refer, SUNROSE)),
        (20, _campaign),
        (5, _announce_price),
    ):
        timeline.at(now - days * _A_DAY, act)


def _offer_tiers(now: datetime) -> None:
    plan = save_plan(
        facts=PlanFacts(
            service=Service.objects.get(slug="lon"),
            code="lon-niva",
            name="Nivå",
            description="Tre licenser ingår, fler blir billigare ju fler ni är.",
            interval="month",
            pricing="tiered",
            rank=2,
        ),
        actor=SYSTEM,
        now=now,
    )
    set_price(
        plan=plan,
        unit_price=Decimal("490.00"),
        valid_from=local_date(now),
        existing_from=None,
        tiers=_TIERS,
        actor=SYSTEM,
        now=now,
    )


def _campaign(now: datetime) -> None:
    today = local_date(now)
    set_discount(
        of=Plan.objects.get(code="kvitto-manad"),
        name="Höstkampanj",
        kind="percent",
        value=Decimal(25),
        valid_from=today,
        valid_to=today + 90 * _A_DAY,
        actor=SYSTEM,
        now=now,
    )


def _announce_price(now: datetime) -> None:
    today = local_date(now)
    set_price(
        plan=Plan.objects.get(code="bokforing-manad"),
        unit_price=Decimal("259.00"),
        valid_from=today + 35 * _A_DAY,
        existing_from=today + 95 * _A_DAY,
        actor=SYSTEM,
        now=now,
    )


def _thank(demo: DemoCompany, now: datetime) -> None:
    today = local_date(now)
    set_discount(
        of=_subscription(demo, "tid"),
        name="Trogen kund",
        kind="percent",
        value=Decimal(10),
        valid_from=today,
        valid_to=today + 365 * _A_DAY,
        actor=SYSTEM,
        now=now,
    )


def _change_to_tiers(demo: DemoCompany, now: datetime) -> None:
    subscription, plan = _subscription(demo, "lon"), Plan.objects.get(code="lon-niva")
    change_plan(
        subscription=subscription,
        plan=plan,
        wait=False,
        preview_sha256=preview_plan(subscription, plan, wait=False, at=now).sha256,
        request_key=uuid.UUID(make_secret(f"plan:{subscription.company_id}")[:32]),
        actor=as_person(get_user(demo.owner)),
        now=now,
    )


def _refer(demo: DemoCompany, now: datetime) -> None:
    change_references(
        subscription=_subscription(demo, "bokforing"),
        po_number="PO-2026-118",
        reference="Karin, kontoret",
        actor=as_person(get_user(demo.owner)),
        now=now,
    )


def _agree_to_pay(demo: DemoCompany, now: datetime) -> None:
    owner, firm, client = get_user(FIRM.owner), _company(FIRM), _company(demo)
    with translation.override("sv"):
        text = make_payer_consent(firm, client, method="pwd")
        give_payer_consent(
            firm=firm,
            client=client,
            answer=Answer(text.sha256, text.method),
            person=owner,
            actor=as_person(owner),
            now=now,
        )


def _let_firm_pay(demo: DemoCompany, now: datetime) -> None:
    set_payer(
        subscription=_subscription(demo, "bokforing"),
        payer=_company(FIRM),
        actor=as_person(get_user(demo.owner)),
        now=now,
    )


def _subscription(demo: DemoCompany, slug: str) -> Subscription:
    rows = Subscription.objects.running().select_related("company", "payer", "plan__service")
    return rows.select_related("entitlement", "price", "next_plan").get(
        company__org_number=demo.org_number, plan__service__slug=slug
    )


def _company(demo: DemoCompany) -> Company:
    return Company.objects.get(org_number=demo.org_number)
