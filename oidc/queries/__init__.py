"""Reading grants, keys and consents; clients, tokens and workplaces have files of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db.models import Q, UUIDField
from oidc_provider.models import UserConsent

from accounts.models import User
from companies.models import SESSION_MINUTES
from oidc.models import ClientProfile, Grant, PushedRequest, SigningKey
from oidc.queries.clients import (
    Caller,
    ClientChangedError,
    KnownClient,
    confirm_caller,
    find_client,
    find_known_client,
    find_session_and_client,
    is_allowed_origin,
    list_unchanged_secrets,
)
from oidc.queries.tokens import (
    ShownToken,
    find_asked_token,
    find_grant_of_code,
    find_machine_token,
    find_refresh_token,
    find_shown_token,
)
from oidc.queries.workplaces import (
    Workplace,
    find_only_workplace,
    find_workplace,
    list_companies_of,
)
from services.queries import has_ground
from vop.lib.statements import Parameter, Query

__all__ = [
    "IN_DOUBT_AT_ONCE",
    "Admission",
    "Caller",
    "ClientChangedError",
    "KnownClient",
    "ShownToken",
    "Workplace",
    "confirm_caller",
    "find_asked_token",
    "find_client",
    "find_grant_of_code",
    "find_known_client",
    "find_machine_token",
    "find_only_workplace",
    "find_pushed_request",
    "find_refresh_token",
    "find_session_and_client",
    "find_shown_token",
    "find_workplace",
    "has_verified_address",
    "is_allowed_origin",
    "list_admissions",
    "list_companies_of",
    "list_consented_scopes",
    "list_grants_in_doubt",
    "list_grants_of_session",
    "list_signing_keys",
    "list_unchanged_secrets",
]

IN_DOUBT_AT_ONCE = 500


def list_signing_keys(*, at: datetime) -> Sequence[SigningKey]:
    """List the published keys, the one that signs before those that it replaced."""
    return list(SigningKey.objects.published(at).newest_first())


def find_pushed_request(digest: str) -> PushedRequest | None:
    """Return a pushed request of an enabled client, whether or not it can still be used."""
    return (
        PushedRequest.objects.filter(digest=digest, client__disabled_at=None)
        .select_related("client__client")
        .first()
    )


def list_consented_scopes(client: ClientProfile, user: User, *, at: datetime) -> frozenset[str]:
    """Return what a person consented to at a client, as far as it still holds."""
    scopes: set[str] = set()
    for consent in UserConsent.objects.filter(client=client.client, user=user, expires_at__gt=at):
        scopes.update(consent.scope)
    return frozenset(scopes)


def list_grants_in_doubt(*, at: datetime) -> Sequence[Grant]:
    """List live grants with nothing in force behind them; whether they end is not said here.

    The newest ones, as many as one transaction should end.
    """
    ground = has_ground(at, user="user", company="company", service="client__service")
    switched_off = (
        Q(user__is_active=False)
        | Q(company__closed_at__lte=at)
        | Q(client__service__is_active=False)
        | Q(client__disabled_at__isnull=False)
    )
    return list(
        Grant.objects.live()
        .filter(~ground | switched_off | _outlived_session(at))
        .select_related("user", "company", "client__service", "client__client")
        .order_by("-created_at", "pk")[:IN_DOUBT_AT_ONCE]
    )


def _outlived_session(at: datetime) -> Q:
    """Match grants of sessions that are too old for what the company asks."""
    matches = Q()
    for minutes in SESSION_MINUTES:
        ended = Q(company__session_minutes=minutes, auth_time__lte=at - timedelta(minutes=minutes))
        matches |= ended
    return matches


def list_grants_of_session(session_ref: str) -> Sequence[Grant]:
    """List what services know of a browser session, once per client and company."""
    grants = (
        Grant.objects.live()
        .of_session(session_ref)
        .filter(redeemed_at__isnull=False)
        .select_related("client")
        .order_by("created_at", "pk")
    )
    return list({(grant.client_id, grant.sid): grant for grant in grants}.values())


@dataclass(frozen=True, slots=True)
class Admission:
    """A service that a person let in: for which companies, since when, to see what."""

    client: ClientProfile
    companies: Sequence[str]
    since: datetime
    scopes: frozenset[str]


def list_admissions(user: User, *, at: datetime) -> Sequence[Admission]:
    """List the services that a person let in: by a consent that holds or a grant that lives."""
    grants = list(
        Grant.objects.live()
        .of_person(user.pk)
        .filter(expires_at__gt=at)
        .select_related("company", "client__client", "client__service")
        .order_by("created_at", "pk")
    )
    consents = {
        consent.client_id: consent
        for consent in UserConsent.objects.filter(user=user, expires_at__gt=at)
    }
    clients = {grant.client_id: grant.client for grant in grants}
    for client in ClientProfile.objects.filter(pk__in=consents).select_related("client", "service"):
        clients.setdefault(client.pk, client)
    found = [
        _describe_admission(
            client, [grant for grant in grants if grant.client_id == key], consents.get(key)
        )
        for key, client in clients.items()
    ]
    return sorted(found, key=lambda row: (row.client.service.name, row.client.client_id_text))


def _describe_admission(
    client: ClientProfile, grants: Sequence[Grant], consent: UserConsent | None
) -> Admission:
    scopes = frozenset(consent.scope) if consent else frozenset()
    starts = [grant.created_at for grant in grants] + ([consent.date_given] if consent else [])
    return Admission(
        client=client,
        companies=sorted({grant.company.name for grant in grants}),
        since=min(starts),
        scopes=scopes.union(*(grant.scopes for grant in grants)),
    )


_VERIFIED_ADDRESSES = Query(
    lambda: EmailAddress.objects.filter(
        user=Parameter("user", UUIDField()), verified=True
    ).values_list("email")
)


def has_verified_address(user: User) -> bool:
    """Tell whether the person proved that the address is theirs."""
    own = user.email.casefold()
    return any(email.casefold() == own for (email,) in _VERIFIED_ADDRESSES.all(user=user.pk))
