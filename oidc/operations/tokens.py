"""Codes for tokens, refresh tokens for newer ones, and giving tokens back.

What is read decides nothing that two requests could both win: a code or refresh token is spent,
and what comes of it is written with its event, by one statement, whose condition says who won. A
reuse ends the grant in a transaction of its own, before the request is refused.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import CharField, DateTimeField, Model, UUIDField

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit, describe_event
from oidc.access import get_access_of_grant
from oidc.events import ProviderEvent
from oidc.models import (
    AccessToken,
    ClientProfile,
    Grant,
    MachineToken,
    RefreshToken,
    RevocationReason,
)
from oidc.operations.grants import gets_refresh_token, make_token, revoke_grants
from oidc.operations.keys import get_signer
from oidc.protocol import jose
from oidc.protocol.authorization import is_verifier_of
from oidc.protocol.claims import build_id_token
from oidc.protocol.errors import ProtocolError
from oidc.queries import Caller, find_grant_of_code, find_refresh_token
from services.access import Access, Basis
from vop.lib.crypto import digest
from vop.lib.db import step, use_case
from vop.lib.statements import Parameter, Update, new_row, write

logger = logging.getLogger(__name__)

REFRESH_IDLE = timedelta(days=30)
REUSE_GRACE = timedelta(seconds=10)  # two tabs at once: the slower one is refused, nothing more

_NOW = Parameter("now", DateTimeField())
_REDEEM = Update(
    lambda: Grant.objects.filter(
        pk=Parameter("pk", UUIDField()), redeemed_at=None, revoked_at=None
    ),
    redeemed_at=_NOW,
)
_SPEND = Update(
    lambda: RefreshToken.objects.filter(pk=Parameter("pk", CharField()), used_at=None),
    used_at=_NOW,
)
_KEEP = Update(  # a refresh token that doesn't rotate: its idle time begins anew
    lambda: RefreshToken.objects.filter(pk=Parameter("pk", CharField()), used_at=None),
    expires_at=Parameter("ends", DateTimeField()),
)


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What the token endpoint hands out; the only place where tokens stand in the clear."""

    access_token: str
    expires_in: int
    scope: str
    id_token: str
    refresh_token: str
    jkt: str = ""

    def as_json(self) -> Mapping[str, Any]:
        """Return the body of the answer (RFC 6749 5.1, Core 3.1.3.3)."""
        optional = {"id_token": self.id_token, "refresh_token": self.refresh_token}
        return {
            "access_token": self.access_token,
            "token_type": "DPoP" if self.jkt else "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
            **{name: value for name, value in optional.items() if value},
        }


def redeem_code(
    *,
    caller: Caller,
    code: str,
    redirect_uri: str,
    verifier: str | None,
    actor: Actor,
    now: datetime,
    jkt: str = "",
) -> TokenSet:
    """Exchange a code for tokens, once.

    Raises: ProtocolError, ClientChangedError.
    """
    client = caller.profile
    found = find_grant_of_code(digest(code), caller=caller, at=now)
    if found is None or found[0].client_id != client.pk:
        raise _refuse("The code is unknown.")
    grant, basis = found
    if grant.redeemed_at is not None:
        raise _refuse_reuse(grant, RevocationReason.CODE_REUSED, actor, now)
    if not grant.is_code_usable(now):
        raise _refuse("The code is expired.")
    # What doesn't fit doesn't burn the code: that would let anybody deny service.
    misfit = _find_misfit(grant, redirect_uri, verifier, jkt)
    if misfit:
        raise _refuse(misfit)
    access = _need_access(grant, client, basis, actor, now)
    issued = _issue(grant, client, access, grant.scopes, nonce=grant.nonce, jkt=jkt, now=now)
    if gets_refresh_token(client, grant.scopes):
        issued.add_refresh_token(jkt if client.is_public else "")
    event = _describe_issue(ProviderEvent.TOKEN_ISSUED, grant, client, actor, now)
    if not write(*issued.rows, *event, when=_REDEEM, pk=grant.pk, now=now):
        raise _refuse_reuse(grant, RevocationReason.CODE_REUSED, actor, now)
    return issued.tokens


def refresh_tokens(
    *,
    caller: Caller,
    refresh_token: str,
    scope: str,
    actor: Actor,
    now: datetime,
    jkt: str = "",
) -> TokenSet:
    """Exchange a refresh token for newer tokens; it works once, unless the client is FAPI 2.0.

    Raises: ProtocolError, ClientChangedError.
    """
    client = caller.profile
    found = find_refresh_token(digest(refresh_token), caller=caller, at=now)
    if found is None or found[0].grant.client_id != client.pk:
        raise _refuse("The refresh token is unknown.")
    token, basis = found
    grant = token.grant
    _check_refresh_token(token, jkt, actor, now)
    scopes = frozenset(scope.split()) or grant.scopes
    if not scopes <= grant.scopes:
        raise ProtocolError("invalid_scope", "More than was granted.")
    access = _need_access(grant, client, basis, actor, now)
    issued = _issue(grant, client, access, scopes, jkt=jkt, now=now)
    event = _describe_issue(ProviderEvent.TOKEN_REFRESHED, grant, client, actor, now)
    if not client.rotates_refresh_tokens:
        ends = min(now + REFRESH_IDLE, grant.expires_at)
        write(*issued.rows, *event, when=_KEEP, pk=token.pk, ends=ends)
        return replace(issued.tokens, refresh_token=refresh_token)
    issued.add_refresh_token(token.jkt)
    if not write(*issued.rows, *event, when=_SPEND, pk=token.pk, now=now):
        # Somebody was faster, by less than this request took.
        raise _refuse("The refresh token was used just now.")
    return issued.tokens


