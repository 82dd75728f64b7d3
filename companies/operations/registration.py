"""How a company comes in."""

from datetime import datetime

from accounts.models import User
from accounts.operations import create_person
from accounts.queries import find_person
from auditlog.actors import Actor
from auditlog.operations import audit
from companies import notifications
from companies.events import CompanyEvent, MemberEvent
from companies.models import (
    Company,
    Membership,
    Role,
    parse_org_number,
    parse_vat_number,
)
from companies.operations.members import grant_role
from companies.operations.rules import CompanyExistsError
from companies.protocol import recall
from vop.lib.db import use_case


@use_case
def register_company(
    *,
    name: str,
    org_number: str,
    owner: User,
    actor: Actor,
    now: datetime,
    country: str = "SE",
    firm_kind: str = "",
    vat_number: str = "",
) -> Company:
    """Register a company with its first owner, who is also its main contact.

    Raises: NumberError, VatNumberError, CompanyExistsError.
    """
    return _register(
        company=Company(
            name=name,
            country=country,
            org_number=org_number,
            firm_kind=firm_kind,
            vat_number=vat_number,
        ),
        owner=owner,
        actor=actor,
        now=now,
    )


@use_case
def register_company_for(
    *, company: Company, email: str, full_name: str, actor: Actor, now: datetime
) -> Company:
    """Register a company for a customer: its first owner is told by mail how to get in.

    A person who isn't known yet is registered too; that they read the mail's address is proved
    when they choose a password through a link sent there.

    Raises: NumberError, VatNumberError, CompanyExistsError.
    """
    owner = find_person(email)
    is_new = owner is None
    if owner is None:
        owner = create_person(
            email=email,
            full_name=full_name,
            language=company.language,
            password=None,
            actor=actor,
            now=now,
        )
    registered = _register(company=company, owner=owner, actor=actor, now=now)
    notifications.send_welcome(registered, owner, is_new=is_new)
    return registered


def _register(*, company: Company, owner: User, actor: Actor, now: datetime) -> Company:
    company.org_number = parse_org_number(company.country, company.org_number)
    company.vat_number = parse_vat_number(company.country, company.vat_number)
    entry = recall(company.country, company.org_number)
    if entry is not None:  # whoever registers it has just looked at that
        company.register_status, company.register_checked_at = entry.status, now
    same = Company.objects.filter(country=company.country, org_number=company.org_number)
    if same.exists():
        raise CompanyExistsError
    membership = Membership(company=company, user=owner, valid_from=now)
    company.main_contact = membership
    company.created_at = now
    # Each needs the other: the database checks both at the commit.
    company.save(force_insert=True)
    membership.save(force_insert=True)
    audit(CompanyEvent.REGISTERED, actor=actor, now=now, company=company.ref)
    audit(MemberEvent.ADDED, actor=actor, now=now, company=company.ref, target=owner.ref)
    grant_role(membership=membership, role=Role.OWNER, actor=actor, now=now)
    return company
