"""Who is in a company and in which roles."""

from collections.abc import Collection
from datetime import datetime, timedelta

from accounts.models import User
from auditlog.actors import Actor
from auditlog.events import EventType
from auditlog.models import Event
from auditlog.operations import audit
from companies import signals
from companies.events import MemberEvent
from companies.models import Company, Membership, Permission, Role, RoleGrant
from companies.operations.assignments import end_assignments_of
from companies.operations.invitations import revoke_invitations_of
from companies.operations.rules import (
    AUDITOR_DAYS,
    AlreadyMemberError,
    EndPassedError,
    MemberGoneError,
    OwnMembershipError,
    OwnRolesError,
    check_may,
    check_not_main_contact,
    check_other_owner,
    check_owner_rights,
    check_roles,
    load_member,
    lock_company,
    settled,
)
from vop.lib.db import step, use_case


@step
def add_member(
    *, company: Company, user: User, roles: Collection[Role], actor: Actor, now: datetime
) -> Membership:
    """Make a person a member with roles from now on.

    Raises: NoRoleError, FirmRoleError, AlreadyMemberError.
    """
    company = lock_company(company.pk)
    check_roles(company, roles)
    if Membership.objects.open(settled(now)).filter(company=company, user=user).exists():
        raise AlreadyMemberError
    membership = Membership.objects.create(company=company, user=user, valid_from=now)
    audit(MemberEvent.ADDED, actor=actor, now=now, company=company.ref, target=user.ref)
    for role in sorted(roles):
        grant_role(membership=membership, role=role, actor=actor, now=now)
    return membership


@step
def grant_role(
    *,
    membership: Membership,
    role: Role,
    actor: Actor,
    now: datetime,
    valid_until: datetime | None = None,
) -> RoleGrant:
    """Give a member a role; an auditor's ends after 60 days unless told otherwise."""
    if role == Role.AUDITOR and valid_until is None:
        valid_until = now + timedelta(days=AUDITOR_DAYS)
    grant = RoleGrant.objects.create(
        membership=membership, role=role, valid_from=now, valid_until=valid_until
    )
    audit(
        MemberEvent.ROLE_GRANTED,
        actor=actor,
        now=now,
        company=membership.company.ref,
        target=membership.user.ref,
        data={"role": role.value, "until": valid_until},
    )
    return grant


