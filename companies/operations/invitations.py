"""Inviting people by mail, and what they make of it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from auditlog.actors import Actor
from auditlog.events import EventType
from auditlog.operations import audit
from companies import notifications
from companies.events import MemberEvent
from companies.models import Company, Invitation, Membership, Permission, Role
from companies.operations.rules import (
    AlreadyInvitedError,
    AlreadyMemberError,
    InvitationGoneError,
    JustSentError,
    check_address,
    check_may,
    check_owner_rights,
    check_roles,
    lock_company,
    settled,
)
from vop.lib.db import step, use_case

VALID_FOR = timedelta(days=14)
RESEND_AFTER = timedelta(minutes=1)


@use_case
def invite_person(
    *,
    company: Company,
    email: str,
    full_name: str,
    roles: Collection[Role],
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Invitation:
    """Send an offer to join the company with roles, good for two weeks.

    Raises: NotAllowedError, NoRoleError, FirmRoleError, OwnerOnlyError, EmailDomainError,
    AlreadyMemberError, AlreadyInvitedError.
    """
    company = lock_company(company.pk)
    permissions = check_may(acting, company, Permission.MEMBER_INVITE, at=now)
    check_roles(company, roles)
    check_owner_rights(permissions, roles)
    email = email.strip().lower()
    check_address(company, email)
    members = Membership.objects.open(settled(now)).filter(company=company)
    if members.filter(user__email=email).exists():
        raise AlreadyMemberError
    _make_room(company, email, now)
    return send_new(
        company=company,
        email=email,
        full_name=full_name,
        roles=roles,
        acting=acting,
        actor=actor,
        now=now,
    )


@step
def send_new(
    *,
    company: Company,
    email: str,
    full_name: str,
    roles: Collection[Role],
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Invitation:
    """Send an invitation that is known to be right. Call under the company's lock."""
    invitation = Invitation.objects.create(
        company=company,
        email=email,
        full_name=full_name,
        roles=sorted(roles),
        invited_by=acting.user,
        created_at=now,
        expires_at=now + VALID_FOR,
    )
    audit_invitation(MemberEvent.INVITED, invitation, actor=actor, now=now)
    notifications.send_invitation(invitation)
    return invitation


@use_case
def resend_invitation(
    *, invitation: Invitation, acting: Membership, actor: Actor, now: datetime
) -> Invitation:
    """Send an invitation again, also one that ran out, good for another two weeks.

    Raises: NotAllowedError, OwnerOnlyError, EmailDomainError, InvitationGoneError, JustSentError.
    """
    company = lock_company(invitation.company_id)
    permissions = check_may(acting, company, Permission.MEMBER_INVITE, at=now)
    current = load_open(invitation, company)
    check_owner_rights(permissions, current.role_set)
    check_address(company, current.email)
    if current.expires_at > now + VALID_FOR - RESEND_AFTER:
        raise JustSentError
    current.expires_at = now + VALID_FOR
    current.invited_by = acting.user
    current.save(update_fields=["expires_at", "invited_by"])
    audit_invitation(MemberEvent.INVITE_RESENT, current, actor=actor, now=now)
    notifications.send_invitation(current)
    return current


@use_case
def revoke_invitation(
    *, invitation: Invitation, acting: Membership, actor: Actor, now: datetime
) -> Invitation:
    """Withdraw an invitation: its link stops working.

    Raises: NotAllowedError, InvitationGoneError.
    """
    company = lock_company(invitation.company_id)
    check_may(acting, company, Permission.MEMBER_INVITE, at=now)
    current = load_open(invitation, company)
    revoke(current, actor=actor, now=now)
    return current


@step
def revoke_invitations_of(member: Membership, *, actor: Actor, now: datetime) -> None:
    """Withdraw what a member sent and may no longer send; nobody leaves a back door open."""
    member = Membership.objects.prefetch_related("role_grants").get(pk=member.pk)
    permissions = member.permissions_now(settled(now))
    sent = Invitation.objects.open().filter(
        company_id=member.company_id, invited_by_id=member.user_id
    )
    for invitation in sent.select_related("company").order_by("pk"):
        needed = {Permission.MEMBER_INVITE}
        if Role.OWNER in invitation.role_set:
            needed.add(Permission.OWNER_ASSIGN)
        if not needed <= permissions:
            revoke(invitation, actor=actor, now=now)


def _make_room(company: Company, email: str, now: datetime) -> None:
    earlier = Invitation.objects.open().filter(company=company, email=email).first()
    if earlier is None:
        return
    if earlier.is_pending(now):
        raise AlreadyInvitedError
    earlier.revoked_at = now  # it ran out; an address has one open invitation
    earlier.save(update_fields=["revoked_at"])


def load_open(invitation: Invitation, company: Company) -> Invitation:
    """Return an invitation as it is under the company's lock.

    Raises: InvitationGoneError.
    """
    current = Invitation.objects.select_related("company", "invited_by").get(pk=invitation.pk)
    if current.company_id != company.pk or not current.is_open:
        raise InvitationGoneError
    return current


def revoke(invitation: Invitation, *, actor: Actor, now: datetime) -> None:
    """Withdraw an open invitation. Call under the company's lock."""
    invitation.revoked_at = now
    invitation.save(update_fields=["revoked_at"])
    audit_invitation(MemberEvent.INVITE_REVOKED, invitation, actor=actor, now=now)


def audit_invitation(
    event: EventType, invitation: Invitation, *, actor: Actor, now: datetime
) -> None:
    """Log what happened to an invitation."""
    audit(
        event,
        actor=actor,
        now=now,
        company=invitation.company.ref,
        target=invitation.ref,
        data={"email": invitation.email, "roles": invitation.roles},
    )
