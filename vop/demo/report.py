"""What the demo world consists of, for the people and programs that try it (var/demo.json)."""

from datetime import datetime
from typing import Any

from django.conf import settings

from companies.models import Company, Membership
from services.models import Entitlement
from vop.demo.clients import describe_clients
from vop.demo.mandates import describe_mandates
from vop.demo.people import make_password, make_totp_secret
from vop.demo.trial import describe_trial_clients
from vop.demo.world import COMPANIES, PEOPLE, STAFF, DemoPerson


def describe_world(*, now: datetime) -> dict[str, Any]:
    """Return the demo world as JSON-ready data."""
    return {
        "base_url": settings.BASE_URL,
        "issuer": settings.OIDC_ISSUER,
        "status_url": settings.STATUS_URL,
        "people": [_describe_person(person, now) for person in PEOPLE],
        "staff": [
            {
                "email": person.email,
                "password": make_password(),
                "totp_secret": make_totp_secret(person.email),
                "roles": list(person.staff_groups),
            }
            for person in STAFF
        ],
        "companies": [_describe_company(demo.org_number, now) for demo in COMPANIES],
        "mandates": describe_mandates(now=now),
        "clients": describe_clients(),
        "test_clients": describe_trial_clients(),
    }


def _describe_person(person: DemoPerson, now: datetime) -> dict[str, Any]:
    memberships = (
        Membership.objects.in_force(now)
        .filter(user__email=person.email)
        .select_related("company")
        .prefetch_related("role_grants")
        .order_by("company__name", "pk")
    )
    return {
        "email": person.email,
        "password": make_password(),
        "totp_secret": make_totp_secret(person.email) if person.has_totp else None,
        "companies": [
            {
                "org_number": membership.company.org_number,
                "roles": sorted(role.value for role in membership.roles_at(now)),
            }
            for membership in memberships
        ],
        "note": person.note,
    }


def _describe_company(org_number: str, now: datetime) -> dict[str, Any]:
    company = Company.objects.get(country="SE", org_number=org_number)
    services = Entitlement.objects.in_force(now).for_company(company.pk).order_by("service__slug")
    return {
        "id": str(company.pk),
        "org_number": company.org_number,
        "name": company.name,
        "firm_kind": company.firm_kind or None,
        "services": list(services.values_list("service__slug", flat=True)),
    }
