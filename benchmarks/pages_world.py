"""Companies of a size, made in bulk by the models: benchmarks/pages.py and its test open them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import uuid4

from accounts.models import User
from auditlog.actors import Actor
from auditlog.operations import Entry, audit_each
from billing.models import InvoiceBasis, Plan, Price, Subscription, Terms
from companies.events import MemberEvent
from companies.models import (
    Assignment,
    Company,
    Invitation,
    Mandate,
    Membership,
    Role,
    RoleGrant,
    SupportGrant,
)
from companies.operations import open_review
from services.models import (
    AssignmentItem,
    Entitlement,
    MandateItem,
    Package,
    Seat,
    Service,
    ServiceRole,
)
from vop.lib.db import use_case

START = datetime.now(UTC) - timedelta(days=40)
END = START + timedelta(days=365)
BATCH = 1000
TERMS = "2020-01"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Size:
    """How much a company has of everything."""

    members: int
    services: int
    mandates: int
    clients: int
    events: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A company whose pages are opened, by whom, and what their addresses name."""

    company: Company
    viewer: User
    arguments: dict[str, object]


@use_case
def make_catalogue(services: int) -> list[ServiceRole]:
    """Offer services, each with one role and one plan; return the roles with their services."""
    roles = []
    plans = []
    for number in range(services):
        service = Service(
            slug=f"tjanst-{number}", name=f"Tjänst {number}", tagline="", launch_url="https://t.se/"
        )
        roles.append(ServiceRole(service=service, code="user", name="User", is_default=True))
        plans.append(
            Plan(
                service=service,
                code=f"plan-{number}",
                name="Bas",
                interval="month",
                pricing="per_unit",
                vat_class="standard",
                rank=number,
            )
        )
    Service.objects.bulk_create([role.service for role in roles])
    ServiceRole.objects.bulk_create(roles)
    Plan.objects.bulk_create(plans)
    Price.objects.bulk_create(
        Price(
            plan=plan,
            unit_price=Decimal("99.00"),
            valid_from=date(2020, 1, 1),
            known_from=date(2020, 1, 1),
        )
        for plan in plans
    )
    Terms.objects.create(
        version=TERMS, text_sv="Villkor", text_en="Terms", valid_from=date(2020, 1, 1),
        sha256="0" * 64, published_at=START,
    )  # fmt: skip
    return roles


@use_case
def make_subject(size: Size, roles: Sequence[ServiceRole], firms: Sequence[Company]) -> Subject:
    """Make a customer of a size with mandates to some firms, seen by its owner."""
    [company] = _found([f"Kundbolaget {next(_numbers)} AB"])
    members = _join(company, size.members)
    entitlements = Entitlement.objects.bulk_create(
        Entitlement(
            company=company, service=role.service, seat_limit=size.members, valid_from=START
        )
        for role in roles[: size.services]
    )
    some = list(zip(entitlements, roles, strict=False))[:5]
    seats = Seat.objects.bulk_create(
        (
            Seat(entitlement=entitlement, membership=member, role=role, valid_from=START)
            for entitlement, role in some
            for member in [company.main_contact, *members]
        ),
        batch_size=BATCH,
    )
    mandates = [
        _agree([company], firm, [roles[0].service], ended=number >= len(firms))[0]
        for number, firm in enumerate(firms[k % len(firms)] for k in range(size.mandates))
    ]
    for mandate in mandates[: len(firms)]:
        _assign([mandate], list(mandate.firm.memberships.all()[:3]))
    subscription, basis = _sell(company, entitlements, size)
    _tell(company, members, size.events)
    arguments: dict[str, object] = {
        "membership_id": members[-1].pk,
        "mandate_id": mandates[0].pk,
        "slug": some[0][0].service.slug,
        "seat_id": seats[1].pk,
        "plan_code": Plan.objects.get(service=roles[-1].service).code,
        "subscription_id": subscription.pk,
        "basis_id": basis.pk,
        "version": TERMS,
    }
    return Subject(company, company.main_contact.user, arguments)


