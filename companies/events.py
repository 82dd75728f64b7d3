"""What the log tells about companies and their members."""

from django.utils.translation import gettext_lazy as _

from auditlog.events import EventType, Retention


class CompanyEvent(EventType):
    REGISTERED = "company.registered", _("Company registered"), Retention.SEVEN_YEARS
    # A sole trader's numbers are personal numbers, and an invoice address can name a person.
    UPDATED = (
        "company.updated",
        _("Company data changed"),
        Retention.SEVEN_YEARS,
        ("changes",),
    )
    INVOICE_ADDRESS_CHANGED = (
        "company.invoice_address_changed",
        _("Invoice address changed"),
        Retention.SEVEN_YEARS,
        ("changes",),
    )
    REGISTER_ASKED = (
        "company.register_asked",
        _("Company register asked"),
        Retention.THIRTEEN_MONTHS,
    )
    MAIN_CONTACT_CHANGED = (
        "company.main_contact_changed",
        _("Main contact changed"),
        Retention.SEVEN_YEARS,
        ("before", "after"),
    )
    POLICY_CHANGED = (  # a network can be somebody's home
        "company.policy_changed",
        _("Security rules changed"),
        Retention.SEVEN_YEARS,
        ("changes",),
    )
    CLOSED = "company.closed", _("Company closed"), Retention.SEVEN_YEARS
    IMPORTED = "import.run", _("Import done"), Retention.SEVEN_YEARS
    SELECTED = "company.selected", _("Company chosen"), Retention.NINETY_DAYS


class MemberEvent(EventType):
    INVITED = "person.invited", _("Person invited"), Retention.THIRTEEN_MONTHS, ("email",)
    INVITE_RESENT = (
        "person.invite_resent",
        _("Invitation sent again"),
        Retention.THIRTEEN_MONTHS,
        ("email",),
    )
    INVITE_ACCEPTED = (
        "person.invite_accepted",
        _("Invitation accepted"),
        Retention.THIRTEEN_MONTHS,
        ("email",),
    )
    INVITE_REVOKED = (
        "person.invite_revoked",
        _("Invitation withdrawn"),
        Retention.THIRTEEN_MONTHS,
        ("email",),
    )
    ADDED = "member.added", _("Member added"), Retention.SEVEN_YEARS
    ROLE_GRANTED = "member.role_granted", _("Role given"), Retention.SEVEN_YEARS
    ROLE_REVOKED = "member.role_revoked", _("Role taken back"), Retention.SEVEN_YEARS
    EXPIRY_SET = "member.expiry_set", _("End of a role changed"), Retention.SEVEN_YEARS
    LAST_DAY_SET = "member.last_day_set", _("Last day of a member changed"), Retention.SEVEN_YEARS
    DEACTIVATED = "member.deactivated", _("Member suspended"), Retention.SEVEN_YEARS
    REACTIVATED = "member.reactivated", _("Member active again"), Retention.SEVEN_YEARS
    EXPORTED = (
        "member.exported",
        _("List of members downloaded"),
        Retention.THIRTEEN_MONTHS,
    )
    ENDED = "member.ended", _("Membership ended"), Retention.SEVEN_YEARS


class MandateEvent(EventType):
    REQUESTED = "mandate.requested", _("Mandate asked for"), Retention.SEVEN_YEARS
    APPROVED = "mandate.approved", _("Mandate approved"), Retention.SEVEN_YEARS
    DECLINED = "mandate.declined", _("Mandate declined"), Retention.SEVEN_YEARS
    WITHDRAWN = "mandate.withdrawn", _("Request for a mandate withdrawn"), Retention.SEVEN_YEARS
    LAPSED = "mandate.lapsed", _("Request for a mandate lapsed"), Retention.SEVEN_YEARS
    EXPIRY_WARNED = "mandate.expiry_warned", _("End of a mandate told"), Retention.SEVEN_YEARS
    EXPIRED = "mandate.expired", _("Mandate reached its end"), Retention.SEVEN_YEARS
    ENDED = "mandate.ended", _("Mandate ended"), Retention.SEVEN_YEARS
    SUPERSEDED = "mandate.superseded", _("Mandate superseded by a new one"), Retention.SEVEN_YEARS
    EXPORTED = "mandate.exported", _("List of clients downloaded"), Retention.THIRTEEN_MONTHS
    LEAD_CHANGED = "mandate.lead_changed", _("Engagement lead changed"), Retention.SEVEN_YEARS


class AssignmentEvent(EventType):
    CREATED = "assignment.created", _("Person assigned"), Retention.SEVEN_YEARS
    ENDED = "assignment.ended", _("Assignment ended"), Retention.SEVEN_YEARS
    BLOCKED = "assignment.blocked", _("Person of a firm blocked"), Retention.SEVEN_YEARS
    UNBLOCKED = "assignment.unblocked", _("Person of a firm let in again"), Retention.SEVEN_YEARS


class SupportEvent(EventType):
    OPENED = (
        "support_grant.opened",
        _("Support let in"),
        Retention.SEVEN_YEARS,
        ("reason",),
    )
    ENDED = "support_grant.ended", _("Support shut out"), Retention.SEVEN_YEARS
    BREAK_GLASS = (
        "break_glass.used",
        _("Emergency access by our staff"),
        Retention.SEVEN_YEARS,
        ("reason",),
    )
    LOOKED = (
        "staff.company_viewed",
        _("Our staff looked at your data"),
        Retention.THIRTEEN_MONTHS,
        ("reason",),
    )


class ReviewEvent(EventType):
    OPENED = "review.opened", _("Access review opened"), Retention.SEVEN_YEARS
    KEPT = "review.kept", _("Assignment confirmed in a review"), Retention.SEVEN_YEARS
    REMINDED = "review.reminded", _("Access review reminded of"), Retention.THIRTEEN_MONTHS
    CLOSED = "review.closed", _("Access review closed"), Retention.SEVEN_YEARS
