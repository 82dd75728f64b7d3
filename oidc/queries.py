"""Reading clients, grants and keys. The token endpoint lives on these: one statement each."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from allauth.account.models import EmailAddress
from django.db.models import (
    CharField,
    DateTimeField,
    Exists,
    F,
    FilteredRelation,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    UUIDField,
)
from oidc_provider.models import UserConsent

from accounts.models import Session, User
from accounts.queries import SESSION_OF_PERSON
from companies.models import SESSION_MINUTES, Assignment, Company, Membership
from companies.queries import get_lent_workplace, list_workplaces
from oidc.models import (
    AccessToken,
    ClientProfile,
    ClientSecret,
    Grant,
    MachineToken,
    PushedRequest,
    RefreshToken,
    SigningKey,
)
from services.access import BASIS, MACHINE_BASIS, Basis, MachineBasis, read_basis
from services.models import Service
from services.queries import has_ground
from vop.lib.statements import Parameter, Query, RowVersion, Together

R = TypeVar("R")
IN_DOUBT_AT_ONCE = 500

_AT: Any = Parameter("at", DateTimeField())
_DIGEST = Parameter("digest", CharField())
_CLIENT_ID = Parameter("client_id", CharField())
# What token traffic reads of each row; every text more is decoded at every request for nothing.
_COMPANY_FIELDS = (
    "id", "name", "org_number", "country", "closed_at",
    "requires_second_factor", "session_minutes",  # what the company asks of a session
)  # fmt: skip
_WORKPLACE_FIELDS = (*_COMPANY_FIELDS, "networks")  # a person at a browser shows from where
_PERSON_FIELDS = ("id", "sub", "email", "full_name", "language", "is_active")
_SERVICE_FIELDS = ("id", "slug", "name", "is_active", "is_first_party")
_LIBRARY_FIELDS = ("id", "client_id", "name", "_scope", "_redirect_uris")
_PROFILE_FIELDS = tuple(
    field.name
    for field in ClientProfile._meta.concrete_fields
    if field.name not in {"frontchannel_logout_uri", "backchannel_logout_uri", "created_at"}
)
_GRANT_FIELDS = tuple(
    field.name
    for field in Grant._meta.concrete_fields
    if field.name not in {"session_ref", "code_digest", "code_jkt", "revoked_reason"}
)
_USED_GRANT_FIELDS = tuple(  # once its code is spent
    name
    for name in _GRANT_FIELDS
    if name not in {"redirect_uri", "nonce", "code_challenge", "code_expires_at", "redeemed_at"}
)


def _of(relation: str, fields: Sequence[str]) -> Sequence[str]:
    return [f"{relation}__{field}" for field in fields]


_CLIENT = Query(
    lambda: ClientProfile.objects.filter(
        client__client_id=_CLIENT_ID, disabled_at=None
    ).select_related("client", "service")
)


def find_client(client_id: str) -> ClientProfile | None:
    """Return an enabled client with its service, or nothing."""
    return _CLIENT.first(client_id=client_id)


_ASKING_CLIENT = Query(
    lambda: (
        ClientProfile.objects.filter(client__client_id=_CLIENT_ID, disabled_at=None)
        .select_related("client", "service")
        .only(
            *(name for name in _PROFILE_FIELDS if name not in {"jwks", "jwks_uri"}),
            *_of("client", _LIBRARY_FIELDS),
            *_of("service", _SERVICE_FIELDS),
        )
    )
)
_SESSION_AND_CLIENT = Together(SESSION_OF_PERSON, _ASKING_CLIENT)


def find_session_and_client(
    key: str, client_id: str, *, at: datetime
) -> tuple[Session, ClientProfile] | None:
    """Return a session that hasn't run out, with its person, and an enabled client; or nothing.

    By one statement. That the session proves its person is for `accounts.http.recognize` to say.
    """
    found = _SESSION_AND_CLIENT.first(key=key, client_id=client_id, at=at)
    return (found[0], found[1][0]) if found and found[1] else None


def _build_client_with_secrets() -> "QuerySet[ClientProfile]":
    in_force = Q(secrets__valid_from__lte=_AT) & (
        Q(secrets__valid_until=None) | Q(secrets__valid_until__gt=_AT)
    )
    return (
        ClientProfile.objects.filter(client__client_id=_CLIENT_ID, disabled_at=None)
        .select_related("client", "service", "machine_company")
        .only(
            *_PROFILE_FIELDS,
            *_of("client", _LIBRARY_FIELDS),
            *_of("service", _SERVICE_FIELDS),
            *_of("machine_company", _COMPANY_FIELDS),
        )
        .annotate(secret=FilteredRelation("secrets", condition=in_force))
        .annotate(secret_digest=F("secret__digest"), company_id=F("machine_company_id"))
        .annotate(
            version=RowVersion("auth_method", "client__name", "service__name", "secret__digest")
        )
    )


def list_unchanged_secrets() -> "QuerySet[Any]":
    """Build a query for a secret in force with the `version` of all that was read beside it.

    Parameters: `at` and `secret`, its digest.
    """
    return (
        ClientSecret.objects.in_force(_AT)
        .filter(digest=Parameter("secret", CharField()))
        .annotate(
            version=RowVersion(
                "client__auth_method", "client__client__name", "client__service__name", "digest"
            )
        )
    )


_KNOWN_CLIENT = Together(Query(_build_client_with_secrets), MACHINE_BASIS)


@dataclass(frozen=True, slots=True)
class KnownClient:
    """An enabled client, its secrets that hold, and what a machine may rest on.

    Each secret is known by its digest, with the version of all that was read beside it.
    """

    profile: ClientProfile
    secrets: Mapping[str, str]
    machine_basis: MachineBasis


def find_known_client(client_id: str, *, at: datetime) -> KnownClient | None:
    """Return an enabled client with all that its token request needs, with one statement."""
    rows: Sequence[Any] = _KNOWN_CLIENT.all(client_id=client_id, at=at)
    if not rows:
        return None
    profile, machine_basis = rows[0]
    secrets = {row.secret_digest: row.version for row, _ in rows if row.secret_digest is not None}
    return KnownClient(profile, secrets, machine_basis)


@dataclass(slots=True)
class Caller:
    """The client that makes a request, and whether all that was read of it stands for certain.

    A process remembers clients. The statement that answers a request also says, by the digest of
    the `secret` that was shown, which version of the client it found.
    """

    known: KnownClient
    secret: str = ""
    is_confirmed: bool = True

    @property
    def profile(self) -> ClientProfile:
        """The client itself."""
        return self.known.profile

    def confirm(self, version: str | None) -> None:
        """Compare what is remembered with what a statement found.

        Raises: ClientChangedError.
        """
        if not self.is_confirmed and version != self.known.secrets[self.secret]:
            raise ClientChangedError
        self.is_confirmed = True


_UNCHANGED_SECRET = Query(lambda: list_unchanged_secrets().values_list("version"))


def confirm_caller(caller: Caller, *, at: datetime) -> None:
    """Ask whether what is remembered of a client still stands, where no other statement tells.

    Raises: ClientChangedError.
    """
    if not caller.is_confirmed:
        (version,) = _UNCHANGED_SECRET.first(at=at, secret=caller.secret) or (None,)
        caller.confirm(version)


class ClientChangedError(Exception):
    """What is remembered of a client does not stand any more: read it anew."""


def list_signing_keys(*, at: datetime) -> Sequence[SigningKey]:
    """List the published keys, the one that signs before those that it replaced."""
    return list(SigningKey.objects.published(at).newest_first())


_CALLER_VERSION = Subquery(list_unchanged_secrets().values("version"))
# `person_id`, `company_id` and `service_id` name whose access to what is asked for with them, see
# services.access.BASIS.
_GRANT_OF_CODE = Query(
    lambda: (
        Grant.objects.filter(code_digest=_DIGEST)
        .select_related("user", "company")
        .only(
            *_GRANT_FIELDS,
            "code_jkt",
            *_of("user", _PERSON_FIELDS),
            *_of("company", _COMPANY_FIELDS),
        )
        .annotate(
            person_id=F("user_id"),
            service_id=F("client__service_id"),
            caller_version=_CALLER_VERSION,
        )
    )
)
_REFRESH_TOKEN = Query(
    lambda: (
        RefreshToken.objects.filter(digest=_DIGEST)
        .select_related("grant__user", "grant__company")
        .only(
            *(field.name for field in RefreshToken._meta.concrete_fields),
            *_of("grant", _GRANT_FIELDS),
            *_of("grant__user", _PERSON_FIELDS),
            *_of("grant__company", _COMPANY_FIELDS),
        )
        .annotate(
            person_id=F("grant__user_id"),
            company_id=F("grant__company_id"),
            service_id=F("grant__client__service_id"),
            caller_version=_CALLER_VERSION,
        )
    )
)


def _build_access_token() -> "QuerySet[AccessToken]":
    return (
        AccessToken.objects.filter(digest=_DIGEST)
        .select_related("grant__user", "grant__company", "grant__client__service")
        .only(
            *(field.name for field in AccessToken._meta.concrete_fields),
            *_of("grant", _USED_GRANT_FIELDS),
            *_of("grant__user", _PERSON_FIELDS),
            *_of("grant__company", _COMPANY_FIELDS),
            *_of("grant__client", ("client", "service", "disabled_at", "customer_claims")),
            *_of("grant__client__service", _SERVICE_FIELDS),
        )
        .annotate(
            person_id=F("grant__user_id"),
            company_id=F("grant__company_id"),
            service_id=F("grant__client__service_id"),
            is_email_verified=Exists(
                EmailAddress.objects.filter(
                    user=OuterRef("grant__user"),
                    email__iexact=OuterRef("grant__user__email"),
                    verified=True,
                )
            ),
        )
    )


_GRANT_OF_CODE_WITH_BASIS = Together(_GRANT_OF_CODE, BASIS)
_REFRESH_TOKEN_WITH_BASIS = Together(_REFRESH_TOKEN, BASIS)
_SHOWN_TOKEN = Together(Query(_build_access_token), BASIS)
_ASKED_TOKEN = Together(
    Query(lambda: _build_access_token().annotate(caller_version=_CALLER_VERSION)), BASIS
)


def find_grant_of_code(
    code_digest: str, *, caller: Caller, at: datetime
) -> tuple[Grant, Basis] | None:
    """Return the grant of a code, with person and company, and what their access rests on.

    Raises: ClientChangedError.
    """
    return _find_for(caller, _GRANT_OF_CODE_WITH_BASIS, code_digest, at)


def find_refresh_token(
    digest: str, *, caller: Caller, at: datetime
) -> tuple[RefreshToken, Basis] | None:
    """Return a refresh token with grant, person and company, and what their access rests on.

    Raises: ClientChangedError.
    """
    return _find_for(caller, _REFRESH_TOKEN_WITH_BASIS, digest, at)


@dataclass(frozen=True, slots=True)
class ShownToken:
    """An access token with all that its access rests on, and one of its claims."""

    token: AccessToken
    basis: Basis
    is_email_verified: bool


def find_access_token(
    digest: str, *, at: datetime, caller: Caller | None = None
) -> ShownToken | None:
    """Return an access token with everything that decides whether it holds.

    Raises: ClientChangedError, when a client asks.
    """
    found = (
        _find_for(caller, _ASKED_TOKEN, digest, at)
        if caller
        else _with_basis(_SHOWN_TOKEN.first(digest=digest, at=at), at)
    )
    return ShownToken(*found, found[0].is_email_verified) if found else None


def _find_for(
    caller: Caller, query: "Together[Any, Any]", digest: str, at: datetime
) -> tuple[Any, Basis] | None:
    found = query.first(digest=digest, at=at, secret=caller.secret)
    if found is not None:
        caller.confirm(found[0].caller_version)
    return _with_basis(found, at)


def _with_basis(found: tuple[Any, list[Any]] | None, at: datetime) -> tuple[Any, Basis] | None:
    if found is None:
        return None
    row, basis = found
    asked = {"person_id": row.person_id, "company_id": row.company_id, "at": at}
    return row, read_basis(basis, **asked)


def find_pushed_request(digest: str) -> PushedRequest | None:
    """Return a pushed request of an enabled client, whether or not it can still be used."""
    return (
        PushedRequest.objects.filter(digest=digest, client__disabled_at=None)
        .select_related("client__client")
        .first()
    )


def find_machine_token(digest: str) -> MachineToken | None:
    """Return a machine's token with everything that decides whether it holds."""
    return (
        MachineToken.objects.filter(digest=digest)
        .select_related("company", "client__service", "client__client")
        .first()
    )


