"""Changing companies, who is in them, and what they may do.

Locks are taken from the ground up: the company first, then what belongs to it. What a person asks
for is decided under that lock, by the rights that the asking member has then (`acting`).
"""

from companies.operations.acceptance import accept_invitation
from companies.operations.bulk import (
    MOST_INVITATIONS,
    find_faults,
    invite_people,
)
from companies.operations.details import (
    CompanyFacts,
    InvoiceFacts,
    change_main_contact,
    choose_company,
    update_company,
    update_invoice_address,
)
from companies.operations.drafts import Draft, DraftTable, read_drafts
from companies.operations.invitations import (
    invite_person,
    resend_invitation,
    revoke_invitation,
)
from companies.operations.members import (
    add_member,
    change_roles,
    end_membership,
    grant_role,
    leave_company,
    reactivate_member,
    record_export,
    suspend_member,
)
from companies.operations.registration import register_company, register_company_for
from companies.operations.rules import (
    AUDITOR_DAYS,
    AlreadyInvitedError,
    AlreadyMemberError,
    CompanyExistsError,
    FirmRoleError,
    InvitationGoneError,
    JustSentError,
    LastOwnerError,
    MainContactError,
    MemberGoneError,
    NoRoleError,
    NotAllowedError,
    NotInvitedError,
    OwnerOnlyError,
    OwnMembershipError,
    OwnRolesError,
    RowsRefusedError,
    lock_company_for,
)

__all__ = [
    "AUDITOR_DAYS",
    "MOST_INVITATIONS",
    "AlreadyInvitedError",
    "AlreadyMemberError",
    "CompanyExistsError",
    "CompanyFacts",
    "Draft",
    "DraftTable",
    "FirmRoleError",
    "InvitationGoneError",
    "InvoiceFacts",
    "JustSentError",
    "LastOwnerError",
    "MainContactError",
    "MemberGoneError",
    "NoRoleError",
    "NotAllowedError",
    "NotInvitedError",
    "OwnMembershipError",
    "OwnRolesError",
    "OwnerOnlyError",
    "RowsRefusedError",
    "accept_invitation",
    "add_member",
    "change_main_contact",
    "change_roles",
    "choose_company",
    "end_membership",
    "find_faults",
    "grant_role",
    "invite_people",
    "invite_person",
    "leave_company",
    "lock_company_for",
    "reactivate_member",
    "read_drafts",
    "record_export",
    "register_company",
    "register_company_for",
    "resend_invitation",
    "revoke_invitation",
    "suspend_member",
    "update_company",
    "update_invoice_address",
]