@use_case
def give_back_token(*, caller: Caller, token: str, actor: Actor, now: datetime) -> None:
    """End a token for the client that has it; a refresh token takes its grant along (RFC 7009)."""
    client, name = caller.profile, digest(token)
    refresh = find_refresh_token(name, caller=caller, at=now)
    if refresh is not None and refresh[0].grant.client_id == client.pk:
        _revoke(refresh[0].grant, RevocationReason.BY_CLIENT, actor, now)
        return
    own = AccessToken.objects.filter(pk=name, grant__client=client, expires_at__gt=now)
    if own.update(expires_at=now):
        return
    MachineToken.objects.filter(pk=name, client=client, expires_at__gt=now).update(expires_at=now)


def _check_refresh_token(token: RefreshToken, jkt: str, actor: Actor, now: datetime) -> None:
    grant = token.grant
    if token.jkt and token.jkt != jkt:
        raise _refuse("The refresh token is bound to another key.")
    if token.used_at is not None and now - token.used_at <= REUSE_GRACE:
        raise _refuse("The refresh token was used just now.")
    if token.used_at is not None:
        raise _refuse_reuse(grant, RevocationReason.REFRESH_REUSED, actor, now)
    if grant.revoked_at is not None or min(token.expires_at, grant.expires_at) <= now:
        raise _refuse("The refresh token is expired or revoked.")


def _need_access(
    grant: Grant, client: ClientProfile, basis: Basis, actor: Actor, now: datetime
) -> Access:
    access = get_access_of_grant(grant, client, at=now, basis=basis)
    if access is None:
        _end(grant, RevocationReason.ACCESS_LOST, actor, now)
        raise _refuse("The person may not use the service for this company any more.")
    return access


@dataclass(slots=True)
class _Issue:
    """Tokens, and the rows that are to be written for them."""

    grant: Grant
    now: datetime
    tokens: TokenSet
    rows: list[AccessToken | RefreshToken]

    def add_refresh_token(self, jkt: str) -> None:
        """Make a refresh token as well."""
        token = make_token()
        self.tokens = replace(self.tokens, refresh_token=token)
        row = new_row(
            RefreshToken,
            digest=digest(token),
            grant=self.grant,
            jkt=jkt,
            created_at=self.now,
            expires_at=min(self.now + REFRESH_IDLE, self.grant.expires_at),
        )
        self.rows.append(row)


def _issue(
    grant: Grant,
    client: ClientProfile,
    access: Access,
    scopes: frozenset[str],
    *,
    jkt: str,
    now: datetime,
    nonce: str = "",
) -> _Issue:
    """Make an access token and an ID token."""
    access_token = make_token()
    ends = now + timedelta(seconds=settings.OIDC_TOKEN_EXPIRE)
    ends = min(end for end in (ends, grant.expires_at, access.until) if end is not None)
    scope = " ".join(sorted(scopes))
    row = new_row(
        AccessToken,
        digest=digest(access_token),
        grant=grant,
        scope=scope,
        jkt=jkt,
        created_at=now,
        expires_at=ends,
    )
    id_token = ""
    if "openid" in scopes:
        claims = build_id_token(
            grant=grant,
            client=client,
            access=access,
            access_token=access_token,
            nonce=nonce,
            now=now,
        )
        id_token = jose.sign(claims, get_signer(client.id_token_alg, now=now))
    tokens = TokenSet(
        access_token=access_token,
        expires_in=int((ends - now).total_seconds()),
        scope=scope,
        id_token=id_token,
        refresh_token="",
        jkt=jkt,
    )
    return _Issue(grant, now, tokens, [row])


def _find_misfit(grant: Grant, redirect_uri: str, verifier: str | None, jkt: str) -> str:
    if grant.redirect_uri != redirect_uri:
        return "The code was issued for another redirect_uri."
    if not is_verifier_of(verifier, grant.code_challenge):
        return "code_verifier does not fit."
    if grant.code_jkt and grant.code_jkt != jkt:
        return "The code is bound to another key."
    return ""


def _refuse(description: str) -> ProtocolError:
    return ProtocolError("invalid_grant", description)


@use_case
def _refuse_reuse(
    grant: Grant, reason: RevocationReason, actor: Actor, now: datetime
) -> ProtocolError:
    """End a grant whose code or refresh token came a second time: one of the two was stolen."""
    logger.warning("Grant %s is revoked: %s", grant.pk, reason.value)
    if _revoke(grant, reason, actor, now):
        audit(
            ProviderEvent.TOKEN_REUSE_DETECTED,
            actor=actor,
            now=now,
            company=grant.company.ref,
            target=grant.user.ref,
            data={"client": actor.id, "grant": str(grant.pk), "reason": reason.value},
            outcome=Event.Outcome.DENIED,
        )
    return _refuse("It was used before.")


@use_case
def _end(grant: Grant, reason: RevocationReason, actor: Actor, now: datetime) -> None:
    _revoke(grant, reason, actor, now)


@step
def _revoke(grant: Grant, reason: RevocationReason, actor: Actor, now: datetime) -> int:
    return revoke_grants(Grant.objects.filter(pk=grant.pk), reason=reason, actor=actor, now=now)


def _describe_issue(
    event: ProviderEvent, grant: Grant, client: ClientProfile, actor: Actor, now: datetime
) -> Sequence[Model]:
    return describe_event(
        event,
        actor=actor,
        now=now,
        company=grant.company.ref,
        target=grant.user.ref,
        data={
            "client": client.client_id_text,
            "service": client.service.slug,
            "grant": str(grant.pk),
        },
    )
