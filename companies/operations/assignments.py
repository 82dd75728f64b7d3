"""Who in a firm does the work for a client, and whom a client shuts out.

Nobody assigns themselves, and who assigns gets nothing by it. What an assignment covers is written
by the room above (services.operations.mandates).
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.actors import Actor
from auditlog.operations import audit
from companies import notifications, signals
from companies.events import AssignmentEvent
from companies.models import (
    Assignment,
    AssignmentQuerySet,
    Block,
    Company,
    Mandate,
    Membership,
    Permission,
)
from companies.operations.rules import (
    NotAllowedError,
    check_may,
    lock_companies,
    lock_company,
    settled,
)
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError


class NoMandateError(DomainError):
    message = _("The mandate is not in force any more.")


class OwnAssignmentError(DomainError):
    message = _("Nobody assigns themselves: ask another who may assign people.")


class NotInFirmError(DomainError):
    message = _("This person is not an active member of the firm.")


class BlockedError(DomainError):
    message = _("The client has blocked this person.")


class AssignmentTooLongError(DomainError):
    message = _("An assignment can't last longer than the mandate and the membership.")


class AssignmentGoneError(DomainError):
    message = _("This assignment has ended already.")


class NotAssignedError(DomainError):
    message = _("This person does not work for the company through a firm.")


class AlreadyBlockedError(DomainError):
    message = _("This person is blocked already.")


class NotBlockedError(DomainError):
    message = _("This person is not blocked any more.")


@dataclass(frozen=True, slots=True)
class OpenedAssignment:
    """A new assignment, and the person's former one in the same mandate, which it replaces.

    The former one is over, and `announce_end` tells those above once the new one has its items.
    """

    assignment: Assignment
    former: Assignment | None


@step
def open_assignment(
    *,
    mandate: Mandate,
    membership: Membership,
    valid_until: datetime,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> OpenedAssignment:
    """Have a member of the firm work under a mandate until an instant at most its own end.

    Raises: NotAllowedError, NoMandateError, OwnAssignmentError, NotInFirmError, BlockedError,
    AssignmentTooLongError.
    """
    lock_companies({mandate.client_id, mandate.firm_id})
    current = Mandate.objects.with_parties().get(pk=mandate.pk)
    check_manages(acting, current, at=now)
    if membership.user_id == acting.user_id:
        raise OwnAssignmentError
    return place(
        mandate=current,
        membership=membership,
        valid_until=valid_until,
        assigned_by=acting.user,
        actor=actor,
        now=now,
    )


@step
def place(
    *,
    mandate: Mandate,
    membership: Membership,
    valid_until: datetime,
    assigned_by: User,
    actor: Actor,
    now: datetime,
) -> OpenedAssignment:
    """Write an assignment that somebody with the right decided on, under both parties' locks.

    Raises: NoMandateError, NotInFirmError, BlockedError, AssignmentTooLongError.
    """
    if mandate.approved_at is None or mandate.is_over(settled(now)):
        raise NoMandateError
    member = Membership.objects.select_related("user", "company").get(pk=membership.pk)
    is_there = member.is_in_force(settled(now)) and member.user.is_active
    if member.company_id != mandate.firm_id or not is_there:
        raise NotInFirmError
    if Block.objects.filter(company=mandate.client_id, user=member.user, valid_until=None).exists():
        raise BlockedError
    latest = min(mandate.ends_at, member.valid_until or mandate.ends_at)
    if not now < valid_until <= latest:
        raise AssignmentTooLongError
    former = _make_room(mandate, member, actor=actor, now=now)
    assignment = Assignment.objects.create(
        mandate=mandate,
        membership=member,
        user=member.user,
        assigned_by=assigned_by,
        valid_from=now,
        valid_until=valid_until,
    )
    _audit(AssignmentEvent.CREATED, assignment, actor=actor, now=now, until=valid_until)
    return OpenedAssignment(assignment, former)


@step
def announce_end(assignment: Assignment, *, actor: Actor, now: datetime) -> None:
    """Tell those above that an assignment ended."""
    signals.assignment_ended.send(sender=Assignment, assignment=assignment, actor=actor, now=now)


@use_case
def end_assignment(
    *, assignment: Assignment, acting: Membership, actor: Actor, now: datetime
) -> Assignment:
    """Take a member of the firm off a client now.

    Raises: NotAllowedError, AssignmentGoneError.
    """
    lock_companies({assignment.mandate.client_id, assignment.mandate.firm_id})
    current = Assignment.objects.with_names().get(pk=assignment.pk)
    check_manages(acting, current.mandate, at=now)
    if current.ended_at is not None or not current.is_open(now):
        raise AssignmentGoneError
    _end(current, reason="released", actor=actor, now=now)
    announce_end(current, actor=actor, now=now)
    return current


@step
def end_assignments(
    assignments: AssignmentQuerySet, *, reason: str, actor: Actor, now: datetime
) -> None:
    """End assignments because what they rest on ended."""
    for assignment in list(assignments.with_names().order_by("pk")):
        _end(assignment, reason=reason, actor=actor, now=now)
        announce_end(assignment, actor=actor, now=now)


@step
def end_assignments_of(member: Membership, *, reason: str, actor: Actor, now: datetime) -> None:
    """End what a member of a firm does for clients, when they leave or are suspended.

    Suspended too: an assignment that came back with the member would change what held meanwhile.
    """
    end_assignments(member.assignments.filter(ended_at=None), reason=reason, actor=actor, now=now)
    Mandate.objects.filter(lead=member, settled_at=None).update(lead=None)


@use_case
def block_person(
    *, company: Company, user: User, acting: Membership, actor: Actor, now: datetime
) -> Block:
    """Shut one person of the company's firms out at once, whatever mandate they come through.

    Raises: NotAllowedError, NotAssignedError, AlreadyBlockedError.
    """
    company = lock_company(company.pk)
    check_may(acting, company, Permission.MANDATE_END, at=now)
    if Block.objects.filter(company=company, user=user, valid_until=None).exists():
        raise AlreadyBlockedError
    open_ones = Assignment.objects.not_ended(now).filter(user=user, mandate__client=company)
    assigned = list(open_ones.with_names().order_by("pk"))
    if not assigned:
        raise NotAssignedError
    block = Block.objects.create(company=company, user=user, blocked_by=acting.user, valid_from=now)
    firms = {assignment.mandate.firm_id: assignment.mandate for assignment in assigned}
    audit(
        AssignmentEvent.BLOCKED,
        actor=actor,
        now=now,
        company=company.ref,
        target=user.ref,
        also_visible_to=firms.keys(),
    )
    signals.person_blocked.send(sender=Block, block=block, actor=actor, now=now)
    for mandate in firms.values():
        notifications.send_block(mandate, user, at=now)
    return block


@use_case
def unblock_person(*, block: Block, acting: Membership, actor: Actor, now: datetime) -> Block:
    """Let a blocked person in again, as far as an assignment still stands.

    Raises: NotAllowedError, NotBlockedError.
    """
    company = lock_company(block.company_id)
    check_may(acting, company, Permission.MANDATE_END, at=now)
    current = Block.objects.select_related("user").get(pk=block.pk)
    if current.valid_until is not None:
        raise NotBlockedError
    current.valid_until = max(now, current.valid_from)
    current.save(update_fields=["valid_until"])
    firms = Mandate.objects.in_force(now).filter(client=company, assignments__user=current.user)
    audit(
        AssignmentEvent.UNBLOCKED,
        actor=actor,
        now=now,
        company=company.ref,
        target=current.user.ref,
        also_visible_to=set(firms.values_list("firm_id", flat=True)),
    )
    return current


@step
def note_use(*, user: User, company: Company, now: datetime) -> None:
    """Note that a person worked for a client just now: the client sees when that last was."""
    Assignment.objects.with_grounds(now).filter(user=user, mandate__client=company).update(
        last_used_at=now
    )


def check_manages(acting: Membership, mandate: Mandate, *, at: datetime) -> None:
    """Refuse whoever may not decide who works for this client: leads decide for their own.

    Raises: NotAllowedError.
    """
    permissions = check_may(acting, mandate.firm, Permission.ASSIGNMENT_CREATE, at=at)
    if Permission.MANDATE_REQUEST not in permissions and mandate.lead_id != acting.pk:
        raise NotAllowedError


def _make_room(
    mandate: Mandate, member: Membership, *, actor: Actor, now: datetime
) -> Assignment | None:
    """End the member's assignment in the mandate, so that another can take its place."""
    former = (
        Assignment.objects.filter(mandate=mandate, membership=member, ended_at=None)
        .with_names()
        .first()
    )
    if former is not None:
        _end(former, reason="reassigned", actor=actor, now=now)
    return former


def _end(assignment: Assignment, *, reason: str, actor: Actor, now: datetime) -> None:
    # What ran out by its date ended then, whenever that is written down.
    assignment.ended_at = min(max(now, assignment.valid_from), assignment.valid_until)
    assignment.save(update_fields=["ended_at"])
    _audit(AssignmentEvent.ENDED, assignment, actor=actor, now=now, reason=reason)


def _audit(
    event: AssignmentEvent, assignment: Assignment, *, actor: Actor, now: datetime, **data: object
) -> None:
    audit(
        event,
        actor=actor,
        now=now,
        company=assignment.mandate.client.ref,
        target=assignment.user.ref,
        data={"mandate": str(assignment.mandate_id), **data},
        also_visible_to=[assignment.mandate.firm_id],
    )
