"""Codes for tokens, refresh tokens for newer ones, and giving tokens back.

Each request is one transaction. A code and a refresh token are spent by one conditional UPDATE
whose row count says who won; a reuse ends the grant, which is committed although the request
fails. That is why the transactions return a refusal instead of raising it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
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
from oidc.queries import find_access_token, find_grant_of_code, find_refresh_token
from services.access import Access
from vop.lib.crypto import digest
from vop.lib.db import step, use_case

logger = logging.getLogger(__name__)

REFRESH_IDLE = timedelta(days=30)
REUSE_GRACE = timedelta(seconds=10)  # two tabs at once: the slower one is refused, nothing more


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
    client: ClientProfile,
    code: str,
    redirect_uri: str,
    verifier: str | None,
    actor: Actor,
    now: datetime,
    jkt: str = "",
) -> TokenSet:
    """Exchange a code for tokens, once.

    Raises: ProtocolError.
    """
    return _or_raise(
        _redeem_code(
            client=client,
            code=code,
            redirect_uri=redirect_uri,
            verifier=verifier,
            jkt=jkt,
            actor=actor,
            now=now,
        )
    )


def refresh_tokens(
    *,
    client: ClientProfile,
    refresh_token: str,
    scope: str,
    actor: Actor,
    now: datetime,
    jkt: str = "",
) -> TokenSet:
    """Exchange a refresh token for newer tokens; it works once, unless the client is FAPI 2.0.

    Raises: ProtocolError.
    """
    return _or_raise(
        _refresh_tokens(
            client=client,
            refresh_token=refresh_token,
            scope=scope,
            jkt=jkt,
            actor=actor,
            now=now,
        )
    )


@use_case
def give_back_token(*, client: ClientProfile, token: str, actor: Actor, now: datetime) -> None:
    """End a token for the client that has it; a refresh token takes its grant along (RFC 7009)."""
    name = digest(token)
    refresh = find_refresh_token(name)
    if refresh is not None and refresh.grant.client_id == client.pk:
        _revoke(refresh.grant, RevocationReason.BY_CLIENT, actor, now)
        return
    access = find_access_token(name)
    if access is not None and access.grant.client_id == client.pk:
        AccessToken.objects.filter(pk=name, expires_at__gt=now).update(expires_at=now)
        return
    MachineToken.objects.filter(pk=name, client=client, expires_at__gt=now).update(expires_at=now)


@use_case
def _redeem_code(
    *,
    client: ClientProfile,
    code: str,
    redirect_uri: str,
    verifier: str | None,
    jkt: str,
    actor: Actor,
    now: datetime,
) -> TokenSet | ProtocolError:
    grant = find_grant_of_code(digest(code))
    if grant is None or grant.client_id != client.pk:
        return _refuse("The code is unknown.")
    if grant.redeemed_at is not None:
        return _refuse_reuse(grant, RevocationReason.CODE_REUSED, actor, now)
    if not grant.is_code_usable(now):
        return _refuse("The code is expired.")
    # What doesn't fit doesn't burn the code: that would let anybody deny service.
    misfit = _find_misfit(grant, redirect_uri, verifier, jkt)
    if misfit:
        return _refuse(misfit)
    access = get_access_of_grant(grant, client, at=now)
    if access is None:
        return _refuse_without_access(grant, actor, now)
    won = Grant.objects.filter(pk=grant.pk, redeemed_at=None, revoked_at=None).update(
        redeemed_at=now
    )
    if not won:
        return _refuse_reuse(grant, RevocationReason.CODE_REUSED, actor, now)
    refreshes = gets_refresh_token(client, grant.scopes)
    bound = jkt if client.is_public else ""
    issued = _issue(
        grant=grant,
        client=client,
        access=access,
        scopes=grant.scopes,
        refresh_token=_add_refresh_token(grant, bound, now) if refreshes else "",
        nonce=grant.nonce,
        jkt=jkt,
        now=now,
    )
    _audit_issue(ProviderEvent.TOKEN_ISSUED, grant, client, actor, now)
    return issued


@use_case
def _refresh_tokens(
    *,
    client: ClientProfile,
    refresh_token: str,
    scope: str,
    jkt: str,
    actor: Actor,
    now: datetime,
) -> TokenSet | ProtocolError:
    token = find_refresh_token(digest(refresh_token))
    if token is None or token.grant.client_id != client.pk:
        return _refuse("The refresh token is unknown.")
    if token.jkt and token.jkt != jkt:
        return _refuse("The refresh token is bound to another key.")
    grant = token.grant
    if token.used_at is not None:
        return _refuse_used(token, actor, now)
    if grant.revoked_at is not None or min(token.expires_at, grant.expires_at) <= now:
        return _refuse("The refresh token is expired or revoked.")
    scopes = frozenset(scope.split()) or grant.scopes
    if not scopes <= grant.scopes:
        return ProtocolError("invalid_scope", "More than was granted.")
    access = get_access_of_grant(grant, client, at=now)
    if access is None:
        return _refuse_without_access(grant, actor, now)
    if client.rotates_refresh_tokens:
        spent = RefreshToken.objects.filter(pk=token.pk, used_at=None).update(used_at=now)
        if not spent:  # somebody was faster, by less than this request took
            return _refuse("The refresh token was used just now.")
        refresh_token = _add_refresh_token(grant, token.jkt, now)
    issued = _issue(
        grant=grant,
        client=client,
        access=access,
        scopes=scopes,
        refresh_token=refresh_token,
        nonce="",
        jkt=jkt,
        now=now,
    )
    _audit_issue(ProviderEvent.TOKEN_REFRESHED, grant, client, actor, now)
    return issued


@step
def _issue(
    *,
    grant: Grant,
    client: ClientProfile,
    access: Access,
    scopes: frozenset[str],
    refresh_token: str,
    nonce: str,
    jkt: str,
    now: datetime,
) -> TokenSet:
    access_token = make_token()
    ends = now + timedelta(seconds=settings.OIDC_TOKEN_EXPIRE)
    ends = min(end for end in (ends, grant.expires_at, access.until) if end is not None)
    scope = " ".join(sorted(scopes))
    AccessToken.objects.create(
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
    return TokenSet(
        access_token=access_token,
        expires_in=int((ends - now).total_seconds()),
        scope=scope,
        id_token=id_token,
        refresh_token=refresh_token,
        jkt=jkt,
    )


@step
def _add_refresh_token(grant: Grant, jkt: str, now: datetime) -> str:
    token = make_token()
    RefreshToken.objects.create(
        digest=digest(token),
        grant=grant,
        jkt=jkt,
        created_at=now,
        expires_at=min(now + REFRESH_IDLE, grant.expires_at),
    )
    return token


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


def _refuse_without_access(grant: Grant, actor: Actor, now: datetime) -> ProtocolError:
    _revoke(grant, RevocationReason.ACCESS_LOST, actor, now)
    return _refuse("The person may not use the service for this company any more.")


def _refuse_used(token: RefreshToken, actor: Actor, now: datetime) -> ProtocolError:
    if token.used_at is not None and now - token.used_at <= REUSE_GRACE:
        return _refuse("The refresh token was used just now.")
    return _refuse_reuse(token.grant, RevocationReason.REFRESH_REUSED, actor, now)


@step
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


def _revoke(grant: Grant, reason: RevocationReason, actor: Actor, now: datetime) -> int:
    return revoke_grants(Grant.objects.filter(pk=grant.pk), reason=reason, actor=actor, now=now)


def _audit_issue(
    event: ProviderEvent, grant: Grant, client: ClientProfile, actor: Actor, now: datetime
) -> None:
    audit(
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


def _or_raise(outcome: TokenSet | ProtocolError) -> TokenSet:
    if isinstance(outcome, ProtocolError):
        raise outcome
    return outcome
