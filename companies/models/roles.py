"""The roles of a company and what each may do: one table, read by every check and every page."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from django.db import models
from django.utils.functional import Promise
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


ROLE_DESCRIPTIONS: Mapping[Role, str | Promise] = {
    Role.OWNER: _("everything, also who else is an owner"),
    Role.ADMIN: _("members, services and seats, orders, the log"),
    Role.BILLING: _("invoice address, orders and invoice bases"),
    Role.SECURITY: _("security rules, the log, members and statistics"),
    Role.MEMBER: _("uses the services they have a seat in"),
    Role.AUDITOR: _("for a limited time, reads where it is let in"),
    Role.CLIENT_ADMIN: _("asks clients for mandates and assigns staff to them"),
    Role.ENGAGEMENT_LEAD: _("assigns staff to their own clients"),
}


class Permission(StrEnum):
    """Something that a role lets a person do in one company: "noun.verb", its name, what it means.

    Pages show the name, and the meaning to whoever points at it.
    """

    label: str | Promise
    meaning: str | Promise

    def __new__(cls, value: str, label: str | Promise, meaning: str | Promise) -> Self:
        """Keep the two texts beside the name."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.meaning = meaning
        return member

    COMPANY_VIEW = (
        "company.view",
        _("See the company"),
        _("The start page, the company's name, numbers and addresses, and its main contact."),
    )
    COMPANY_UPDATE = (
        "company.update",
        _("Change company details"),
        _("Name, VAT number, postal address and language."),
    )
    COMPANY_CLOSE = (
        "company.close",
        _("Close the company"),
        _("End the company here for good, with every membership and service. Nothing is deleted."),
    )
    MEMBER_VIEW = (
        "member.view",
        _("See members"),
        _("Who is in the company, in which roles, and when they were last here."),
    )
    MEMBER_INVITE = (
        "member.invite",
        _("Invite people"),
        _("Send, send again and withdraw invitations by e-mail."),
    )
    MEMBER_UPDATE = (
        "member.update",
        _("Suspend members"),
        _("Shut a member out and let them in again, set a last day, choose the main contact."),
    )
    MEMBER_END = (
        "member.end",
        _("End memberships"),
        _("Take somebody out of the company and decide who takes over what they had."),
    )
    ROLE_ASSIGN = (
        "role.assign",
        _("Give roles"),
        _("Decide which roles somebody else has. Nobody changes their own."),
    )
    OWNER_ASSIGN = (
        "owner.assign",
        _("Appoint owners"),
        _("Make somebody an owner, change an owner's roles, or suspend and end an owner."),
    )
    SERVICE_VIEW = (
        "service.view",
        _("See services"),
        _("Which services the company has. To use one takes a seat."),
    )
    SEAT_ASSIGN = (
        "seat.assign",
        _("Give seats"),
        _("Decide who uses which service, and in which role there."),
    )
    ORDER_CREATE = (
        "order.create",
        _("Buy and cancel"),
        _("Buy services and seats, and cancel them. The company pays."),
    )
    BILLING_VIEW = (
        "billing.view",
        _("See subscriptions"),
        _("What the company subscribes to, what it costs and when it renews."),
    )
    BILLING_UPDATE = (
        "billing.update",
        _("Change invoice details"),
        _("Where invoices go, in which way, and the reference that stands on them."),
    )
    BASIS_VIEW = (
        "basis.view",
        _("See invoice bases"),
        _("What was or will be invoiced, line by line, also as a file."),
    )
    MANDATE_VIEW = (
        "mandate.view",
        _("See mandates"),
        _("Which firms may act for which companies, through what, and until when."),
    )
    MANDATE_REQUEST = (
        "mandate.request",
        _("Ask for mandates"),
        _("Propose that a firm acts for a company. The other side decides."),
    )
    MANDATE_APPROVE = (
        "mandate.approve",
        _("Approve mandates"),
        _("Let a firm act for the company, or say no to it."),
    )
    MANDATE_END = (
        "mandate.end",
        _("End mandates"),
        _("End a firm's mandate, or shut one of its people out, at once."),
    )
    ASSIGNMENT_CREATE = (
        "assignment.create",
        _("Assign staff to clients"),
        _("Decide who in the firm works for which client, within the mandate."),
    )
    AUDIT_VIEW = (
        "audit.view",
        _("Read the log"),
        _("What happened in the company, who did it and when."),
    )
    AUDIT_EXPORT = (
        "audit.export",
        _("Download the log"),
        _("Take the log out as a file. That too stands in the log."),
    )
    POLICY_UPDATE = (
        "policy.update",
        _("Set security rules"),
        _("What the company asks of a sign-in, from where, and whose addresses may join."),
    )
    SUPPORT_GRANT = (
        "support.grant",
        _("Let support in"),
        _("Let our staff read the company's data for some days, see each look, and end it."),
    )
    STATISTICS_VIEW = (
        "statistics.view",
        _("See statistics"),
        _("Sign-ins and use of services, by hour and by day."),
    )


_P = Permission
_EVERYBODY = frozenset({_P.COMPANY_VIEW, _P.SERVICE_VIEW})
_BILLING = frozenset({_P.ORDER_CREATE, _P.BILLING_VIEW, _P.BILLING_UPDATE, _P.BASIS_VIEW})
_SECURITY = frozenset(
    {
        _P.MEMBER_VIEW,
        _P.AUDIT_VIEW,
        _P.AUDIT_EXPORT,
        _P.STATISTICS_VIEW,
        _P.MANDATE_VIEW,
        _P.POLICY_UPDATE,
        _P.SUPPORT_GRANT,
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
        _P.SEAT_ASSIGN,
        _P.ORDER_CREATE,
        _P.BILLING_VIEW,
        _P.BILLING_UPDATE,
        _P.BASIS_VIEW,
        _P.AUDIT_VIEW,
        _P.STATISTICS_VIEW,
        _P.MANDATE_VIEW,
        _P.MANDATE_REQUEST,
        _P.MANDATE_END,
        _P.SUPPORT_GRANT,
    }
)

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: _EVERYBODY | _ADMIN,
    Role.BILLING: _EVERYBODY | _BILLING,
    Role.SECURITY: _EVERYBODY | _SECURITY,
    Role.MEMBER: _EVERYBODY,
    Role.AUDITOR: _EVERYBODY,
    Role.CLIENT_ADMIN: _EVERYBODY
    | {_P.MANDATE_VIEW, _P.MANDATE_REQUEST, _P.MANDATE_END, _P.ASSIGNMENT_CREATE},
    Role.ENGAGEMENT_LEAD: _EVERYBODY | {_P.MANDATE_VIEW, _P.ASSIGNMENT_CREATE},
}
