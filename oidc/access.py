"""The gate from a token to what it opens: the one decision, asked anew each time."""

from datetime import datetime

from accounts.models import User
from oidc.models import AccessToken, ClientProfile, Grant, MachineToken
from oidc.queries import Admission, list_admissions
from services.access import Access, Basis, access_in_session, machine_access
from vop.lib.errors import NotFound


def get_access_of_grant(
    grant: Grant, client: ClientProfile, *, at: datetime, basis: Basis | None = None
) -> Access | None:
    """Return what the grant's person may do now, or nothing when the grant or the access ended.

    Its `basis` may have been read with it, for the same instant.
    """
    if grant.revoked_at is not None or client.disabled_at is not None:
        return None
    decision = access_in_session(
        grant.user, grant.company, client.service, grant.proof, at, basis=basis
    )
    return decision if isinstance(decision, Access) else None


def get_access_of_token(token: AccessToken, basis: Basis, *, at: datetime) -> Access | None:
    """Return what an access token opens at the instant it was read for, or nothing."""
    if token.expires_at <= at:
        return None
    return get_access_of_grant(token.grant, token.grant.client, at=at, basis=basis)


def get_admission_for(user: User, client_id: str, *, at: datetime) -> Admission:
    """Return what a person let one service do.

    Raises: NotFound.
    """
    for admission in list_admissions(user, at=at):
        if admission.client.client_id_text == client_id:
            return admission
    raise NotFound


def get_access_of_machine_token(token: MachineToken, *, at: datetime) -> Access | None:
    """Return what a machine's token opens now, or nothing."""
    client = token.client
    if token.expires_at <= at or client.disabled_at is not None:
        return None
    decision = machine_access(token.company, client.service, at)
    return decision if isinstance(decision, Access) else None
