"""What the endpoints don't reach: the corners of the operations."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from accounts.operations import SessionGoneError
from auditlog.models import Event
from companies.models import Company
from oidc import tasks
from oidc.models import ClientSecret, Grant, PushedRequest, SigningKey
from oidc.operations.clients import ClientExistsError, disable_client, renew_client_secret
from oidc.operations.grants import SessionFacts, grant_authorization
from oidc.operations.keys import get_signer
from oidc.protocol.authorization import read_authorization_request
from oidc.protocol.introspection import describe_token
from oidc.queries import Caller, find_known_client
from services.access import Access, effective_access
from tests.factories.companies import SYSTEM
from tests.factories.oidc import CALLBACK, make_client
from tests.oidc.relying_party import RelyingParty


def test_client_id_is_registered_once(rp: RelyingParty) -> None:
    with pytest.raises(ClientExistsError):
        make_client(rp.profile.service, client_id=rp.client_id)


def test_disabling_a_client_twice_is_told_once(rp: RelyingParty, now: datetime) -> None:
    for _time in range(2):
        disable_client(client=rp.profile, actor=SYSTEM, now=now)
    assert Event.objects.filter(action="client_app.disabled").count() == 1


def test_new_secret_never_lengthens_an_old_one(rp: RelyingParty) -> None:
    now = datetime.now(UTC)
    soon = now + timedelta(days=1)
    ClientSecret.objects.update(valid_until=soon)
    renew_client_secret(client=rp.profile, actor=SYSTEM, now=now)
    assert ClientSecret.objects.filter(valid_until=soon).count() == 1


@pytest.mark.parametrize("is_pushed", [False, True])
def test_session_that_is_over_gives_no_code(
    rp: RelyingParty, bob: User, acme: Company, *, is_pushed: bool
) -> None:
    """It ended between the question and the answer; a race test finds that, now and then."""
    now = datetime.now(UTC)
    pushed = rp.post("par", **rp.ask()).json()["request_uri"]
    access = effective_access(bob, acme, rp.profile.service, now)
    assert isinstance(access, Access)
    with pytest.raises(SessionGoneError):
        grant_authorization(
            client=rp.profile,
            user=bob,
            company=acme,
            access=access,
            session=SessionFacts(str(uuid4()), now, ("pwd",), ""),
            asked=read_authorization_request(rp.ask(), rp.profile),
            redirect_uri=CALLBACK,
            request_uri=pushed if is_pushed else "",
            actor=SYSTEM,
            now=now,
        )
    assert not Grant.objects.exists()
    assert PushedRequest.objects.get().used_at is None


def test_first_use_makes_the_keys(db: None, now: datetime) -> None:
    assert get_signer("RS256", now=now).alg == "RS256"
    assert set(SigningKey.objects.values_list("alg", flat=True)) == {"RS256", "ES256"}
    with pytest.raises(LookupError):
        get_signer("EdDSA", now=now)  # no client chose it


def test_first_look_at_the_jwks_makes_the_keys(client: Client, db: None) -> None:
    assert len(client.get("/oidc/jwks").json()["keys"]) == 2


def test_beat_tasks_keep_house(rp: RelyingParty) -> None:
    rp.get_tokens()
    tasks.rotate_signing_keys()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=300)):
        tasks.purge_expired()
    assert not Grant.objects.exists()


def test_used_refresh_token_is_inactive(rp: RelyingParty) -> None:
    body = rp.get_tokens(scope="openid offline_access")
    rp.refresh(body["refresh_token"])
    now = datetime.now(UTC)
    known = find_known_client(rp.profile.client_id_text, at=now)
    assert known is not None
    told = describe_token(body["refresh_token"], Caller(known), at=now)
    assert told == {"active": False}