def list_consented_scopes(client: ClientProfile, user: User, *, at: datetime) -> frozenset[str]:
    """Return what a person consented to at a client, as far as it still holds."""
    scopes: set[str] = set()
    for consent in UserConsent.objects.filter(client=client.client, user=user, expires_at__gt=at):
        scopes.update(consent.scope)
    return frozenset(scopes)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A company that a person may act for, and what access rests on there if that came along."""

    company: Company
    basis: Basis | None = None


def _build_memberships() -> "QuerySet[Membership]":
    return (
        Membership.objects.in_force(_AT)
        .of_person(Parameter("person_id", UUIDField()))
        .filter(company__closed_at=None)
        .select_related("company")
        .only("user_id", *_of("company", _WORKPLACE_FIELDS))
        .order_by("pk")
    )


def _build_first_memberships() -> "QuerySet[Membership]":
    assignments = Assignment.objects.of_person(Parameter("person_id", UUIDField()))
    return _build_memberships().annotate(is_assigned=Exists(assignments))[:2]


def _build_named_membership() -> "QuerySet[Membership]":
    return _build_memberships().filter(company_id=Parameter("company_id", UUIDField()))[:1]


_FIRST_MEMBERSHIPS: Together[Any, Any] = Together(Query(_build_first_memberships), BASIS)
_NAMED_MEMBERSHIP = Together(Query(_build_named_membership), BASIS)


def find_only_workplace(user: User, service: Service, *, at: datetime) -> Workplace | None:
    """Return for whom a member of one company may act, by one statement, with the basis there.

    Nothing when there are several, or there may be: for these, `list_companies_of`.
    """
    asked = {"person_id": user.pk, "service_id": service.pk, "at": at}
    found = _FIRST_MEMBERSHIPS.all(**asked)
    if len(found) != 1 or found[0][0].is_assigned:
        return None
    return _read_workplace(*found[0], at)


def find_workplace(
    user: User, company_id: uuid.UUID, service: Service, *, at: datetime
) -> Workplace | None:
    """Return a company that a person may act for; a member's comes by one statement."""
    asked = {"person_id": user.pk, "company_id": company_id, "service_id": service.pk, "at": at}
    found = _NAMED_MEMBERSHIP.first(**asked)
    if found is not None:
        return _read_workplace(*found, at)
    company = get_lent_workplace(user, company_id, at=at)
    return Workplace(company) if company else None


