"""What is refused in a company and why, and the checks that several operations share."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from companies.models import (
    FIRM_ROLES,
    Company,
    Membership,
    Permission,
    Role,
)
from vop.lib.errors import DomainError

AUDITOR_DAYS = 60
LONGEST_WAIT = timedelta(minutes=1)  # for a lock; both databases give up before


class CompanyExistsError(DomainError):
    message = _("A company with this organisation number is registered already.")


class AlreadyMemberError(DomainError):
    message = _("This person is a member already.")


class AlreadyInvitedError(DomainError):
    message = _("This address has an open invitation. Send it again from the list of members.")


class RowsRefusedError(DomainError):
    """Some rows of many are wrong, and so nothing is done; `faults` says what, by line."""

    message = _("Nothing is sent yet: some rows need your attention.")

    def __init__(self, faults: Mapping[int, str]) -> None:
        super().__init__()
        self.faults = faults


class NoRoleError(DomainError):
    message = _("Choose at least one role.")


class FirmRoleError(DomainError):
    message = _("That role exists only in accounting, audit and payroll firms.")


class OwnerOnlyError(DomainError):
    message = _("Only an owner can change who is an owner, or change another owner.")


class LastOwnerError(DomainError):
    message = _("The company must always have an owner. Make somebody else an owner first.")


class MainContactError(DomainError):
    message = _("This person is the main contact. Choose another main contact first.")


class OwnRolesError(DomainError):
    message = _("You can't change your own roles. Ask another administrator.")


class OwnMembershipError(DomainError):
    message = _("You can't suspend yourself.")


class MemberGoneError(DomainError):
    message = _("This person is not an active member any more.")


class EndPassedError(DomainError):
    message = _("The last day can't be in the past.")


class NoEInvoiceAddressError(DomainError):
    message = _("An e-invoice needs an electronic address.")


class NotAllowedError(DomainError):
    message = _("You no longer have the right to do this.")


class InvitationGoneError(DomainError):
    message = _("This invitation has been used, withdrawn or has expired.")


class EmailDomainError(DomainError):
    message = _("The company lets in only addresses of its own domains. Choose another address.")


class NotInvitedError(DomainError):
    message = _("The invitation was sent to another address than the one you are signed in with.")


class JustSentError(DomainError):
    message = _("The invitation was sent a moment ago. Wait a minute before sending it again.")


def settled(now: datetime) -> datetime:
    """Return the instant to ask about under a lock.

    A request takes its instant before it waits for the lock, so what ended meanwhile has a later
    end than that. Asked a little ahead, it has ended for this request too.
    """
    return now + LONGEST_WAIT


def lock_company(company_id: uuid.UUID) -> Company:
    """Hold the company's row: everything about its members and its data queues up here."""
    return Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company_id)


def lock_company_for(acting: Membership, permission: Permission, *, at: datetime) -> Company:
    """Hold the row of the asking member's company, if they may do something in it right now.

    For the higher rooms: what a member asks for there queues up with what happens to members here.

    Raises: NotAllowedError.
    """
    company = lock_company(acting.company_id)
    check_may(acting, company, permission, at=at)
    return company


def lock_companies(company_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Company]:
    """Hold the rows of several companies, in the order of their keys, so that none waits in a ring.

    Returns them by key.
    """
    rows = Company.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=company_ids)
    return {company.pk: company for company in rows.order_by("pk")}


def check_may(
    acting: Membership, company: Company, permission: Permission, *, at: datetime
) -> frozenset[Permission]:
    """Return what the asking member may do in the company right now, under its lock.

    Raises: NotAllowedError.
    """
    member = _load(acting.pk)
    permissions = member.permissions_now(settled(at))
    is_shut = company.closed_at is not None
    if is_shut or member.company_id != company.pk or permission not in permissions:
        raise NotAllowedError
    return permissions


def load_member(membership: Membership, company: Company, *, at: datetime) -> Membership:
    """Return the member as they are under the lock.

    Raises: MemberGoneError.
    """
    member = _load(membership.pk)
    if member.company_id != company.pk or not member.is_open(settled(at)):
        raise MemberGoneError
    return member


def check_roles(company: Company, roles: Collection[Role]) -> None:
    """Refuse a choice of roles that no member of the company can have.

    Raises: NoRoleError, FirmRoleError.
    """
    if not roles:
        raise NoRoleError
    if not company.is_firm and FIRM_ROLES & set(roles):
        raise FirmRoleError


def check_address(company: Company, email: str) -> None:
    """Refuse an e-mail address that the company's security rules don't let in.

    Raises: EmailDomainError.
    """
    if not company.lets_in_address(email):
        raise EmailDomainError


def check_owner_rights(
    permissions: frozenset[Permission], before: Collection[Role], after: Collection[Role] = ()
) -> None:
    """Refuse to let anybody but owners make, change or shut out an owner.

    Raises: OwnerOnlyError.
    """
    if Role.OWNER in {*before, *after} and Permission.OWNER_ASSIGN not in permissions:
        raise OwnerOnlyError


def check_other_owner(company: Company, member: Membership) -> None:
    """Refuse to take away the last owner. Call under the company's lock.

    An owner counts whose role and membership have no end and who can sign in. No instant is asked:
    the one of this request may be older than what the request before it wrote.

    Raises: LastOwnerError.
    """
    owners = Membership.objects.owners().filter(company=company)
    if not owners.exclude(pk=member.pk).exists():
        raise LastOwnerError


def check_not_main_contact(company: Company, member: Membership) -> None:
    """Refuse to shut out the main contact.

    Raises: MainContactError.
    """
    if company.main_contact_id == member.pk:
        raise MainContactError


def _load(membership_id: uuid.UUID) -> Membership:
    return (
        Membership.objects.select_related("user", "company")
        .prefetch_related("role_grants")
        .get(pk=membership_id)
    )
