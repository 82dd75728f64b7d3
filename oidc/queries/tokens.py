"""Reading codes and tokens with all that they rest on. One statement each."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import F, OuterRef, QuerySet, Subquery, UUIDField

from oidc.models import AccessToken, Grant, MachineToken, RefreshToken
from oidc.queries.clients import Caller, list_unchanged_secrets
from oidc.queries.columns import (
    COMPANY_FIELDS,
    DIGEST,
    GRANT_FIELDS,
    PERSON_FIELDS,
    SERVICE_FIELDS,
    USED_GRANT_FIELDS,
    of,
)
from services.access import BASIS, Basis, read_basis
from vop.lib.statements import Parameter, Query, Together

_CALLER_VERSION = Subquery(list_unchanged_secrets().values("version"))
_USED_TOKEN_FIELDS = (
    *(field.name for field in AccessToken._meta.concrete_fields),
    *of("grant", USED_GRANT_FIELDS),
    *of("grant__user", PERSON_FIELDS),
    *of("grant__company", COMPANY_FIELDS),
    *of("grant__client", ("client", "service", "disabled_at", "customer_claims")),
)
# `person_id` and `company_id` name whose access is asked for with them (services.access.BASIS); the
# service is the caller's own, or that of the token's client.
_GRANT_OF_CODE = Query(
    lambda: (
        Grant.objects.filter(code_digest=DIGEST)
        .select_related("user", "company")
        .only(
            *GRANT_FIELDS,
            "code_jkt",
            *of("user", PERSON_FIELDS),
            *of("company", COMPANY_FIELDS),
        )
        .annotate(
            person_id=F("user_id"),
            caller_version=_CALLER_VERSION,
        )
    )
)
_REFRESH_TOKEN = Query(
    lambda: (
        RefreshToken.objects.filter(digest=DIGEST)
        .select_related("grant__user", "grant__company")
        .only(
            *(field.name for field in RefreshToken._meta.concrete_fields),
            *of("grant", GRANT_FIELDS),
            *of("grant__user", PERSON_FIELDS),
            *of("grant__company", COMPANY_FIELDS),
        )
        .annotate(
            person_id=F("grant__user_id"),
            company_id=F("grant__company_id"),
            caller_version=_CALLER_VERSION,
        )
    )
)


def _build_access_token() -> "QuerySet[AccessToken]":
    return (
        AccessToken.objects.filter(digest=DIGEST)
        .select_related("grant__user", "grant__company", "grant__client")
        .only(*_USED_TOKEN_FIELDS)
        .annotate(person_id=F("grant__user_id"), company_id=F("grant__company_id"))
    )


def _build_shown_token() -> "QuerySet[AccessToken]":
    address = EmailAddress.objects.filter(
        user=OuterRef("grant__user"), email__iexact=OuterRef("grant__user__email"), verified=True
    )
    return (
        _build_access_token()
        .select_related("grant__user", "grant__company", "grant__client__service")
        .only(*_USED_TOKEN_FIELDS, *of("grant__client__service", SERVICE_FIELDS))
        .annotate(
            service_id=F("grant__client__service_id"),
            # Not Exists: PostgreSQL may make a table of everybody's addresses for that.
            is_email_verified=Subquery(address.values("verified")[:1]),
        )
    )


def _build_asked_token() -> "QuerySet[AccessToken]":
    service = Parameter("service_id", UUIDField())
    return (
        _build_access_token()
        .filter(grant__client__service=service)
        .annotate(caller_version=_CALLER_VERSION)
    )


_GRANT_OF_CODE_WITH_BASIS = Together(_GRANT_OF_CODE, BASIS)
_REFRESH_TOKEN_WITH_BASIS = Together(_REFRESH_TOKEN, BASIS)
_SHOWN_TOKEN = Together(Query(_build_shown_token), BASIS)
_ASKED_TOKEN = Together(Query(_build_asked_token), BASIS)


def find_grant_of_code(
    code_digest: str, *, caller: Caller, at: datetime
) -> tuple[Grant, Basis] | None:
    """Return the grant of a code, with person and company, and what their access rests on.

    Raises: ClientChangedError.
    """
    found = _find_for(caller, _GRANT_OF_CODE_WITH_BASIS, code_digest, at)
    return _read(found, found[0], caller.profile.service_id, at) if found else None


def find_refresh_token(
    digest: str, *, caller: Caller, at: datetime
) -> tuple[RefreshToken, Basis] | None:
    """Return a refresh token with grant, person and company, and what their access rests on.

    Raises: ClientChangedError.
    """
    found = _find_for(caller, _REFRESH_TOKEN_WITH_BASIS, digest, at)
    return _read(found, found[0].grant, caller.profile.service_id, at) if found else None


def find_asked_token(
    digest: str, *, caller: Caller, at: datetime
) -> tuple[AccessToken, Basis] | None:
    """Return an access token of the caller's service, with everything that decides about it.

    Raises: ClientChangedError.
    """
    found = _find_for(caller, _ASKED_TOKEN, digest, at)
    if found is None:
        return None
    service = caller.profile.service
    found[0].grant.client.service = service
    return _read(found, found[0].grant, service.pk, at)


@dataclass(frozen=True, slots=True)
class ShownToken:
    """An access token with all that its access rests on, and one of its claims."""

    token: AccessToken
    basis: Basis
    is_email_verified: bool


def find_shown_token(digest: str, *, at: datetime) -> ShownToken | None:
    """Return the access token that somebody shows, with everything that decides about it."""
    found: Any = _SHOWN_TOKEN.first(digest=digest, at=at)
    if found is None:
        return None
    row = found[0]
    token, basis = _read(found, row.grant, row.service_id, at)
    return ShownToken(token, basis, bool(row.is_email_verified))


def _find_for(
    caller: Caller, query: "Together[Any, Any]", digest: str, at: datetime
) -> tuple[Any, list[Any]] | None:
    service_id = caller.profile.service_id
    found = query.first(digest=digest, at=at, secret=caller.secret, service_id=service_id)
    if found is not None:
        caller.confirm(found[0].caller_version)
    return found


def _read(
    found: tuple[Any, list[Any]], grant: Grant, service_id: uuid.UUID, at: datetime
) -> tuple[Any, Basis]:
    row, basis = found
    return row, read_basis(basis, grant.user, grant.company_id, service_id, at)


def find_machine_token(digest: str) -> MachineToken | None:
    """Return a machine's token with everything that decides whether it holds."""
    return (
        MachineToken.objects.filter(digest=digest)
        .select_related("company", "client__service", "client__client")
        .first()
    )
