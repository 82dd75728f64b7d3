"""What is known of a company, its main contact, and which company a person works in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from auditlog.actors import Actor
from auditlog.events import EventType
from auditlog.operations import audit
from companies.events import CompanyEvent
from companies.models import (
    Assignment,
    Company,
    Membership,
    Permission,
    parse_e_invoice_address,
    parse_vat_number,
)
from companies.operations.assignments import note_use
from companies.operations.rules import (
    MemberGoneError,
    NoEInvoiceAddressError,
    check_may,
    load_member,
    lock_company,
)
from companies.protocol import RegisterEntry
from vop.lib.db import step, use_case
from vop.lib.errors import StaleError

REGISTER_HOLDS: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """What a company calls itself."""

    name: str
    vat_number: str
    language: str
    street: str = ""
    postcode: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """Where a company wants its invoices."""

    invoice_recipient: str
    invoice_street: str
    invoice_postcode: str
    invoice_city: str
    invoice_country: str
    invoice_email: str
    invoice_reference: str
    invoice_delivery: str = Company.InvoiceDelivery.EMAIL.value
    e_invoice_address: str = ""


@use_case
def update_company(
    *,
    company: Company,
    facts: CompanyFacts,
    version: int,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Company:
    """Change a company's name, VAT number, postal address and language, as seen at a version.

    Raises: NotAllowedError, StaleError, VatNumberError.
    """
    values = asdict(facts) | {"vat_number": parse_vat_number(company.country, facts.vat_number)}
    return _update(
        CompanyEvent.UPDATED,
        company,
        values,
        version,
        acting,
        permission=Permission.COMPANY_UPDATE,
        actor=actor,
        now=now,
    )


@use_case
def update_invoice_address(
    *,
    company: Company,
    facts: InvoiceFacts,
    version: int,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Company:
    """Change where a company's next invoices go, as seen at a version.

    Raises: NotAllowedError, StaleError, EInvoiceAddressError, NoEInvoiceAddressError.
    """
    address = parse_e_invoice_address(facts.e_invoice_address)
    if facts.invoice_delivery == Company.InvoiceDelivery.E_INVOICE and not address:
        raise NoEInvoiceAddressError
    return _update(
        CompanyEvent.INVOICE_ADDRESS_CHANGED,
        company,
        asdict(facts) | {"e_invoice_address": address},
        version,
        acting,
        permission=Permission.BILLING_UPDATE,
        actor=actor,
        now=now,
    )


@use_case
def note_register_answer(
    *, company: Company, entry: RegisterEntry, acting: Membership, actor: Actor, now: datetime
) -> Company:
    """Note what the company register says of a company's status; nothing else is taken over.

    Raises: NotAllowedError.
    """
    company = lock_company(company.pk)
    check_may(acting, company, Permission.COMPANY_UPDATE, at=now)
    before = company.register_status
    asked = company.register_checked_at
    if before == entry.status and asked is not None and now < asked + REGISTER_HOLDS:
        return company  # the same answer, shown again
    company.register_status, company.register_checked_at = entry.status, now
    company.save(update_fields=["register_status", "register_checked_at"])
    audit(
        CompanyEvent.REGISTER_ASKED,
        actor=actor,
        now=now,
        company=company.ref,
        data={"before": before, "after": entry.status},
    )
    return company


@use_case
def change_main_contact(
    *, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> Company:
    """Hand the main contact over to another active member.

    Raises: NotAllowedError, MemberGoneError.
    """
    return move_main_contact(membership=membership, acting=acting, actor=actor, now=now)


@step
def move_main_contact(
    *, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> Company:
    """Hand the main contact over as a part of something larger, such as somebody's leaving.

    Raises: NotAllowedError, MemberGoneError.
    """
    company = lock_company(membership.company_id)
    check_may(acting, company, Permission.MEMBER_UPDATE, at=now)
    member = load_member(membership, company, at=now)
    if member.suspended_at is not None or member.valid_until is not None:
        raise MemberGoneError
    if company.main_contact_id == member.pk:
        return company
    before = company.main_contact.user
    company.main_contact = member
    company.save(update_fields=["main_contact"])
    audit(
        CompanyEvent.MAIN_CONTACT_CHANGED,
        actor=actor,
        now=now,
        company=company.ref,
        target=member.user.ref,
        data={"before": before.display_name, "after": member.user.display_name},
    )
    return company


@step
def note_visit(*, user_id: str, company: Company, now: datetime) -> None:
    """Note that a member worked for a company just now; who isn't one leaves no trace here."""
    Membership.objects.in_force(now).filter(company=company, user_id=user_id).update(
        last_used_at=now
    )


@use_case
def choose_company(*, membership: Membership, actor: Actor, now: datetime) -> Membership:
    """Note in which company a person works from now on: it is the next start page."""
    Membership.objects.filter(pk=membership.pk).update(last_used_at=now)
    membership.last_used_at = now
    audit(CompanyEvent.SELECTED, actor=actor, now=now, company=membership.company.ref)
    return membership


@use_case
def choose_client(*, assignment: Assignment, actor: Actor, now: datetime) -> Assignment:
    """Note for which client of their firm a person works from now on."""
    client, firm = assignment.mandate.client, assignment.mandate.firm
    note_use(user=assignment.user, company=client, now=now)
    audit(
        CompanyEvent.SELECTED,
        actor=actor,
        now=now,
        company=client.ref,
        also_visible_to=[firm.pk],
    )
    return assignment


def _update(
    event: EventType,
    company: Company,
    values: Mapping[str, str],
    version: int,
    acting: Membership,
    *,
    permission: Permission,
    actor: Actor,
    now: datetime,
) -> Company:
    company = lock_company(company.pk)
    check_may(acting, company, permission, at=now)
    before = {name: str(getattr(company, name)) for name in values}
    changes = {name: [before[name], new] for name, new in values.items() if before[name] != new}
    if not changes:  # whoever changed it meanwhile wrote the same
        return company
    if company.version != version:
        raise StaleError
    for name in changes:
        setattr(company, name, values[name])
    company.version = version + 1
    company.save(update_fields=[*changes, "version"])
    audit(
        event,
        actor=actor,
        now=now,
        company=company.ref,
        data={"fields": sorted(changes), "changes": changes},
    )
    return company
