"""Registering the services' clients."""

import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from oidc_provider.models import Client

from auditlog.actors import Actor
from auditlog.operations import audit
from companies.models import Company
from oidc.events import ProviderEvent
from oidc.models import (
    Algorithm,
    AuthMethod,
    ClientProfile,
    ClientSecret,
    Grant,
    GrantType,
    Profile,
    RefreshPolicy,
    RevocationReason,
)
from oidc.operations.grants import revoke_grants
from oidc.protocol.metadata import SCOPES
from oidc.protocol.redirects import check_client_uri
from services.models import Service
from vop.lib.crypto import digest
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError

SECRET_OVERLAP = timedelta(days=14)
_SECRET_BYTES = 32
_MIN_SECRET_LENGTH = 32
_DEFAULT_ALGS = {Profile.OIDC: Algorithm.RS256, Profile.FAPI2: Algorithm.ES256}


class ClientExistsError(DomainError):
    message = _("There is a client with this client_id already.")


class ClientKeysError(DomainError):
    message = _("private_key_jwt needs the client's public keys: a JWK set or its address.")


class NoSecretError(DomainError):
    message = _("This client proves itself without a secret.")


class WeakSecretError(DomainError):
    message = _("A client secret has at least 32 random characters.")


class PublicClientError(DomainError):
    message = _("A public client must use PKCE.")


class FapiClientError(DomainError):
    message = _("A FAPI 2.0 client proves itself with private_key_jwt and uses PKCE.")


class FapiAlgorithmError(DomainError):
    message = _("A FAPI 2.0 client's ID tokens are signed with ES256 or EdDSA.")


class MachineClientError(DomainError):
    message = _("A machine client proves itself and belongs to exactly one company.")


