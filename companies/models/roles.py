"""The roles of a company and what each may do: one table, read by every check and every page."""

from collections.abc import Mapping
from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """The fixed roles; companies pick, they don't invent."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    BILLING = "billing", _("Billing manager")
    SECURITY = "security", _("Security manager")
    MEMBER = "member", _("Member")
    AUDITOR = "auditor", _("Auditor")
    CLIENT_ADMIN = "client_admin", _("Client administrator")
    ENGAGEMENT_LEAD = "engagement_lead", _("Engagement lead")


FIRM_ROLES = frozenset({Role.CLIENT_ADMIN, Role.ENGAGEMENT_LEAD})


class Permission(StrEnum):
    """Something that a role lets a person do in one company."""

    COMPANY_VIEW = "company.view"
    COMPANY_UPDATE = "company.update"
    COMPANY_CLOSE = "company.close"
    MEMBER_VIEW = "member.view"
    MEMBER_INVITE = "member.invite"
    MEMBER_UPDATE = "member.update"
    MEMBER_END = "member.end"
    ROLE_ASSIGN = "role.assign"
    OWNER_ASSIGN = "owner.assign"
    SERVICE_VIEW = "service.view"
    SERVICE_ACTIVATE = "service.activate"
    SEAT_ASSIGN = "seat.assign"
    ORDER_CREATE = "order.create"
    BILLING_VIEW = "billing.view"
    BILLING_UPDATE = "billing.update"
    BASIS_VIEW = "basis.view"
    MANDATE_VIEW = "mandate.view"
    MANDATE_REQUEST = "mandate.request"
    MANDATE_APPROVE = "mandate.approve"
    ASSIGNMENT_CREATE = "assignment.create"
    POLICY_UPDATE = "policy.update"
    SESSION_REVOKE = "session.revoke"
    AUDIT_VIEW = "audit.view"
    AUDIT_EXPORT = "audit.export"
    STATISTICS_VIEW = "statistics.view"


_P = Permission
_EVERYBODY = frozenset({_P.COMPANY_VIEW, _P.SERVICE_VIEW})
_BILLING = frozenset(
    {_P.COMPANY_UPDATE, _P.ORDER_CREATE, _P.BILLING_VIEW, _P.BILLING_UPDATE, _P.BASIS_VIEW}
)
_SECURITY = frozenset(
    {
        _P.MEMBER_VIEW,
        _P.AUDIT_VIEW,
        _P.AUDIT_EXPORT,
        _P.SESSION_REVOKE,
        _P.POLICY_UPDATE,
        _P.STATISTICS_VIEW,
        _P.MANDATE_VIEW,
    }
)
_ADMIN = frozenset(
    {
        _P.COMPANY_UPDATE,
        _P.MEMBER_VIEW,
        _P.MEMBER_INVITE,
        _P.MEMBER_UPDATE,
        _P.MEMBER_END,
        _P.ROLE_ASSIGN,
        _P.SERVICE_ACTIVATE,
        _P.SEAT_ASSIGN,
        _P.ORDER_CREATE,
        _P.BILLING_VIEW,
        _P.BASIS_VIEW,
        _P.AUDIT_VIEW,
        _P.STATISTICS_VIEW,
        _P.MANDATE_VIEW,
        _P.MANDATE_REQUEST,
    }
)

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: _EVERYBODY | _ADMIN,
    Role.BILLING: _EVERYBODY | _BILLING,
    Role.SECURITY: _EVERYBODY | _SECURITY,
    Role.MEMBER: _EVERYBODY,
    Role.AUDITOR: _EVERYBODY,
    Role.CLIENT_ADMIN: _EVERYBODY | {_P.MANDATE_VIEW, _P.MANDATE_REQUEST, _P.ASSIGNMENT_CREATE},
    Role.ENGAGEMENT_LEAD: _EVERYBODY | {_P.MANDATE_VIEW, _P.ASSIGNMENT_CREATE},
}
