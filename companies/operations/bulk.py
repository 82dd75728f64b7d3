"""Inviting many people at once: all of them, or nobody and a fault for each wrong row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from auditlog.actors import Actor
from companies.models import Company, Invitation, Membership, Permission
from companies.operations.drafts import Draft
from companies.operations.invitations import send_new
from companies.operations.rules import (
    AlreadyInvitedError,
    AlreadyMemberError,
    RowsRefusedError,
    check_address,
    check_may,
    check_owner_rights,
    check_roles,
    lock_company,
    settled,
)
from vop.lib.db import use_case
from vop.lib.errors import DomainError

MOST_INVITATIONS: Final = 500
LONGEST_EMAIL: Final = 254
LONGEST_NAME: Final = 120


def find_faults(
    company: Company,
    drafts: Sequence[Draft],
    *,
    permissions: frozenset[Permission],
    now: datetime,
) -> dict[int, str]:
    """Return what is wrong with which row, by its line, as of now. Two queries."""
    emails = {draft.email for draft in drafts}
    members = Membership.objects.open(settled(now)).filter(company=company, user__email__in=emails)
    pending = Invitation.objects.pending(now).filter(company=company, email__in=emails)
    taken = dict.fromkeys(members.values_list("user__email", flat=True), AlreadyMemberError.message)
    taken |= dict.fromkeys(pending.values_list("email", flat=True), AlreadyInvitedError.message)
    faults: dict[int, str] = {}
    first: dict[str, int] = {}
    for draft in drafts:
        fault = draft.unread or _find_fault(company, draft, permissions)
        if not fault and draft.email in first:
            fault = _("The same address as on line %(line)s.") % {"line": first[draft.email]}
        fault = fault or str(taken.get(draft.email, ""))
        if fault:
            faults[draft.line] = fault
        first.setdefault(draft.email, draft.line)
    return faults


@use_case
def invite_people(
    *,
    company: Company,
    drafts: Sequence[Draft],
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Sequence[Invitation]:
    """Send every invitation of a list, each good for two weeks, or none.

    Raises: NotAllowedError, RowsRefusedError.
    """
    company = lock_company(company.pk)
    permissions = check_may(acting, company, Permission.MEMBER_INVITE, at=now)
    faults = find_faults(company, drafts, permissions=permissions, now=now)
    if faults:
        raise RowsRefusedError(faults)
    # Those that ran out make room; an address has one open invitation.
    ran_out = Invitation.objects.open().filter(
        company=company, email__in=[draft.email for draft in drafts]
    )
    ran_out.update(revoked_at=now)
    return [
        send_new(
            company=company,
            email=draft.email,
            full_name=draft.full_name,
            roles=draft.roles,
            acting=acting,
            actor=actor,
            now=now,
        )
        for draft in drafts
    ]


def _find_fault(company: Company, draft: Draft, permissions: frozenset[Permission]) -> str:
    try:
        validate_email(draft.email)
        check_roles(company, draft.roles)
        check_owner_rights(permissions, draft.roles)
        check_address(company, draft.email)
    except ValidationError:
        return _("This is no e-mail address.")
    except DomainError as error:
        return str(error.message)
    if len(draft.email) > LONGEST_EMAIL or len(draft.full_name) > LONGEST_NAME:
        return _("The address or the name is too long.")
    return ""
