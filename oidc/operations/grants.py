"""Granting, refusing and ending: what a person lets a service do for a company."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import CharField, DateTimeField, Model
from django.utils.crypto import salted_hmac
from oidc_provider.models import UserConsent

from accounts.models import User
from accounts.operations import SESSION_HELD, SessionGoneError, hold_session
from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit, describe_event
from companies.models import Company
from companies.operations import note_use
from oidc.access import get_access_of_grant
from oidc.events import ProviderEvent
from oidc.models import (
    ClientProfile,
    Grant,
    GrantQuerySet,
    GrantType,
    PushedRequest,
    RefreshPolicy,
    RevocationReason,
)
from oidc.operations.logout import plan_logouts
from oidc.protocol.authorization import AuthorizationRequest
from oidc.protocol.errors import UnusableRequestError
from oidc.protocol.jose import encode_base64url
from oidc.queries import list_grants_in_doubt
from services.access import Access
from vop.lib.crypto import digest
from vop.lib.db import step, use_case
from vop.lib.statements import Parameter, Update, new_row, write

REFRESH_ABSOLUTE = timedelta(days=90)
CONSENT_LASTS = timedelta(days=365)
_TOKEN_BYTES = 32
_SPEND_PUSHED = Update(
    lambda: PushedRequest.objects.filter(digest=Parameter("digest", CharField()), used_at=None),
    used_at=Parameter("now", DateTimeField()),
)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """The browser session that an authorization came of: when and how the person proved it."""

    ref: str
    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    second_factor_at: datetime | None = None


def make_token() -> str:
    """Make a code or token of 256 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def make_sid(session_ref: str, company_id: object) -> str:
    """Name a browser session in one company, so that the end of one doesn't end the rest."""
    mac = salted_hmac("oidc.sid", f"{session_ref}:{company_id}", algorithm="sha256")
    return encode_base64url(mac.digest())


def gets_refresh_token(client: ClientProfile, scopes: frozenset[str]) -> bool:
    """Tell whether an authorization comes with a refresh token (Core 11)."""
    if not client.may_use(GrantType.REFRESH):
        return False
    return client.refresh_policy == RefreshPolicy.ALWAYS or "offline_access" in scopes


def grant_authorization(
    *,
    client: ClientProfile,
    user: User,
    company: Company,
    access: Access,
    session: SessionFacts,
    asked: AuthorizationRequest,
    redirect_uri: str,
    actor: Actor,
    now: datetime,
    request_uri: str = "",
) -> str:
    """Write down what a person let a service do, and return the code that stands for it.

    A pushed request (`request_uri`) is spent by it. Nothing is granted to a session that is over.

    Raises: SessionGoneError, UnusableRequestError.
    """
    code = make_token()
    code_ends = now + timedelta(seconds=settings.OIDC_CODE_EXPIRE)
    token_ends = code_ends + timedelta(seconds=settings.OIDC_TOKEN_EXPIRE)
    refreshes = gets_refresh_token(client, asked.scopes)
    grant = new_row(
        Grant,
        client=client,
        user=user,
        company=company,
        session_ref=session.ref,
        sid=make_sid(session.ref, company.pk),
        redirect_uri=redirect_uri,
        auth_time=session.auth_time,
        amr=list(session.amr),
        acr=session.acr,
        scope=asked.scope,
        wanted_claims=asked.claims.as_json(),
        nonce=asked.nonce,
        code_challenge=asked.code_challenge,
        code_jkt=asked.dpop_jkt,
        code_digest=digest(code),
        created_at=now,
        code_expires_at=code_ends,
        expires_at=now + REFRESH_ABSOLUTE if refreshes else token_ends,
    )
    event = _describe_grant(grant, access, actor, now)
    if request_uri or access.firm_id is not None:
        _write_with_more(grant, event, access, request_uri, now)
    elif not write(grant, *event, when=SESSION_HELD, session_ref=session.ref):
        raise SessionGoneError
    return code


def _describe_grant(grant: Grant, access: Access, actor: Actor, now: datetime) -> Sequence[Model]:
    client = grant.client
    return describe_event(
        ProviderEvent.AUTHORIZATION_GRANTED,
        actor=actor,
        now=now,
        company=grant.company.ref,
        target=client.service.ref,
        data={
            "client": client.client_id_text,
            "service": client.service.slug,
            "grant": str(grant.pk),
            "roles": sorted(access.roles),
            "via": access.ground,
            "scope": grant.scope,
        },
    )


@use_case
def _write_with_more(
    grant: Grant, event: Sequence[Model], access: Access, request_uri: str, now: datetime
) -> None:
    """Write a grant together with what its request or its ground has to note as well."""
    hold_session(session_ref=grant.session_ref)
    if access.firm_id is not None:
        note_use(user=grant.user, company=grant.company, now=now)
    spend = _SPEND_PUSHED if request_uri else None
    if not write(grant, *event, when=spend, digest=digest(request_uri), now=now):
        raise UnusableRequestError("invalid_request_uri")