class NoRedirectUriError(DomainError):
    message = _("A client needs at least one redirect URI.")


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What a client is registered with."""

    name: str
    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str] = ()
    frontchannel_logout_uri: str = ""
    backchannel_logout_uri: str = ""
    auth_method: str = AuthMethod.BASIC
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str = ""
    id_token_alg: str = ""  # "" is what the profile allows and most libraries know
    profile: str = Profile.OIDC
    require_pkce: bool = True
    require_pushed_requests: bool = False
    require_signed_request: bool = False
    require_dpop: bool = False
    grant_types: Sequence[str] = (GrantType.CODE, GrantType.REFRESH)
    scopes: Collection[str] = field(default_factory=lambda: sorted(SCOPES))
    refresh_policy: str = RefreshPolicy.ON_REQUEST
    customer_claims: bool = False
    require_second_factor: bool = False
    second_factor_max_age: int | None = None
    machine_company: Company | None = None


@use_case
def register_client(
    *,
    service: Service,
    facts: ClientFacts,
    actor: Actor,
    now: datetime,
    client_id: str = "",
    secret: str = "",
) -> tuple[ClientProfile, str]:
    """Register a client of a service; return it and, this once, its secret ("" without one).

    `client_id` and `secret` are made here unless given (a demo needs the same ones each time).

    Raises: ClientExistsError, ClientKeysError, WeakSecretError, PublicClientError,
    FapiClientError, FapiAlgorithmError, MachineClientError, NoRedirectUriError,
    RedirectUriError.
    """
    _check(facts)
    client_id = client_id or str(uuid.uuid4())
    if Client.objects.filter(client_id=client_id).exists():
        raise ClientExistsError
    client = Client(
        name=facts.name,
        client_id=client_id,
        client_type="public" if facts.auth_method == AuthMethod.NONE else "confidential",
        require_consent=not service.is_first_party,
    )
    client.redirect_uris = facts.redirect_uris
    client.post_logout_redirect_uris = facts.post_logout_redirect_uris
    client.scope = sorted(facts.scopes)
    client.save()
    profile = ClientProfile.objects.create(
        client=client,
        service=service,
        auth_method=facts.auth_method,
        jwks=facts.jwks,
        jwks_uri=facts.jwks_uri,
        id_token_alg=facts.id_token_alg or _DEFAULT_ALGS[Profile(facts.profile)],
        require_pkce=facts.require_pkce,
        require_pushed_requests=facts.require_pushed_requests,
        require_signed_request=facts.require_signed_request,
        require_dpop=facts.require_dpop,
        profile=facts.profile,
        grant_types=list(facts.grant_types),
        refresh_policy=facts.refresh_policy,
        customer_claims=facts.customer_claims,
        require_second_factor=facts.require_second_factor,
        second_factor_max_age=facts.second_factor_max_age,
        machine_company=facts.machine_company,
        frontchannel_logout_uri=facts.frontchannel_logout_uri,
        backchannel_logout_uri=facts.backchannel_logout_uri,
        created_at=now,
    )
    data = {"service": service.slug, "auth_method": facts.auth_method}
    audit(ProviderEvent.CLIENT_CREATED, actor=actor, now=now, target=profile.ref, data=data)
    return profile, _add_secret(client=profile, secret=secret, now=now)


@use_case
def renew_client_secret(*, client: ClientProfile, actor: Actor, now: datetime) -> str:
    """Give a client a new secret and return it, this once; the old one holds two weeks more.

    Raises: NoSecretError.
    """
    if not client.uses_secret:
        raise NoSecretError
    ClientProfile.objects.select_for_update(of=("self",), no_key=True).get(pk=client.pk)
    held = list(ClientSecret.objects.in_force(now).filter(client=client).order_by("-valid_from"))
    # At most two hold at a time: the newest one stays for the overlap, older ones end now.
    for number, old in enumerate(held):
        end = now + SECRET_OVERLAP if number == 0 else now
        if old.valid_until is None or old.valid_until > end:
            ClientSecret.objects.filter(pk=old.pk).update(valid_until=end)
    secret = _add_secret(client=client, secret="", now=now)
    audit(ProviderEvent.CLIENT_SECRET_ROTATED, actor=actor, now=now, target=client.ref)
    return secret


@use_case
def disable_client(*, client: ClientProfile, actor: Actor, now: datetime) -> None:
    """Let a client do nothing any more, and end everything that it was granted."""
    if ClientProfile.objects.filter(pk=client.pk, disabled_at=None).update(disabled_at=now):
        audit(ProviderEvent.CLIENT_DISABLED, actor=actor, now=now, target=client.ref)
    revoke_grants(
        Grant.objects.filter(client=client),
        reason=RevocationReason.CLIENT_DISABLED,
        actor=actor,
        now=now,
    )


@step
def _add_secret(*, client: ClientProfile, secret: str, now: datetime) -> str:
    if not client.uses_secret:
        return ""
    secret = secret or secrets.token_urlsafe(_SECRET_BYTES)
    if len(secret) < _MIN_SECRET_LENGTH:
        raise WeakSecretError
    ClientSecret.objects.create(client=client, digest=digest(secret), valid_from=now)
    return secret


def _check(facts: ClientFacts) -> None:
    uris = [*facts.redirect_uris, *facts.post_logout_redirect_uris]
    uris += [uri for uri in (facts.frontchannel_logout_uri, facts.backchannel_logout_uri) if uri]
    uris += [facts.jwks_uri] if facts.jwks_uri else []
    for uri in uris:
        check_client_uri(uri)
    if GrantType.CODE in facts.grant_types and not facts.redirect_uris:
        raise NoRedirectUriError
    _check_machine(facts)
    if facts.auth_method == AuthMethod.PRIVATE_KEY_JWT or facts.require_signed_request:
        _check_keys(facts)
    if facts.auth_method == AuthMethod.NONE and not facts.require_pkce:
        raise PublicClientError
    signs = facts.auth_method == AuthMethod.PRIVATE_KEY_JWT
    if facts.profile == Profile.FAPI2 and not (signs and facts.require_pkce):
        raise FapiClientError
    if facts.profile == Profile.FAPI2 and facts.id_token_alg == Algorithm.RS256:
        raise FapiAlgorithmError


def _check_machine(facts: ClientFacts) -> None:
    is_machine = GrantType.MACHINE in facts.grant_types
    if is_machine != (facts.machine_company is not None):
        raise MachineClientError
    if is_machine and facts.auth_method == AuthMethod.NONE:
        raise MachineClientError


def _check_keys(facts: ClientFacts) -> None:
    if facts.jwks is None and not facts.jwks_uri:
        raise ClientKeysError
    keys = (facts.jwks or {"keys": []}).get("keys")
    if not isinstance(keys, list) or not all(
        isinstance(key, dict) and "kty" in key and "d" not in key and key["kty"] != "oct"
        for key in keys
    ):
        raise ClientKeysError
