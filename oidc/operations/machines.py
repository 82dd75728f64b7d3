"""Tokens for machines: a client of a service that acts for its one company (RFC 6749 4.4)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import CharField, Exists, Model

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
from oidc.queries import Caller, ClientChangedError, list_unchanged_secrets
from services.access import NoAccess, find_unchanged_machine_basis, machine_access
from vop.lib.crypto import digest
from vop.lib.db import use_case
from vop.lib.statements import Found, Parameter, new_row, write

_STANDS = Found(
    lambda: (
        list_unchanged_secrets()
        .filter(Exists(find_unchanged_machine_basis()), version=Parameter("version", CharField()))
        .values_list("pk")
    )
)


def issue_machine_token(
    *,
    caller: Caller,
    scope: str,
    actor: Actor,
    now: datetime,
    jkt: str = "",
) -> TokenSet:
    """Give a machine a token for its company, as long as the company has the service.

    Raises: ProtocolError, ClientChangedError.
    """
    client, basis = caller.profile, caller.known.machine_basis
    company = client.machine_company
    if company is None:
        raise ProtocolError("unauthorized_client", "The client is bound to no company.")
    scopes = _choose_scopes(client, scope)
    access = machine_access(company, client.service, now, basis=basis)
    if isinstance(access, NoAccess):
        if not caller.is_confirmed:
            raise ClientChangedError
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
    _write(caller, row, *event, at=now)
    lasts = int((ends - now).total_seconds())
    return TokenSet(
        access_token=token, expires_in=lasts, scope=scope, id_token="", refresh_token="", jkt=jkt
    )


def _write(caller: Caller, *rows: Model, at: datetime) -> None:
    """Write a token, as long as what is remembered of its client and its access still stands."""
    if caller.is_confirmed:
        write(*rows)
        return
    client, grounds = caller.profile, caller.known.machine_basis
    if len(grounds) > 1:  # one that overlaps the next: not worth a statement of its own
        raise ClientChangedError
    _until, basis_version = grounds[0]
    is_done = write(
        *rows,
        when=_STANDS,
        at=at,
        secret=caller.secret,
        version=caller.known.secrets[caller.secret],
        company_id=client.machine_company_id,
        service_id=client.service_id,
        basis_version=basis_version,
    )
    if not is_done:
        raise ClientChangedError


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
