"""Making the demo world, through the same operations that people use."""

import functools
import random
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Group

from accounts.models import User
from accounts.operations import create_person, deactivate_person, record_sign_in
from companies.models import Company, Membership
from companies.operations import (
    InvoiceFacts,
    add_member,
    choose_company,
    register_company,
    update_invoice_address,
)
from companies.queries import get_default_membership
from services.operations import RoleFacts, ServiceFacts, create_service
from statuspage.operations import publish_site
from vop.demo.clients import make_clients
from vop.demo.mandates import plan_mandates
from vop.demo.offers import plan_offers
from vop.demo.people import (
    SYSTEM,
    as_person,
    get_user,
    make_password,
    make_secret,
    make_totp_secret,
)
from vop.demo.pictures import PICTURE_TEXTS, draw_picture
from vop.demo.status import plan_status
from vop.demo.timeline import Timeline
from vop.demo.trade import plan_trade
from vop.demo.world import COMPANIES, PEOPLE, SERVICES, STAFF, DemoCompany, DemoMember, DemoPerson
from vop.lib.clock import STOCKHOLM, local_date
from vop.lib.db import use_case

PAST = timedelta(days=400)
_SIGN_INS_ON_A_WORKDAY = 0.15  # how likely a person is to sign in


def is_built() -> bool:
    """Tell whether the demo world is there already."""
    return Company.objects.filter(org_number=COMPANIES[-1].org_number).exists()


def build(*, now: datetime) -> None:
    """Make the demo world, with a year behind it."""
    start = now - PAST
    timeline = Timeline()
    timeline.at(start, _make_services)
    timeline.at(start, _make_people)
    timeline.at(start, make_clients)
    for company in COMPANIES:
        founded = start + timedelta(hours=company.serial)
        timeline.at(founded, functools.partial(_found, company))
        for number, member in enumerate(company.members, start=1):
            joined = founded + timedelta(minutes=20 * number)
            if member.joined_days_ago is not None:
                joined = now - timedelta(days=member.joined_days_ago)
            timeline.at(joined, functools.partial(_let_in, company, member))
    _plan_disabling(timeline, now)
    _plan_sign_ins(timeline, start + timedelta(days=20), now)
    plan_mandates(timeline, now=now)
    plan_trade(timeline, start=start + timedelta(days=8), now=now)
    plan_offers(timeline, now=now)
    plan_status(timeline, start=start, now=now)
    timeline.play(until=now)
    publish_site(out=settings.STATUS_DIR, now=now)


# --- Catalogue, people, companies ----------------------------------------------------------------


def _make_services(now: datetime) -> None:
    for service in SERVICES:
        create_service(
            facts=ServiceFacts(
                slug=service.slug,
                name=service.name,
                tagline=service.tagline,
                description=service.description,
                picture_alt=PICTURE_TEXTS[service.slug],
                launch_url=f"{settings.DEMO_SERVICE_URL}/{service.slug}/",
            ),
            roles=[
                RoleFacts(code, name, is_default=number == 0, rank=number)
                for number, (code, name) in enumerate(service.roles)
            ],
            picture=draw_picture(service.slug),
            actor=SYSTEM,
            now=now,
        )


@use_case
def _make_people(now: datetime) -> None:
    for person in (*PEOPLE, *STAFF):
        user = create_person(
            email=person.email,
            full_name=person.full_name,
            language="sv",
            password=make_password(),
            actor=SYSTEM,
            now=now,
        )
        if person.has_totp:
            _add_totp(user)
        if person.staff_groups:
            _make_staff(user, person.staff_groups)


def _add_totp(user: User) -> None:
    secret = get_mfa_adapter().encrypt(make_totp_secret(user.email))
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": secret})


def _make_staff(user: User, groups: Sequence[str]) -> None:
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    user.groups.set(Group.objects.filter(name__in=groups))


def _found(demo: DemoCompany, now: datetime) -> None:
    owner = get_user(demo.owner)
    company = register_company(
        name=demo.name,
        org_number=demo.org_number,
        owner=owner,
        firm_kind=demo.firm_kind,
        vat_number=f"SE{demo.org_number}01",
        actor=as_person(owner),
        now=now,
    )
    update_invoice_address(
        company=company,
        facts=InvoiceFacts(
            invoice_recipient="",
            invoice_street=demo.street,
            invoice_postcode=demo.postcode,
            invoice_city=demo.city,
            invoice_country="SE",
            invoice_email=demo.owner,
            invoice_reference=owner.full_name,
        ),
        version=company.version,
        acting=company.main_contact,
        actor=as_person(owner),
        now=now,
    )


@use_case
def _let_in(demo: DemoCompany, member: DemoMember, now: datetime) -> Membership:
    return add_member(
        company=Company.objects.get(org_number=demo.org_number),
        user=get_user(member.email),
        roles=member.roles,
        actor=as_person(get_user(demo.owner)),
        now=now,
    )


def _plan_disabling(timeline: Timeline, now: datetime) -> None:
    def disable(person: DemoPerson, moment: datetime) -> None:
        deactivate_person(user=get_user(person.email), actor=SYSTEM, now=moment)

    for person in PEOPLE:
        if not person.is_active:
            timeline.at(now - timedelta(days=30), functools.partial(disable, person))


# --- A year of sign-ins --------------------------------------------------------------------------


def _plan_sign_ins(timeline: Timeline, start: datetime, now: datetime) -> None:
    """Let people sign in as people do: on workdays, mostly in the morning and after lunch."""
    dice = random.Random(2026)  # noqa: S311 (the same year in every demo, no secret)
    hours = [7, 8, 8, 8, 9, 9, 10, 11, 13, 13, 14, 15, 16, 20]
    day = local_date(start)
    while day <= local_date(now):
        for person in PEOPLE:
            likely = _SIGN_INS_ON_A_WORKDAY if day.isoweekday() <= 5 else 0.02  # noqa: PLR2004
            if dice.random() < likely:
                clock = time(dice.choice(hours), dice.randrange(60), dice.randrange(60))
                moment = datetime.combine(day, clock, STOCKHOLM)
                timeline.at(moment, functools.partial(_sign_in, person.email))
        day += timedelta(days=1)


def _sign_in(email: str, now: datetime) -> None:
    user = get_user(email)
    if not user.is_active:
        return
    methods = (
        ("pwd", "otp", "mfa") if Authenticator.objects.filter(user=user).exists() else ("pwd",)
    )
    reference = make_secret(f"session:{email}:{now.isoformat()}")[:16]
    actor = as_person(user)
    record_sign_in(user=user, session_ref=reference, methods=methods, actor=actor, now=now)
    membership = get_default_membership(user, at=now)
    if membership is not None:
        choose_company(membership=membership, actor=actor, now=now + timedelta(seconds=4))
