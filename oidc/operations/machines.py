"""Tokens for machines: a client of a service that acts for its one company (RFC 6749 4.4)."""

from datetime import datetime, timedelta

from django.conf import settings

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit, describe_event
from companies.models import Company
from oidc.events import ProviderEvent
from oidc.models import ClientProfile, MachineToken
from oidc.operations.grants import make_token
from oidc.operations.tokens import TokenSet
from oidc.protocol.errors import ProtocolError
from oidc.protocol.metadata import SCOPES
from services.access import MachineBasis, NoAccess, machine_access
from vop.lib.crypto import digest
from vop.lib.db import use_case
from vop.lib.statements import new_row, write


def issue_machine_token(
    *,
    client: ClientProfile,
    scope: str,
    actor: Actor,
    now: datetime,
    jkt: str = "",
    basis: MachineBasis | None = None,
) -> TokenSet:
    """Give a machine a token for its company, as long as the company has the service.

    The `basis` of that may have been read with the client, for the same instant.

    Raises: ProtocolError.
    """
    company = client.machine_company
    if company is None:
        raise ProtocolError("unauthorized_client", "The client is bound to no company.")
    scopes = _choose_scopes(client, scope)
    access = machine_access(company, client.service, now, basis=basis)
    if isinstance(access, NoAccess):
        _audit_denial(client, company, access, actor, now)
        raise ProtocolError("unauthorized_client", f"No access: {access.reason.value}.")
    token = make_token()
    ends = now + timedelta(seconds=settings.OIDC_TOKEN_EXPIRE)
    ends = min(ends, access.until or ends)
    scope = " ".join(sorted(scopes))
    row = new_row(
        MachineToken,
        digest=digest(token),
        client=client,
        company=company,
        scope=scope,
        jkt=jkt,
        created_at=now,
        expires_at=ends,
    )
    event = describe_event(
        ProviderEvent.TOKEN_ISSUED,
        actor=actor,
        now=now,
        company=company.ref,
        target=client.service.ref,
        data={"client": client.client_id_text, "service": client.service.slug, "via": "machine"},
    )
    write(row, *event)
    lasts = int((ends - now).total_seconds())
    return TokenSet(
        access_token=token, expires_in=lasts, scope=scope, id_token="", refresh_token="", jkt=jkt
    )


def _choose_scopes(client: ClientProfile, wanted: str) -> frozenset[str]:
    """Return the service's own scopes that are asked for; those of a person aren't a machine's."""
    own = client.scopes - frozenset(SCOPES)
    scopes = frozenset(wanted.split()) or own
    if not scopes <= own:
        raise ProtocolError("invalid_scope", "A scope that this client may not ask for.")
    return scopes


@use_case
def _audit_denial(
    client: ClientProfile, company: Company, access: NoAccess, actor: Actor, now: datetime
) -> None:
    audit(
        ProviderEvent.AUTHORIZATION_DENIED,
        actor=actor,
        now=now,
        company=company.ref,
        target=client.service.ref,
        data={
            "client": client.client_id_text,
            "service": client.service.slug,
            "reason": access.reason.value,
        },
        outcome=Event.Outcome.DENIED,
    )