@use_case
def record_denial(
    *, client: ClientProfile, company: Company | None, reason: str, actor: Actor, now: datetime
) -> None:
    """Write down that a person wasn't let in to a service, or didn't want to."""
    audit(
        ProviderEvent.AUTHORIZATION_DENIED,
        actor=actor,
        now=now,
        company=company.ref if company else None,
        target=client.service.ref,
        data={
            "client": client.client_id_text,
            "service": client.service.slug,
            "reason": reason,
        },
        outcome=Event.Outcome.DENIED,
    )


@use_case
def remember_consent(
    *,
    client: ClientProfile,
    user: User,
    company: Company,
    scopes: frozenset[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Remember what a person consented to, added to what they consented to before (row 49)."""
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    consent = UserConsent.objects.filter(client=client.client, user=user).first()
    if consent is None:
        consent = UserConsent(client=client.client, user=user)
    is_current = consent.expires_at is not None and consent.expires_at > now
    consent.scope = sorted(scopes | (frozenset(consent.scope) if is_current else frozenset()))
    consent.date_given = now
    consent.expires_at = now + CONSENT_LASTS
    consent.save()
    audit(
        ProviderEvent.CONSENT_GIVEN,
        actor=actor,
        now=now,
        company=company.ref,
        target=client.service.ref,
        data={"client": client.client_id_text, "scope": " ".join(sorted(scopes))},
    )


@step
def revoke_grants(
    grants: GrantQuerySet, *, reason: RevocationReason, actor: Actor, now: datetime
) -> int:
    """End grants and with them every code and token that came of them; return how many.

    The only place that ends a grant: what must be told to services is told from here.
    """
    found = grants.live().select_related("user", "company", "client__client", "client__service")
    ended = [
        grant
        for grant in found.order_by("pk")
        if Grant.objects.live()
        .filter(pk=grant.pk)
        .update(revoked_at=now, revoked_reason=reason.value)
    ]
    plan_logouts(ended=ended, reason=reason, now=now)
    for grant in ended:
        if grant.expires_at <= now:
            continue  # nothing of it was alive any more; the log needn't say so
        audit(
            ProviderEvent.TOKEN_REVOKED,
            actor=actor,
            now=now,
            company=grant.company.ref,
            target=grant.user.ref,
            data={
                "client": grant.client.client_id_text,
                "service": grant.client.service.slug,
                "grant": str(grant.pk),
                "reason": reason.value,
            },
        )
    return len(ended)


@use_case
def end_grants(
    grants: GrantQuerySet, *, reason: RevocationReason, actor: Actor, now: datetime
) -> int:
    """End grants as a change of its own."""
    return revoke_grants(grants, reason=reason, actor=actor, now=now)


@step
def end_grants_without_access(*, user: User, company: Company, actor: Actor, now: datetime) -> int:
    """End what a person has for a company wherever it rests on nothing any more."""
    live = Grant.objects.live().of_person(user.pk).filter(company=company)
    ended = 0
    for grant in live.select_related("user", "company", "client__service").order_by("pk"):
        if get_access_of_grant(grant, grant.client, at=now) is None:
            ended += revoke_grants(
                Grant.objects.filter(pk=grant.pk),
                reason=RevocationReason.ACCESS_LOST,
                actor=actor,
                now=now,
            )
    return ended


@use_case
def end_lapsed_grants(*, now: datetime) -> int:
    """End grants whose access ended by a date alone, so that their services hear of it.

    Returns how many. There may be more, as long as there were any.
    """
    ended = 0
    for grant in list_grants_in_doubt(at=now):
        if get_access_of_grant(grant, grant.client, at=now) is None:
            ended += revoke_grants(
                Grant.objects.filter(pk=grant.pk),
                reason=RevocationReason.ACCESS_LOST,
                actor=Actor.system(),
                now=now,
            )
    return ended


@use_case
def end_grants_outside_policy(*, company_id: uuid.UUID, now: datetime) -> int:
    """End the grants of sessions that fall short of what a company asks of them now."""
    grants = Grant.objects.live().filter(company_id=company_id).select_related("company")
    ended = [
        grant.pk
        for grant in grants.order_by("pk").iterator()
        if grant.company.find_shortfall(grant.proof, at=now) is not None
    ]
    return revoke_grants(
        Grant.objects.filter(pk__in=ended),
        reason=RevocationReason.ACCESS_LOST,
        actor=Actor.system(),
        now=now,
    )


@use_case
def withdraw_consent(*, client: ClientProfile, user: User, actor: Actor, now: datetime) -> None:
    """Take back what a person let a service do, for every company, and end what came of it."""
    UserConsent.objects.filter(client=client.client, user=user).delete()
    audit(
        ProviderEvent.CONSENT_WITHDRAWN,
        actor=actor,
        now=now,
        target=client.service.ref,
        data={"client": client.client_id_text, "service": client.service.slug},
    )
    revoke_grants(
        Grant.objects.of_person(user.pk).filter(client=client),
        reason=RevocationReason.CONSENT_WITHDRAWN,
        actor=actor,
        now=now,
    )
