"""How an invited person comes in."""

from datetime import datetime

from accounts.models import User
from auditlog.actors import Actor
from companies.events import MemberEvent
from companies.models import Invitation, Membership
from companies.operations.invitations import audit_invitation, load_open
from companies.operations.members import add_member
from companies.operations.rules import (
    InvitationGoneError,
    NotInvitedError,
    check_address,
    lock_company,
)
from vop.lib.db import use_case


@use_case
def accept_invitation(
    *, invitation: Invitation, user: User, actor: Actor, now: datetime
) -> Membership:
    """Make the invited person a member with the roles they were offered.

    Raises: InvitationGoneError, NotInvitedError, EmailDomainError, AlreadyMemberError.
    """
    company = lock_company(invitation.company_id)
    current = load_open(invitation, company)
    if company.closed_at is not None or not current.is_pending(now):
        raise InvitationGoneError
    if user.email.lower() != current.email:
        raise NotInvitedError
    check_address(company, current.email)
    current.accepted_at = now
    current.save(update_fields=["accepted_at"])
    audit_invitation(MemberEvent.INVITE_ACCEPTED, current, actor=actor, now=now)
    membership = add_member(
        company=company, user=user, roles=current.role_set, actor=actor, now=now
    )
    membership.last_used_at = now
    membership.save(update_fields=["last_used_at"])
    return membership