def make_firms(number: int) -> list[Company]:
    """Make firms of a few people each."""
    return [
        make_firm(Size(members=5, services=0, mandates=0, clients=0, events=0), []).company
        for _ in range(number)
    ]


def make_firm(size: Size, roles: Sequence[ServiceRole]) -> Subject:
    """Make a firm with clients, seen by somebody who may administer a service at each of them.

    Three people work for each client.
    """
    subject = _make_firm(size, roles)
    if size.clients:
        open_review(firm=subject.company, now=datetime.now(UTC))
    return subject


@use_case
def _make_firm(size: Size, roles: Sequence[ServiceRole]) -> Subject:
    [firm] = _found([f"Byrån {next(_numbers)} AB"], kind="accounting")
    members = _join(firm, size.members)
    if not size.clients:
        return Subject(firm, firm.main_contact.user, {})
    clients = _found([f"Klienten {next(_numbers)} AB" for _ in range(size.clients)])
    service = roles[0].service
    Entitlement.objects.bulk_create(
        Entitlement(company=client, service=service, seat_limit=5, valid_from=START)
        for client in clients
    )
    mandates = _agree(clients, firm, [service])
    helper = members[0]
    RoleGrant.objects.create(membership=helper, role=Role.CLIENT_ADMIN, valid_from=START)
    for number, part in enumerate(mandates[k : k + BATCH] for k in range(0, size.clients, BATCH)):
        others = [members[(number + k) % (len(members) - 1) + 1] for k in (0, 1)]
        _assign(part, [helper, *others])
    InvoiceBasis.objects.bulk_create(
        (_draft(client, date.today()) for client in clients),  # noqa: DTZ011 (any day will do)
        batch_size=BATCH,
    )
    arguments: dict[str, object] = {"membership_id": members[-1].pk, "mandate_id": mandates[0].pk}
    return Subject(firm, helper.user, arguments)


def _found(names: Sequence[str], kind: str = "") -> list[Company]:
    """Make companies, each with its owner as main contact."""
    companies = [
        Company(
            name=name, org_number=_org_number(), firm_kind=kind, language="sv", created_at=START
        )
        for name in names
    ]
    owners = [_person() for _ in companies]
    members = [
        Membership(company=company, user=owner, valid_from=START)
        for company, owner in zip(companies, owners, strict=True)
    ]
    for company, member in zip(companies, members, strict=True):
        company.main_contact = member
    User.objects.bulk_create(owners, batch_size=BATCH)
    Company.objects.bulk_create(companies, batch_size=BATCH)
    Membership.objects.bulk_create(members, batch_size=BATCH)
    RoleGrant.objects.bulk_create(
        (RoleGrant(membership=member, role=Role.OWNER, valid_from=START) for member in members),
        batch_size=BATCH,
    )
    return companies


def _join(company: Company, number: int) -> list[Membership]:
    people = User.objects.bulk_create((_person() for _ in range(number)), batch_size=BATCH)
    members = Membership.objects.bulk_create(
        (Membership(company=company, user=person, valid_from=START) for person in people),
        batch_size=BATCH,
    )
    RoleGrant.objects.bulk_create(
        (
            RoleGrant(
                membership=member,
                role=Role.MEMBER if number % 50 else Role.ADMIN,
                valid_from=START,
            )
            for number, member in enumerate(members)
        ),
        batch_size=BATCH,
    )
    return members


