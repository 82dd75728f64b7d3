"""How a company leaves: nothing is deleted, and nobody gets in any more."""

from datetime import datetime

from auditlog.actors import Actor
from auditlog.operations import audit
from companies import notifications
from companies.events import CompanyEvent
from companies.models import Company, Invitation, Membership, Permission
from companies.operations.invitations import revoke
from companies.operations.rules import lock_company_for
from vop.lib.db import step


@step
def close_company(*, acting: Membership, actor: Actor, now: datetime) -> Company:
    """Close the asking member's company for good, as a part of ending what it has above.

    Memberships and mandates stay as they are and count no more: every decision asks whether the
    company is open. Open invitations are withdrawn, and every owner is told by mail.

    Raises: NotAllowedError.
    """
    company = lock_company_for(acting, Permission.COMPANY_CLOSE, at=now)
    company.closed_at = now
    company.save(update_fields=["closed_at"])
    for invitation in Invitation.objects.open().filter(company=company).order_by("pk"):
        revoke(invitation, actor=actor, now=now)
    audit(CompanyEvent.CLOSED, actor=actor, now=now, company=company.ref)
    owners = Membership.objects.owners().filter(company=company).select_related("user")
    for owner in owners.by_person():
        notifications.send_closed(company, owner.user, by=acting.user)
    return company
