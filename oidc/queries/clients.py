"""Reading clients, and what a process remembers of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, FilteredRelation, QuerySet

from accounts.models import Session
from accounts.queries import SESSION_OF_PERSON
from oidc.models import ClientProfile, ClientSecret
from oidc.queries.columns import (
    AT,
    CLIENT_ID,
    COMPANY_FIELDS,
    LIBRARY_FIELDS,
    PROFILE_FIELDS,
    SERVICE_FIELDS,
    of,
)
from services.access import MACHINE_BASIS, MachineBasis
from vop.lib.db import in_force
from vop.lib.statements import Parameter, Query, RowVersion, Together

_CLIENT = Query(
    lambda: ClientProfile.objects.filter(
        client__client_id=CLIENT_ID, disabled_at=None
    ).select_related("client", "service")
)


def find_client(client_id: str) -> ClientProfile | None:
    """Return an enabled client with its service, or nothing."""
    return _CLIENT.first(client_id=client_id)


_ASKING_CLIENT = Query(
    lambda: (
        ClientProfile.objects.filter(client__client_id=CLIENT_ID, disabled_at=None)
        .select_related("client", "service")
        .only(
            *(name for name in PROFILE_FIELDS if name not in {"jwks", "jwks_uri"}),
            *of("client", LIBRARY_FIELDS),
            *of("service", SERVICE_FIELDS),
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
    return (
        ClientProfile.objects.filter(client__client_id=CLIENT_ID, disabled_at=None)
        .select_related("client", "service", "machine_company")
        .only(
            *PROFILE_FIELDS,
            *of("client", LIBRARY_FIELDS),
            *of("service", SERVICE_FIELDS),
            *of("machine_company", COMPANY_FIELDS),
        )
        .annotate(secret=FilteredRelation("secrets", condition=in_force(AT, "secrets__")))
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
        ClientSecret.objects.in_force(AT)
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


def is_allowed_origin(origin: str) -> bool:
    """Tell whether some client has a redirect URI of that origin (for CORS)."""
    uris = ClientProfile.objects.filter(
        disabled_at=None, client___redirect_uris__contains=f"{origin}/"
    ).values_list("client___redirect_uris", flat=True)
    return any(uri.startswith(f"{origin}/") for text in uris for uri in text.splitlines())
