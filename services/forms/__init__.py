"""What people fill in about seats and mandates, and staff about the catalogue."""

from services.forms.bulk import AssignManyForm, RequestManyForm
from services.forms.catalogue import RoleForm, RoleFormSet, ServiceForm, describe_roles
from services.forms.fields import DayField
from services.forms.mandates import ApprovalForm, AssignForm, EndForm, LeadForm, MandateForm
from services.forms.seats import HandOverForm, MoveSeatForm, SeatForm

__all__ = [
    "ApprovalForm",
    "AssignForm",
    "AssignManyForm",
    "DayField",
    "EndForm",
    "HandOverForm",
    "LeadForm",
    "MandateForm",
    "MoveSeatForm",
    "RequestManyForm",
    "RoleForm",
    "RoleFormSet",
    "SeatForm",
    "ServiceForm",
    "describe_roles",
]
