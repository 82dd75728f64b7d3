"""A client that a process remembers is what stands in the database at each request, or refused."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from auditlog.models import Event
from companies.models import Company
from oidc.models import AccessToken, ClientProfile, ClientSecret, MachineToken, RefreshPolicy
from oidc.operations import authentication
from oidc.protocol.client_auth import Credentials
from services.models import Entitlement, Service
from tests.factories.oidc import make_client
from tests.factories.services import entitle
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import Answer, RelyingParty
from vop.lib.crypto import digest

Change = Callable[[ClientProfile], object]
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite tells no versions of rows"
)


@pytest.fixture
def service(make_rp: MakeRelyingParty) -> RelyingParty:
    return make_rp(refresh_policy=RefreshPolicy.ALWAYS)


@pytest.fixture
def machine(acme: Company, bookkeeping: Service) -> RelyingParty:
    entitle(acme, bookkeeping)
    facts: dict[str, Any] = {
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "scopes": ["ledger.read", "ledger.write"],
    }
    profile, secret = make_client(bookkeeping, machine_company=acme, **facts)
    return RelyingParty(profile, secret, Client())


def ask_for_machine(machine: RelyingParty) -> Answer:
    return machine.post("token", grant_type="client_credentials")


def is_remembered(party: RelyingParty) -> bool:
    shown = Credentials(party.profile.auth_method, party.client_id, party.secret)  # type: ignore[arg-type]
    return authentication.recall_client(shown) is not None


def disable(profile: ClientProfile) -> None:
    ClientProfile.objects.filter(pk=profile.pk).update(disabled_at=timezone.now())


def delete_secret(profile: ClientProfile) -> None:
    ClientSecret.objects.filter(client=profile).delete()


def end_secret(profile: ClientProfile) -> None:
    ClientSecret.objects.filter(client=profile).update(valid_until=timezone.now())


def change_method(profile: ClientProfile) -> None:
    ClientProfile.objects.filter(pk=profile.pk).update(auth_method="private_key_jwt")


ENDINGS: Sequence[Change] = (disable, delete_secret, end_secret, change_method)


@on_postgresql
def test_one_that_proved_itself_is_remembered(service: RelyingParty) -> None:
    assert not is_remembered(service)
    service.post("introspect", token="unknown")
    assert is_remembered(service)


def test_wrong_secret_is_never_remembered(service: RelyingParty) -> None:
    wrong = RelyingParty(service.profile, "guessed by somebody", Client())
    for _again in range(2):
        assert wrong.post("introspect", token="unknown").status_code == 401
    assert not is_remembered(wrong)
    service.post("introspect", token="unknown")
    assert wrong.post("introspect", token="unknown").status_code == 401


@pytest.mark.parametrize("end", ENDINGS)
def test_ended_client_gets_nothing_at_its_next_request(
    service: RelyingParty, end: Change, alice_token: dict[str, Any]
) -> None:
    code = service.get_code()
    assert service.post("introspect", token=alice_token["access_token"]).json()["active"]
    end(service.profile)
    before = AccessToken.objects.count()
    for response in (
        service.post("introspect", token=alice_token["access_token"]),
        service.post("introspect", token=alice_token["refresh_token"]),
        service.post("introspect", token="unknown"),
        service.refresh(alice_token["refresh_token"]),
        service.refresh("unknown"),
        service.redeem(code),
    ):
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert AccessToken.objects.count() == before


@pytest.fixture
def alice_token(service: RelyingParty) -> dict[str, Any]:
    return service.get_tokens()


@pytest.mark.parametrize("end", ENDINGS)
def test_ended_machine_gets_nothing_at_its_next_request(machine: RelyingParty, end: Change) -> None:
    assert ask_for_machine(machine).status_code == 200
    end(machine.profile)
    assert ask_for_machine(machine).status_code == 401
    assert MachineToken.objects.count() == 1


def test_what_a_client_may_do_is_what_stands_now(machine: RelyingParty) -> None:
    assert ask_for_machine(machine).json()["scope"] == "ledger.read ledger.write"
    library = machine.profile.client
    library._scope = "ledger.read"
    library.save()
    assert ask_for_machine(machine).json()["scope"] == "ledger.read"
    ClientProfile.objects.filter(pk=machine.profile.pk).update(grant_types=[])
    assert ask_for_machine(machine).json()["error"] == "unauthorized_client"
    ClientProfile.objects.filter(pk=machine.profile.pk).update(grant_types=["client_credentials"])
    assert ask_for_machine(machine).status_code == 200


def test_machine_of_another_company_acts_for_that_one(
    machine: RelyingParty, bookkeeping: Service, other: Company
) -> None:
    assert ask_for_machine(machine).status_code == 200
    ClientProfile.objects.filter(pk=machine.profile.pk).update(machine_company=other)
    assert ask_for_machine(machine).json()["error"] == "unauthorized_client"
    entitle(other, bookkeeping)
    ask_for_machine(machine)
    made = MachineToken.objects.order_by("created_at").values_list("company_id", flat=True)
    assert list(made)[1:] == [other.pk]


def test_denied_machine_is_logged_once(machine: RelyingParty, acme: Company) -> None:
    ask_for_machine(machine)
    Company.objects.filter(pk=acme.pk).update(closed_at=timezone.now())
    ask_for_machine(machine)
    assert Event.objects.filter(action="authorization.denied").count() == 1


def test_entitlement_that_ends_by_its_date_ends_the_machine(machine: RelyingParty) -> None:
    ends = timezone.now() + timedelta(seconds=1.5)
    Entitlement.objects.update(valid_until=ends)
    assert ask_for_machine(machine).status_code == 200
    while timezone.now() < ends:
        connection.cursor().execute("SELECT 1")
    assert ask_for_machine(machine).json()["error_description"] == "No access: not_entitled."


def test_two_entitlements_give_the_longer_one(
    machine: RelyingParty, acme: Company, bookkeeping: Service
) -> None:
    now = timezone.now()
    Entitlement.objects.update(valid_until=now + timedelta(seconds=60))
    ask_for_machine(machine)
    Entitlement.objects.create(
        company=acme, service=bookkeeping, valid_from=now + timedelta(seconds=60)
    )
    for _again in range(2):
        assert ask_for_machine(machine).json()["expires_in"] <= 60


def test_both_secrets_of_a_change_work_and_end_alone(service: RelyingParty) -> None:
    now = timezone.now()
    newer = RelyingParty(service.profile, "the newer secret of this client", Client())
    ClientSecret.objects.create(client=service.profile, digest=digest(newer.secret), valid_from=now)
    for party in (service, newer) * 2:
        assert party.post("introspect", token="unknown").status_code == 200
    ClientSecret.objects.filter(digest=digest(service.secret)).update(valid_until=timezone.now())
    assert service.post("introspect", token="unknown").status_code == 401
    assert newer.post("introspect", token="unknown").status_code == 200


def test_refusal_counts_once(service: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oidc.http._MAX_REFUSALS", 1)
    service.post("introspect", token="unknown")
    assert [service.refresh("unknown").status_code for _again in range(2)] == [400, 429]


@on_postgresql
def test_memory_has_an_end(make_rp: MakeRelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_rp(), make_rp()
    authentication._remembered.clear()
    monkeypatch.setattr(authentication, "_MOST_REMEMBERED", 1)
    first.post("introspect", token="unknown")
    second.post("introspect", token="unknown")
    assert (is_remembered(first), is_remembered(second)) == (False, True)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_no_token_after_the_client_was_disabled(machine: RelyingParty) -> None:
    """Many requests of a remembered machine while somebody disables it."""
    assert ask_for_machine(machine).status_code == 200

    def ask_until_refused(_number: int) -> Answer:
        try:
            party = RelyingParty(machine.profile, machine.secret, Client())
            while (answer := ask_for_machine(party)).status_code == 200:
                pass
            return answer
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        asked = pool.map(ask_until_refused, range(4))
        while MachineToken.objects.count() < 20:
            pass
        disable(machine.profile)
        disabled = timezone.now()
        assert {answer.status_code for answer in asked} == {401}
    # Their instant is taken before the statement, so that none that began later got through.
    assert not MachineToken.objects.filter(created_at__gt=disabled).exists()
