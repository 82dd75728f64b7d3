"""The clients of the demo's test client: one for each way in which a service can be registered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from oidc_provider.models import Client

from companies.models import Company
from oidc.models import AuthMethod, ClientProfile, GrantType, Profile
from oidc.operations.clients import ClientFacts, register_client
from services.models import Service
from vop.demo.clients import has_secret, make_jwk, make_private_key
from vop.demo.people import SYSTEM, make_secret
from vop.demo.world import SERVICES, SUNROSE

_CALLBACK, _SIGNED_OUT = "callback", "signed-out"


@dataclass(frozen=True)
class _Trial:
    """One registration; `kind` is its name in addresses and files."""

    kind: str
    auth_method: AuthMethod
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        return f"demo-test-{self.kind}"

    @property
    def secret(self) -> str:
        return make_secret(f"client:test-{self.kind}")

    @property
    def is_machine(self) -> bool:
        return self.kind == "machine"


_TRIALS = (
    _Trial("basic", AuthMethod.BASIC),
    _Trial("post", AuthMethod.POST, {"customer_claims": True}),
    _Trial("jwt", AuthMethod.PRIVATE_KEY_JWT, {"id_token_alg": "ES256"}),
    _Trial("public", AuthMethod.NONE),
    _Trial("fapi2", AuthMethod.PRIVATE_KEY_JWT, {"profile": Profile.FAPI2}),
    _Trial("machine", AuthMethod.BASIC),
)


def ensure_trial_clients(now: datetime) -> None:
    """Register what is missing, and let the rest follow to where the test client runs today."""
    for trial in _TRIALS:
        if not Client.objects.filter(client_id=trial.client_id).exists():
            _register(trial, now)
        elif not trial.is_machine:
            _follow(trial)


def describe_trial_clients() -> list[dict[str, Any]]:
    """Return what the test client needs to act as each of its registrations."""
    described = []
    for trial in _TRIALS:
        client: dict[str, Any] = {
            "kind": trial.kind,
            "client_id": trial.client_id,
            "client_secret": trial.secret if has_secret(trial.auth_method) else None,
            "auth_method": trial.auth_method.value,
            "profile": str(trial.facts.get("profile", Profile.OIDC)),
            "redirect_uris": [] if trial.is_machine else [_address(_CALLBACK)],
            "post_logout_redirect_uris": [] if trial.is_machine else [_address(_SIGNED_OUT)],
        }
        if trial.auth_method == AuthMethod.PRIVATE_KEY_JWT:
            client["private_jwk"] = make_jwk(trial.client_id, make_private_key(trial.secret))
        described.append(client)
    return described


def _register(trial: _Trial, now: datetime) -> None:
    facts = dict(trial.facts)
    if trial.auth_method == AuthMethod.PRIVATE_KEY_JWT:
        public = make_private_key(trial.secret).public_key()
        facts["jwks"] = {"keys": [make_jwk(trial.client_id, public)]}
    if trial.is_machine:
        facts["redirect_uris"] = []
        facts["grant_types"] = [GrantType.MACHINE.value]
        facts["scopes"] = ["ledger.read"]
        facts["machine_company"] = Company.objects.get(org_number=SUNROSE.org_number)
    else:
        facts |= {
            "redirect_uris": [_address(_CALLBACK)],
            "post_logout_redirect_uris": [_address(_SIGNED_OUT)],
            **_list_logout_addresses(trial),
        }
    register_client(
        service=Service.objects.get(slug=SERVICES[0].slug),
        facts=ClientFacts(
            name=f"Testklient ({trial.kind})", auth_method=trial.auth_method, **facts
        ),
        client_id=trial.client_id,
        secret=trial.secret if has_secret(trial.auth_method) else "",
        actor=SYSTEM,
        now=now,
    )


def _follow(trial: _Trial) -> None:
    client = Client.objects.get(client_id=trial.client_id)
    client.redirect_uris = [_address(_CALLBACK)]
    client.post_logout_redirect_uris = [_address(_SIGNED_OUT)]
    client.save()
    ClientProfile.objects.filter(client=client).update(**_list_logout_addresses(trial))


def _list_logout_addresses(trial: _Trial) -> dict[str, str]:
    if trial.auth_method == AuthMethod.NONE:
        return {"frontchannel_logout_uri": _address("frontchannel-logout")}
    return {"backchannel_logout_uri": _address("backchannel-logout")}


def _address(page: str) -> str:
    return f"{settings.DEMO_SERVICE_URL}/test/{page}"
