"""Machine clients: no person, one company, asked about as everybody else."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from auditlog.actors import Actor
from auditlog.models import Event
from companies.models import Company
from oidc.models import ClientProfile, MachineToken
from oidc.operations.clients import MachineClientError, disable_client
from oidc.operations.housekeeping import purge_expired
from oidc.operations.machines import issue_machine_token
from oidc.queries import Caller, find_known_client
from services.access import Access, NoAccess, Refusal, machine_access
from services.models import Entitlement, Service
from tests.factories.oidc import make_client
from tests.factories.services import entitle, make_service
from tests.oidc.relying_party import RelyingParty

MACHINE: dict[str, Any] = {
    "grant_types": ["client_credentials"],
    "redirect_uris": [],
    "scopes": ["ledger.read", "ledger.write"],
}


@pytest.fixture
def machine(acme: Company, bookkeeping: Service) -> RelyingParty:
    entitle(acme, bookkeeping)
    profile, secret = make_client(bookkeeping, machine_company=acme, **MACHINE)
    return RelyingParty(profile, secret, Client())


def get_token(machine: RelyingParty, **changes: str) -> str:
    response = machine.post("token", grant_type="client_credentials", **changes)
    assert response.status_code == 200, response.content
    token: str = response.json()["access_token"]
    return token


def introspect(machine: RelyingParty, token: str) -> dict[str, Any]:
    body: dict[str, Any] = machine.post("introspect", token=token).json()
    return body


def test_machine_gets_a_token_of_its_company(machine: RelyingParty, acme: Company) -> None:
    response = machine.post("token", grant_type="client_credentials", scope="ledger.read")
    body = response.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert body["scope"] == "ledger.read"
    assert 590 < body["expires_in"] <= 600

    told = introspect(machine, body["access_token"])
    assert told["active"] is True
    assert told["sub"] == told["client_id"] == machine.client_id
    assert told["company"]["id"] == str(acme.pk)
    assert (told["roles"], told["via"], told["scope"]) == ([], "machine", "ledger.read")
    event = Event.objects.get(action="token.issued")
    assert (event.actor_kind, event.company_id) == ("client", acme.pk)
    assert body["access_token"] not in MachineToken.objects.values_list("digest", flat=True)


def test_row_35_machine_token_is_no_persons(machine: RelyingParty) -> None:
    assert machine.userinfo(get_token(machine)).status_code == 401


def test_machine_gets_no_scope_beyond_its_own(machine: RelyingParty) -> None:
    assert machine.post("token", grant_type="client_credentials").json()["scope"] == (
        "ledger.read ledger.write"
    )
    for scope in ("openid", "ledger.read profile", "ledger.delete"):
        response = machine.post("token", grant_type="client_credentials", scope=scope)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("way", ["entitlement", "company", "service", "client"])
def test_machine_loses_its_access(
    machine: RelyingParty, acme: Company, bookkeeping: Service, system: Actor, way: str
) -> None:
    token, now = get_token(machine), timezone.now()
    if way == "entitlement":
        Entitlement.objects.update(valid_until=now)
    elif way == "company":
        Company.objects.filter(pk=acme.pk).update(closed_at=now)
    elif way == "service":
        Service.objects.update(is_active=False)
    else:
        asker = RelyingParty(*make_client(bookkeeping), Client())
        disable_client(client=machine.profile, actor=system, now=now)
        assert introspect(asker, token) == {"active": False}
        assert machine.post("token", grant_type="client_credentials").status_code == 401
        return

    assert introspect(machine, token) == {"active": False}
    response = machine.post("token", grant_type="client_credentials")
    reason = {"entitlement": "not_entitled", "company": "company_closed"}.get(
        way, "service_not_offered"
    )
    assert (response.status_code, response.json()) == (
        400,
        {"error": "unauthorized_client", "error_description": f"No access: {reason}."},
    )
    denied = Event.objects.get(action="authorization.denied")
    assert (denied.data["reason"], denied.company_id) == (reason, acme.pk)


def test_machine_token_ends_with_the_entitlement(machine: RelyingParty) -> None:
    Entitlement.objects.update(valid_until=timezone.now() + timedelta(seconds=100))
    response = machine.post("token", grant_type="client_credentials")
    assert 90 < response.json()["expires_in"] <= 100


def test_machine_token_is_told_only_within_its_service(machine: RelyingParty) -> None:
    other = RelyingParty(*make_client(make_service(slug="lon", name="Lön")), Client())
    assert introspect(other, get_token(machine)) == {"active": False}


def test_machine_token_can_be_bound_to_a_key(machine: RelyingParty, system: Actor) -> None:
    now = timezone.now()
    known = find_known_client(machine.profile.client_id_text, at=now)
    assert known is not None
    kept: dict[str, Any] = {"caller": Caller(known), "actor": system, "now": now}
    tokens = issue_machine_token(scope="", jkt="the thumbprint", **kept)
    assert tokens.as_json()["token_type"] == "DPoP"
    told = introspect(machine, tokens.access_token)
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": "the thumbprint"})


def test_machine_gives_its_token_back(machine: RelyingParty, acme: Company) -> None:
    token = get_token(machine)
    profile, secret = make_client(machine.profile.service, machine_company=acme, **MACHINE)
    stranger = RelyingParty(profile, secret, Client())
    assert stranger.post("revoke", token=token).status_code == 200
    assert introspect(machine, token)["active"]

    assert machine.post("revoke", token=token).status_code == 200
    assert introspect(machine, token) == {"active": False}


def test_machine_tokens_are_purged(machine: RelyingParty) -> None:
    get_token(machine)
    purge_expired(now=timezone.now() + timedelta(hours=2))
    assert not MachineToken.objects.exists()


def test_machine_signs_nobody_in(acme: Company, bookkeeping: Service, rp: RelyingParty) -> None:
    facts = {**MACHINE, "redirect_uris": rp.profile.redirect_uris}
    profile, secret = make_client(bookkeeping, machine_company=acme, **facts)
    response = RelyingParty(profile, secret, rp.browser).authorize()
    assert "error=unauthorized_client" in response.headers["Location"]


@pytest.mark.parametrize("fault", ["public", "no company", "no machine"])
def test_machine_must_be_confidential_and_of_one_company(
    acme: Company, bookkeeping: Service, fault: str
) -> None:
    facts = {**MACHINE, "machine_company": acme}
    faults: dict[str, dict[str, Any]] = {
        "public": {"auth_method": "none"},
        "no company": {"machine_company": None},
        "no machine": {"grant_types": ["refresh_token"]},
    }
    with pytest.raises(MachineClientError):
        make_client(bookkeeping, **{**facts, **faults[fault]})


def test_public_machine_is_kept_out_by_the_database(machine: RelyingParty) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ClientProfile.objects.update(auth_method="none")


def test_machine_access_asks_for_the_company_alone(
    acme: Company, bookkeeping: Service, now: datetime
) -> None:
    assert machine_access(acme, bookkeeping, now) == NoAccess(Refusal.NOT_ENTITLED)
    entitle(acme, bookkeeping)
    decision = machine_access(acme, bookkeeping, now)
    assert isinstance(decision, Access)
    assert (decision.ground, decision.until) == ("machine", None)


def test_register_client_binds_a_machine_to_a_company(acme: Company, bookkeeping: Service) -> None:
    out = StringIO()
    base = ["register_client", "--service", bookkeeping.slug, "--name", "Nattkörning"]
    machine = [*base, "--grant", "client_credentials", "--scope", "ledger.read", "--json"]
    call_command(*machine, "--company", "556016-0680", stdout=out)
    profile = ClientProfile.objects.get(client__client_id=json.loads(out.getvalue())["client_id"])

    assert profile.machine_company == acme
    assert profile.grant_types == ["client_credentials"]
    assert profile.scopes == {"ledger.read"}
    for wrong in (machine, base, [*machine, "--company", "1"], [*base, "--scope", "å"]):
        with pytest.raises(CommandError):
            call_command(*wrong, stdout=StringIO())
