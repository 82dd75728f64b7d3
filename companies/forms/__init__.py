"""What people fill in about their company, its members and invitations, and in the log's filter."""

from companies.forms.company import CompanyForm, InvoiceAddressForm, RegisterForm
from companies.forms.imports import ImportForm
from companies.forms.log import LogForm
from companies.forms.people import (
    InviteForm,
    InviteManyForm,
    LastDayForm,
    RolesForm,
    choose_roles,
)
from companies.forms.policy import PolicyForm

SEARCH_FROM = 10  # companies; fewer are seen at a glance

__all__ = [
    "SEARCH_FROM",
    "CompanyForm",
    "ImportForm",
    "InviteForm",
    "InviteManyForm",
    "InvoiceAddressForm",
    "LastDayForm",
    "LogForm",
    "PolicyForm",
    "RegisterForm",
    "RolesForm",
    "choose_roles",
]
