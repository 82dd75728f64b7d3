from datetime import datetime

from companies.models import Company, Membership
from services.models import Entitlement, Seat, Service, ServiceRole
from services.operations import assign_seat, entitle_company
from tests.factories.companies import LONG_AGO, SYSTEM
from vop.lib.db import use_case


def make_service(*, slug: str = "bokforing", name: str = "Bokföring") -> Service:
    """A service with two roles, of which `user` is the default."""
    service = Service.objects.create(
        slug=slug, name=name, tagline=f"{name} på nätet", launch_url="http://localhost:8002/"
    )
    ServiceRole.objects.create(service=service, code="user", name="Användare", is_default=True)
    ServiceRole.objects.create(service=service, code="admin", name="Administratör", rank=1)
    return service


def entitle(
    company: Company,
    service: Service,
    *,
    seat_limit: int | None = 5,
    now: datetime = LONG_AGO,
) -> Entitlement:
    """A company that may use a service."""
    return use_case(entitle_company)(
        company=company, service=service, seat_limit=seat_limit, actor=SYSTEM, now=now
    )


def seat(
    entitlement: Entitlement,
    membership: Membership,
    *,
    role: str = "user",
    now: datetime = LONG_AGO,
) -> Seat:
    """A member with a seat."""
    return assign_seat(
        entitlement=entitlement,
        membership=membership,
        role=entitlement.service.roles.get(code=role),
        actor=SYSTEM,
        now=now,
    )
