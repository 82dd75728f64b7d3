"""The gates from an address to a company's rows."""

import uuid
from datetime import datetime

from django.core import signing
from django.core.exceptions import PermissionDenied

from accounts.models import User
from companies.models import Company, Invitation, Mandate, Membership, Permission
from companies.queries import get_invitation, get_mandate, get_member, get_membership
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