@step
def add_owner(
    *, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> RoleGrant | None:
    """Make a member an owner beside what they are, unless they are one.

    Raises: NotAllowedError, MemberGoneError, OwnRolesError.
    """
    company = lock_company(membership.company_id)
    check_may(acting, company, Permission.OWNER_ASSIGN, at=now)
    member = load_member(membership, company, at=now)
    if member.suspended_at is not None or member.valid_until is not None:
        raise MemberGoneError
    if Role.OWNER in member.roles_at(settled(now)):
        return None
    if member.pk == acting.pk:
        raise OwnRolesError
    return grant_role(membership=member, role=Role.OWNER, actor=actor, now=now)


@use_case
def change_roles(
    *,
    membership: Membership,
    roles: Collection[Role],
    auditor_until: datetime | None,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Membership:
    """Give a member exactly these roles from now on; `auditor_until` ends the auditor's.

    Raises: NotAllowedError, MemberGoneError, OwnRolesError, NoRoleError, FirmRoleError,
    OwnerOnlyError, LastOwnerError.
    """
    company = lock_company(membership.company_id)
    permissions = check_may(acting, company, Permission.ROLE_ASSIGN, at=now)
    member = load_member(membership, company, at=now)
    if member.pk == acting.pk:
        raise OwnRolesError
    check_roles(company, roles)
    held = {
        Role(grant.role): grant for grant in member.role_grants.all() if grant.is_open(settled(now))
    }
    check_owner_rights(permissions, held, roles)
    if Role.OWNER in held and Role.OWNER not in roles:
        check_other_owner(company, member)
    for role in sorted(held.keys() - set(roles)):
        _revoke_role(held[role], member, actor=actor, now=now)
    for role in sorted(set(roles) - held.keys()):
        until = auditor_until if role == Role.AUDITOR else None
        grant_role(membership=member, role=role, valid_until=until, actor=actor, now=now)
    if Role.AUDITOR in held and Role.AUDITOR in roles and auditor_until:
        _set_end(held[Role.AUDITOR], member, until=auditor_until, actor=actor, now=now)
    revoke_invitations_of(member, actor=actor, now=now)
    return member


@use_case
def suspend_member(
    *, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> Membership:
    """Shut a member out until further notice, as during a leave.

    Raises: NotAllowedError, MemberGoneError, OwnMembershipError, OwnerOnlyError,
    LastOwnerError, MainContactError.
    """
    company = lock_company(membership.company_id)
    permissions = check_may(acting, company, Permission.MEMBER_UPDATE, at=now)
    member = load_member(membership, company, at=now)
    if member.pk == acting.pk:
        raise OwnMembershipError
    if member.suspended_at is not None:
        return member
    _check_can_be_shut_out(company, member, permissions, at=now)
    member.suspended_at = now
    member.save(update_fields=["suspended_at"])
    audit(
        MemberEvent.DEACTIVATED, actor=actor, now=now, company=company.ref, target=member.user.ref
    )
    revoke_invitations_of(member, actor=actor, now=now)
    end_assignments_of(member, reason="membership_suspended", actor=actor, now=now)
    signals.membership_suspended.send(sender=Membership, membership=member, actor=actor, now=now)
    return member


@use_case
def reactivate_member(
    *, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> Membership:
    """Let a suspended member in again, with the roles they had.

    Raises: NotAllowedError, MemberGoneError, OwnerOnlyError.
    """
    company = lock_company(membership.company_id)
    permissions = check_may(acting, company, Permission.MEMBER_UPDATE, at=now)
    member = load_member(membership, company, at=now)
    if member.suspended_at is None:
        return member
    check_owner_rights(permissions, member.roles_at(settled(now)))
    member.suspended_at = None
    member.save(update_fields=["suspended_at"])
    audit(
        MemberEvent.REACTIVATED, actor=actor, now=now, company=company.ref, target=member.user.ref
    )
    signals.membership_resumed.send(sender=Membership, membership=member, actor=actor, now=now)
    return member


@use_case
def set_last_day(
    *,
    membership: Membership,
    valid_until: datetime | None,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Membership:
    """Let a membership end by itself at an instant, or go on without an end.

    Raises: NotAllowedError, MemberGoneError, OwnMembershipError, OwnerOnlyError, LastOwnerError,
    MainContactError, EndPassedError.
    """
    company = lock_company(membership.company_id)
    permissions = check_may(acting, company, Permission.MEMBER_UPDATE, at=now)
    member = load_member(membership, company, at=now)
    if member.pk == acting.pk:
        raise OwnMembershipError
    if valid_until is not None and valid_until <= settled(now):
        raise EndPassedError
    if member.valid_until == valid_until:
        return member
    if valid_until is None:
        check_owner_rights(permissions, member.roles_at(settled(now)))
    else:
        _check_can_be_shut_out(company, member, permissions, at=now)
    before, member.valid_until = member.valid_until, valid_until
    member.save(update_fields=["valid_until"])
    audit(
        MemberEvent.LAST_DAY_SET,
        actor=actor,
        now=now,
        company=company.ref,
        target=member.user.ref,
        data={"until": valid_until, "before": before},
    )
    signals.membership_end_set.send(
        sender=Membership, membership=member, before=before, actor=actor, now=now
    )
    return member


@use_case
def end_membership(
    *, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> Membership:
    """Take somebody out of a company for good; what they did stays.

    Raises: as `end_member`.
    """
    return end_member(membership=membership, acting=acting, actor=actor, now=now)


@step
def end_member(
    *, membership: Membership, acting: Membership, actor: Actor, now: datetime
) -> Membership:
    """End a membership as a part of something larger, such as a hand-over.

    Raises: NotAllowedError, MemberGoneError, OwnerOnlyError, LastOwnerError, MainContactError.
    """
    company = lock_company(membership.company_id)
    permissions = check_may(acting, company, Permission.MEMBER_END, at=now)
    member = load_member(membership, company, at=now)
    _check_can_be_shut_out(company, member, permissions, at=now)
    return _end(member, reason="removed", actor=actor, now=now)


@use_case
def leave_company(*, membership: Membership, actor: Actor, now: datetime) -> Membership:
    """End one's own membership.

    Raises: MemberGoneError, LastOwnerError, MainContactError.
    """
    company = lock_company(membership.company_id)
    member = load_member(membership, company, at=now)
    if member.suspended_at is not None:
        raise MemberGoneError
    _check_can_be_shut_out(company, member, frozenset(Permission), at=now)
    return _end(member, reason="left", actor=actor, now=now)


@use_case
def record_export(
    *,
    acting: Membership,
    kind: str,
    actor: Actor,
    now: datetime,
    event: EventType = MemberEvent.EXPORTED,
) -> Event:
    """Write down that somebody took a list, of members unless said otherwise, out of here."""
    return audit(
        event,
        actor=actor,
        now=now,
        company=acting.company.ref,
        data={"kind": kind},
    )


def _check_can_be_shut_out(
    company: Company, member: Membership, permissions: frozenset[Permission], *, at: datetime
) -> None:
    roles = member.roles_at(settled(at))
    check_owner_rights(permissions, roles)
    if Role.OWNER in roles:
        check_other_owner(company, member)
    check_not_main_contact(company, member)


def _end(member: Membership, *, reason: str, actor: Actor, now: datetime) -> Membership:
    for grant in member.role_grants.all():
        if grant.is_open(settled(now)):
            grant.valid_until = max(now, grant.valid_from)
            grant.save(update_fields=["valid_until"])
    member.valid_until = max(now, member.valid_from)
    member.save(update_fields=["valid_until"])
    audit(
        MemberEvent.ENDED,
        actor=actor,
        now=now,
        company=member.company.ref,
        target=member.user.ref,
        data={"reason": reason},
    )
    revoke_invitations_of(member, actor=actor, now=now)
    end_assignments_of(member, reason="membership_ended", actor=actor, now=now)
    signals.membership_ended.send(sender=Membership, membership=member, actor=actor, now=now)
    return member


def _revoke_role(grant: RoleGrant, member: Membership, *, actor: Actor, now: datetime) -> None:
    grant.valid_until = max(now, grant.valid_from)
    grant.save(update_fields=["valid_until"])
    audit(
        MemberEvent.ROLE_REVOKED,
        actor=actor,
        now=now,
        company=member.company.ref,
        target=member.user.ref,
        data={"role": grant.role},
    )


def _set_end(
    grant: RoleGrant, member: Membership, *, until: datetime, actor: Actor, now: datetime
) -> None:
    if grant.valid_until == until:
        return
    before, grant.valid_until = grant.valid_until, until
    grant.save(update_fields=["valid_until"])
    audit(
        MemberEvent.EXPIRY_SET,
        actor=actor,
        now=now,
        company=member.company.ref,
        target=member.user.ref,
        data={"role": grant.role, "until": until, "before": before},
    )
