"""Rows of some weeks of work, for `access.py`: written straight, many at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db import connection, transaction

from accounts.models import User
from companies.models import Assignment, Company, Mandate, Membership, RoleGrant
from services.models import (
    AssignmentItem,
    Entitlement,
    MandateItem,
    Seat,
    Service,
    ServiceRole,
)


@dataclass(frozen=True)
class World:
    """Who is there, and since when."""

    start: datetime
    person: User
    boss: User
    service: Service
    role: ServiceRole

    def found(self, number: int, kind: str = "") -> Company:
        company = Company(
            name=f"Bolag {number}", org_number=f"{number:010d}", id=uuid4(), firm_kind=kind
        )
        owner = Membership(company=company, user=self.boss, valid_from=self.start)
        company.main_contact = owner
        company.save(force_insert=True)
        self._save(owner, "owner")
        return company

    def join(self, company: Company) -> Membership:
        return self._save(
            Membership(company=company, user=self.person, valid_from=self.start), "member"
        )

    def _save(self, member: Membership, role: str) -> Membership:
        member.save(force_insert=True)
        RoleGrant.objects.create(membership=member, role=role, valid_from=self.start)
        return member

    def seat(self, company: Company, entitlement: Entitlement) -> None:
        Seat.objects.create(
            entitlement=entitlement,
            membership=self.join(company),
            role=self.role,
            valid_from=self.start,
        )

    def assign(self, company: Company, firm: Company, worker: Membership) -> None:
        dates = {"valid_from": self.start, "valid_until": self.start + timedelta(days=365)}
        mandate = Mandate.objects.create(
            client=company, firm=firm, requested_side="firm", requested_by=self.person,
            requested_at=self.start, answer_by=self.start, **dates,
        )  # fmt: skip
        items = [
            MandateItem.objects.create(mandate=mandate, service=self.service, package=package)
            for package in ("read", "operate")
        ]
        mandate.approved_at, mandate.approved_by = self.start, self.boss
        mandate.save()
        assignment = Assignment.objects.create(
            mandate=mandate, membership=worker, user=self.person, assigned_by=self.boss, **dates
        )
        for item in items:
            AssignmentItem.objects.create(assignment=assignment, item=item)


def make_world(count: int) -> tuple[User, Service, list[Company]]:
    """Write the rows; return the person, the service and where they may go."""
    service = Service.objects.create(slug="bokforing", name="Bokföring", tagline="", launch_url="")
    world = World(
        start=datetime.now(UTC) - timedelta(days=30),
        person=User.objects.create(email="person@exempel.se"),
        boss=User.objects.create(email="boss@exempel.se"),
        service=service,
        role=ServiceRole.objects.create(service=service, code="user", name="User", is_default=True),
    )
    targets = []
    with transaction.atomic():
        firm = world.found(0, "accounting")
        worker = world.join(firm)
        for number in range(1, count + 1):
            company = world.found(number)
            targets.append(company)
            entitlement = Entitlement.objects.create(
                company=company, service=service, valid_from=world.start
            )
            if number % 2:
                world.seat(company, entitlement)
            else:
                world.assign(company, firm, worker)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return world.person, service, targets
