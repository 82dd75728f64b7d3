"""The gates from an address to a company's rows."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.core import signing
from django.core.exceptions import PermissionDenied

from accounts.models import User
from companies.models import (
    AccessReview,
    Assignment,
    Block,
    Company,
    Invitation,
    Mandate,
    Membership,
    Permission,
    SupportGrant,
)
from companies.queries import (
    get_assigned_person,
    get_assignment,
    get_assignment_of,
    get_block,
    get_invitation,
    get_mandate,
    get_member,
    get_membership,
    get_review,
)
from vop.lib.errors import NotFound

INVITATION_SALT = "companies.invitation"


def get_membership_for(
    user: User, company_id: uuid.UUID, permission: Permission, *, at: datetime
) -> Membership:
    """Return the membership through which a person may do something in a company.

    Raises: NotFound for an outsider, PermissionDenied for a member without the right.
    """
    membership = get_membership(user, company_id, at=at)
    if membership is None:
        raise NotFound
    if permission not in membership.permissions_at(at):
        raise PermissionDenied
    return membership


@dataclass(frozen=True, slots=True)
class Standing:
    """How a person may act for a company: as a member, or through a firm (then without rights)."""

    company: Company
    permissions: frozenset[Permission]
    membership: Membership | None = None
    assignment: Assignment | None = None


def get_standing_for(user: User, company_id: uuid.UUID, *, at: datetime) -> Standing:
    """Return through what a person may act for a company: their membership before a firm's mandate.

    Raises: NotFound for an outsider, PermissionDenied for a member without any role.
    """
    membership = get_membership(user, company_id, at=at)
    permissions = membership.permissions_at(at) if membership else frozenset()
    if membership is not None and permissions:
        return Standing(membership.company, permissions, membership=membership)
    assignment = get_assignment(user, company_id, at=at)
    if assignment is not None:
        return Standing(assignment.mandate.client, frozenset(), assignment=assignment)
    if membership is not None:
        raise PermissionDenied
    raise NotFound


def get_member_for(company: Company, membership_id: uuid.UUID, *, at: datetime) -> Membership:
    """Return a member of the company of a page, suspended or not.

    Raises: NotFound.
    """
    member = get_member(company.pk, membership_id, at=at)
    if member is None:
        raise NotFound
    return member


def get_invitation_for(company: Company, invitation_id: uuid.UUID) -> Invitation:
    """Return an invitation of the company of a page, used or not.

    Raises: NotFound.
    """
    invitation = get_invitation(invitation_id)
    if invitation is None or invitation.company_id != company.pk:
        raise NotFound
    return invitation


def get_mandate_for(company: Company, mandate_id: uuid.UUID) -> Mandate:
    """Return a mandate that the company of a page gave, holds or is asked for.

    Raises: NotFound.
    """
    mandate = get_mandate(company.pk, mandate_id)
    if mandate is None:
        raise NotFound
    return mandate


def get_held_mandate_for(firm: Company, mandate_id: uuid.UUID) -> Mandate:
    """Return a mandate that the company of a page holds as the firm.

    Raises: NotFound.
    """
    mandate = get_mandate_for(firm, mandate_id)
    if mandate.firm_id != firm.pk:
        raise NotFound
    return mandate


def get_assignment_for(mandate: Mandate, assignment_id: uuid.UUID) -> Assignment:
    """Return an assignment under the mandate of a page.

    Raises: NotFound.
    """
    assignment = get_assignment_of(mandate, assignment_id)
    if assignment is None:
        raise NotFound
    return assignment


def get_review_for(firm: Company) -> AccessReview:
    """Return the latest access review of the firm of a page.

    Raises: NotFound when there was none yet.
    """
    review = get_review(firm.pk)
    if review is None:
        raise NotFound
    return review


def get_assigned_person_for(company: Company, user_id: uuid.UUID) -> User:
    """Return somebody whom one of the company's firms assigned to it.

    Raises: NotFound.
    """
    user = get_assigned_person(company.pk, user_id)
    if user is None:
        raise NotFound
    return user


def get_block_for(company: Company, block_id: uuid.UUID) -> Block:
    """Return a block that the company of a page made.

    Raises: NotFound.
    """
    block = get_block(company.pk, block_id)
    if block is None:
        raise NotFound
    return block


def get_support_grant_for(company: Company, grant_id: uuid.UUID) -> SupportGrant:
    """Return an access of support to the company of a page.

    Raises: NotFound.
    """
    grant = SupportGrant.objects.filter(company=company, pk=grant_id).first()
    if grant is None:
        raise NotFound
    return grant


def sign_invitation(invitation: Invitation) -> str:
    """Return what stands in the link of the mail; only our key can make it, and no row holds it."""
    return signing.dumps(str(invitation.pk), salt=INVITATION_SALT)


def get_invitation_by_token(token: str) -> Invitation:
    """Return the invitation of a link, used or not.

    Raises: NotFound.
    """
    try:
        invitation_id = uuid.UUID(signing.loads(token, salt=INVITATION_SALT))
    except signing.BadSignature as error:
        raise NotFound from error
    invitation = get_invitation(invitation_id)
    if invitation is None:
        raise NotFound
    return invitation