def _read_workplace(membership: Membership, basis: list[Any], at: datetime) -> Workplace:
    person_id, company_id = membership.user_id, membership.company_id
    found = read_basis(basis, person_id=person_id, company_id=company_id, at=at)
    return Workplace(membership.company, found)


def list_companies_of(user: User, *, at: datetime) -> Sequence[Company]:
    """List for whom a person may act, those that they last used a service for first."""
    companies = list_workplaces(user, at=at)
    if len(companies) < 2:  # noqa: PLR2004 (nothing to order)
        return companies
    used = dict(
        Grant.objects.of_person(user.pk)
        .values_list("company_id")
        .annotate(last=Max("created_at"))
        .values_list("company_id", "last")
    )
    recent = sorted(
        (company for company in companies if company.pk in used),
        key=lambda company: used[company.pk],
        reverse=True,
    )
    return [*recent, *(company for company in companies if company.pk not in used)]


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


def is_allowed_origin(origin: str) -> bool:
    """Tell whether some client has a redirect URI of that origin (for CORS)."""
    uris = ClientProfile.objects.filter(
        disabled_at=None, client___redirect_uris__contains=f"{origin}/"
    ).values_list("client___redirect_uris", flat=True)
    return any(uri.startswith(f"{origin}/") for text in uris for uri in text.splitlines())
