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
from companies.forms.register import RegisterReply, ask_register
from companies.forms.support import BreakGlassForm, SupportForm

SEARCH_FROM = 10  # companies; fewer are seen at a glance

__all__ = [
    "SEARCH_FROM",
    "BreakGlassForm",
    "CompanyForm",
    "ImportForm",
    "InviteForm",
    "InviteManyForm",
    "InvoiceAddressForm",
    "LastDayForm",
    "LogForm",
    "PolicyForm",
    "RegisterForm",
    "RegisterReply",
    "RolesForm",
    "SupportForm",
    "ask_register",
    "choose_roles",
]
