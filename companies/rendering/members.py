"""How the list of members reads as lines of a file, and a file with its faults."""

from datetime import datetime

from django.utils.translation import gettext as _

from companies.models import Membership
from vop.lib.clock import local_date


def list_member_columns() -> list[str]:
    """Head the columns of an exported list of members."""
    return [
        _("Name"), _("E-mail address"), _("Roles"), _("Auditor until"), _("Status"),
        _("Main contact"), _("Member since"), _("Last day"), _("Last here"),
    ]  # fmt: skip


def list_member_cells(member: Membership, *, at: datetime) -> list[str]:
    """Return a member as a line of an exported list, with dates of Stockholm."""
    grants = [grant for grant in member.role_grants.all() if grant.is_in_force(at)]
    ends = [str(grant.last_day) for grant in grants if grant.last_day]
    return [
        member.user.full_name, member.user.email, ", ".join(member.role_labels_at(at)),
        max(ends, default=""), _("Suspended") if member.is_suspended else _("Active"),
        _("yes") if member.is_main_contact else "", str(local_date(member.valid_from)),
        str(member.last_day or ""),
        str(local_date(member.last_used_at)) if member.last_used_at else "",
    ]  # fmt: skip
