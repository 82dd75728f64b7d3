"""Companies, who is in them, and what each role may do."""

from companies.models.company import Company, CompanyQuerySet
from companies.models.countries import list_countries, name_country
from companies.models.mandates import (
    LONGEST,
    MANDATE_STATE_LABELS,
    Assignment,
    AssignmentQuerySet,
    Block,
    BlockQuerySet,
    Mandate,
    MandateConsent,
    MandateQuerySet,
    MandateState,
)
from companies.models.membership import (
    Invitation,
    InvitationQuerySet,
    Membership,
    MembershipQuerySet,
    RoleGrant,
    RoleGrantQuerySet,
)
from companies.models.numbers import (
    EInvoiceAddressError,
    NumberError,
    VatNumberError,
    parse_e_invoice_address,
    parse_org_number,
    parse_vat_number,
)
from companies.models.roles import (
    FIRM_ROLES,
    ROLE_DESCRIPTIONS,
    ROLE_PERMISSIONS,
    Permission,
    Role,
)

__all__ = [
    "FIRM_ROLES",
    "LONGEST",
    "MANDATE_STATE_LABELS",
    "ROLE_DESCRIPTIONS",
    "ROLE_PERMISSIONS",
    "Assignment",
    "AssignmentQuerySet",
    "Block",
    "BlockQuerySet",
    "Company",
    "CompanyQuerySet",
    "EInvoiceAddressError",
    "Invitation",
    "InvitationQuerySet",
    "Mandate",
    "MandateConsent",
    "MandateQuerySet",
    "MandateState",
    "Membership",
    "MembershipQuerySet",
    "NumberError",
    "Permission",
    "Role",
    "RoleGrant",
    "RoleGrantQuerySet",
    "VatNumberError",
    "list_countries",
    "name_country",
    "parse_e_invoice_address",
    "parse_org_number",
    "parse_vat_number",
]