def _agree(
    clients: Sequence[Company], firm: Company, services: Sequence[Service], *, ended: bool = False
) -> list[Mandate]:
    """Let a firm act for clients; items come before the approval, as in life."""
    asker = firm.main_contact.user
    mandates = Mandate.objects.bulk_create(
        (
            Mandate(
                client=client, firm=firm, requested_side="firm", requested_by=asker,
                requested_at=START, answer_by=END, valid_from=START, valid_until=END,
                ended_at=START + timedelta(days=1) if ended else None,
                end_reason=Mandate.End.BY_CLIENT if ended else "",
                settled_at=START + timedelta(days=1) if ended else None,
            )
            for client in clients
        ),
        batch_size=BATCH,
    )  # fmt: skip
    MandateItem.objects.bulk_create(
        (
            MandateItem(mandate=mandate, service=service, package=package)
            for mandate in mandates
            for service in services
            for package in Package
        ),
        batch_size=BATCH,
    )
    keys = [mandate.pk for mandate in mandates]
    approver = clients[0].main_contact.user
    Mandate.objects.filter(pk__in=keys).update(approved_at=START, approved_by=approver)
    return list(Mandate.objects.filter(pk__in=keys).with_parties().by_client())


def _assign(mandates: Sequence[Mandate], members: Sequence[Membership]) -> None:
    assignments = Assignment.objects.bulk_create(
        (
            Assignment(
                mandate=mandate, membership=member, user=member.user, valid_from=START,
                valid_until=END, assigned_by=mandate.client.main_contact.user,
            )
            for mandate in mandates
            for member in members
        ),
        batch_size=BATCH,
    )  # fmt: skip
    items: dict[object, list[MandateItem]] = {mandate.pk: [] for mandate in mandates}
    for item in MandateItem.objects.filter(mandate__in=mandates).order_by("pk"):
        items[item.mandate_id].append(item)
    AssignmentItem.objects.bulk_create(
        (
            AssignmentItem(assignment=assignment, item=item)
            for assignment in assignments
            for item in items[assignment.mandate_id]
        ),
        batch_size=BATCH,
    )


def _sell(
    company: Company, entitlements: Sequence[Entitlement], size: Size
) -> tuple[Subscription, InvoiceBasis]:
    plans = {plan.service_id: plan for plan in Plan.objects.order_by("pk")}
    today = START.date()
    subscriptions = Subscription.objects.bulk_create(
        Subscription(
            company=company, payer=company, plan=plans[each.service_id], entitlement=each,
            quantity=size.members, paid_quantity=size.members, anchor=today, bought_on=today,
            billed_through=today + timedelta(days=365),
        )
        for each in entitlements
    )  # fmt: skip
    bases = InvoiceBasis.objects.bulk_create(
        _draft(company, today - timedelta(days=number)) for number in range(size.services)
    )
    return subscriptions[0], bases[0]


def _draft(company: Company, day: date) -> InvoiceBasis:
    return InvoiceBasis(company=company, billing_date=day, currency="SEK", created_at=START)


@use_case
def open_doors(subject: Subject) -> None:
    """Add what a company has a few of: invitations, and times when support was let in."""
    company, viewer = subject.company, subject.viewer
    Invitation.objects.bulk_create(
        Invitation(
            company=company, email=f"ny{number}@exempel.se", roles=["member"], invited_by=viewer,
            created_at=START, expires_at=END,
        )
        for number in range(5)
    )  # fmt: skip
    SupportGrant.objects.create(
        company=company, source="customer", reason="Ärende 4711", opened_by=viewer,
        valid_from=START, valid_until=START + timedelta(days=7),
    )  # fmt: skip


def _tell(company: Company, members: Sequence[Membership], events: int) -> None:
    """Write a log; about each member some days of it."""
    for start in range(0, events, 2000):
        entries = [
            Entry(company.ref, members[number % len(members)].user.ref, {})
            for number in range(start, min(start + 2000, events))
        ]
        at = START + timedelta(minutes=start)
        audit_each(MemberEvent.DEACTIVATED, entries, actor=Actor.system("benchmark"), now=at)


def _person() -> User:
    number = next(_numbers)
    return User(email=f"b{number}@exempel.se", full_name=f"Bo Bergström {number}", sub=uuid4())


def _org_number() -> str:
    """Return a number that is valid by Luhn."""
    base = f"55{next(_numbers):07d}"
    total = sum(sum(divmod(int(c) * (2 - n % 2), 10)) for n, c in enumerate(base))
    return f"{base}{-total % 10}"
