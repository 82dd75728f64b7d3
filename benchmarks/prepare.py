"""Fills an empty database for a load run and prints who and what is in it, as JSON.

Run by benchmarks/servers.py as `python -m benchmarks.prepare PEOPLE` with vop's environment.
"""

import json
import os
import secrets
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vop.settings")
django.setup()

from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone

from accounts.models import User
from auditlog.actors import Actor
from benchmarks.servers import CALLBACK, MACHINE_SCOPE
from companies.models import Company, Membership
from companies.operations import register_company
from oidc.models import GrantType, RefreshPolicy
from oidc.operations.clients import ClientFacts, register_client
from services.models import Service, ServiceRole
from services.operations import assign_seat, entitle_company
from vop.lib.db import use_case

NOW = timezone.now()
MAKER = Actor.system("benchmark")


def make_people(count: int, password_hash: str) -> list[User]:
    """People with a verified address and one password: its hash is made once."""
    people = User.objects.bulk_create(
        User(
            email=f"person{number}@exempel.se",
            full_name=f"Pia Person {number}",
            password=password_hash,
        )
        for number in range(count)
    )
    EmailAddress.objects.bulk_create(
        EmailAddress(user=person, email=person.email, verified=True, primary=True)
        for person in people
    )
    return people


def make_service() -> Service:
    service = Service.objects.create(
        slug="bokforing", name="Bokföring", tagline="Bokföring", launch_url=CALLBACK
    )
    ServiceRole.objects.create(service=service, code="user", name="Användare", is_default=True)
    return service


def make_company(number: int, owner: User, service: Service) -> Company:
    company = register_company(
        name=f"Företag {number} AB",
        org_number=_make_org_number(number),
        owner=owner,
        actor=MAKER,
        now=NOW,
    )
    entitlement = use_case(entitle_company)(
        company=company, service=service, seat_limit=5, actor=MAKER, now=NOW
    )
    assign_seat(
        entitlement=entitlement,
        membership=Membership.objects.get(company=company, user=owner),
        role=service.roles.get(),
        actor=MAKER,
        now=NOW,
    )
    return company


def make_clients(service: Service, company: Company) -> dict[str, dict[str, str]]:
    person_client = ClientFacts(
        name="Load", redirect_uris=[CALLBACK], refresh_policy=RefreshPolicy.ALWAYS
    )
    machine = ClientFacts(
        name="Machine",
        redirect_uris=[],
        grant_types=(GrantType.MACHINE,),
        scopes=(MACHINE_SCOPE,),
        machine_company=company,
    )
    found = {}
    for name, facts in (("client", person_client), ("machine", machine)):
        profile, secret = register_client(service=service, facts=facts, actor=MAKER, now=NOW)
        found[name] = {"id": profile.client_id_text, "secret": secret}
    return found


def analyze_what_has_rows() -> None:
    """Give the planner statistics, as the database does by itself, but not when a run begins.

    Not of empty tables: told that one has no rows, it plans to read all of it for one token, and
    keeps to that while the run writes thousands.
    """
    filled = [each for each in apps.get_models() if each._base_manager.exists()]  # noqa: SLF001 (documented by Django)
    with connection.cursor() as cursor:
        for model in filled:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def _make_org_number(number: int) -> str:
    """Return the number of a limited company with its check digit (Luhn)."""
    digits = f"{556_000_000 + number}"
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    total = sum(value - 9 if value > 9 else value for value in doubled)  # noqa: PLR2004 (Luhn)
    return f"{digits}{-total % 10}"


def main() -> None:
    password = secrets.token_urlsafe(16)
    password_hash = make_password(password)
    people = make_people(int(sys.argv[1]), password_hash)
    service = make_service()
    companies = [make_company(number, owner, service) for number, owner in enumerate(people)]
    made = make_clients(service, companies[0])
    analyze_what_has_rows()
    print(
        json.dumps(
            {
                "people": [person.email for person in people],
                "password": password,
                "password_hash": password_hash,
                **made,
            }
        )
    )


if __name__ == "__main__":
    main()
