"""The examples of deploy/examples without pages: a FAPI 2.0 client, a machine, an API's guard."""

import json
import os
import runpy
import subprocess
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from companies.models import Company, Role
from oidc.models import ClientProfile
from services.models import Seat, Service
from services.operations import release_seat
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.oidc import CALLBACK, make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.fapi_party import make_key
from tests.oidc.live import open_browser
from tests.oidc.relying_party import basic, make_pkce
from tests.oidc.test_examples import EXAMPLES, EXPRESS, needs_node

Register = Callable[..., tuple[ClientProfile, str]]


@pytest.fixture
def acme(transactional_db: None, live_server: LiveServer, settings: Settings) -> Company:
    settings.OIDC_ISSUER = f"{live_server.url}/oidc"
    put_keys()
    alice = make_user(email="alice@exempel.se", full_name="Alice Ek")
    return make_company(name="Acme AB", owner=alice, org_number="5560160680")


@pytest.fixture
def service(acme: Company) -> Service:
    return make_service()


@pytest.fixture
def bob(acme: Company, service: Service) -> User:
    user = make_user(email="bob@exempel.se", full_name="Bob Berg")
    seat(entitle(acme, service), join_company(acme, user, Role.MEMBER))
    return user


@pytest.fixture
def register(service: Service, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Register:
    def _register(**facts: Any) -> tuple[ClientProfile, str]:
        profile, secret = make_client(service, **facts)
        monkeypatch.setenv("ISSUER", settings.OIDC_ISSUER)
        monkeypatch.setenv("CLIENT_ID", profile.client_id_text)
        monkeypatch.setenv("CLIENT_SECRET", secret)
        return profile, secret

    return _register


def load(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / "backend" / name))


def get_access_token(
    live_server: LiveServer, user: User, profile: ClientProfile, secret: str
) -> str:
    verifier, challenge = make_pkce()
    asked = {
        "response_type": "code", "client_id": profile.client_id_text, "redirect_uri": CALLBACK,
        "scope": "openid", "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    browser = open_browser(live_server, user).session
    address = f"{live_server.url}/oidc/authorize"
    answer = browser.get(address, params=asked, allow_redirects=False, timeout=20)
    code = answer.headers["Location"].split("code=")[1].split("&")[0]
    tokens = requests.post(
        f"{live_server.url}/oidc/token",
        {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK,
            "code_verifier": verifier,
        },
        headers={"Authorization": basic(profile.client_id_text, secret)},
        timeout=20,
    )  # fmt: skip
    token: str = tokens.json()["access_token"]
    return token


def test_api_knows_what_a_token_is_worth_and_when_no_longer(
    register: Register, bob: User, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = get_access_token(live_server, bob, *register())
    program = load("api.py")
    assert program["KEPT_SECONDS"] <= 60
    facts = program["read_token"](f"Bearer {token}")
    assert (facts["company"]["name"], facts["roles"]) == ("Acme AB", ["user"])
    for wrong in ("", token, "Bearer ", "Bearer x"):
        with pytest.raises(PermissionError, match="401"):
            program["read_token"](wrong)

    release_seat(seat=Seat.objects.get(), actor=SYSTEM, now=timezone.now())
    assert program["read_token"](f"Bearer {token}")["active"]  # remembered
    later = time.monotonic() + program["KEPT_SECONDS"] + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(PermissionError, match="invalid_token"):
        program["read_token"](f"Bearer {token}")


def test_machine_gets_its_token_and_is_told_why_not(
    register: Register, bob: User, acme: Company
) -> None:
    register(
        grant_types=["client_credentials"],
        machine_company=acme,
        redirect_uris=[],
        scopes=["ledger.read"],
    )
    get_token = load("machine.py")["get_token"]
    token = get_token("ledger.read")
    facts = load("api.py")["read_token"](f"Bearer {token}")
    assert (facts["via"], facts["scope"]) == ("machine", "ledger.read")
    with pytest.raises(PermissionError, match="invalid_scope"):
        get_token("ledger.write")


@needs_node
def test_fapi2_client_signs_in_by_pushed_request_and_bound_tokens(
    register: Register, bob: User, live_server: LiveServer, settings: Settings
) -> None:
    key = make_key("ES256")
    profile, _secret = register(
        profile="fapi2", auth_method="private_key_jwt", jwks={"keys": [key.jwk]}
    )
    private = jwt.algorithms.ECAlgorithm.to_jwk(key.private, as_dict=True)
    process = subprocess.Popen(
        ["node", "fapi2.mjs"],
        cwd=EXPRESS,
        env={
            "PATH": os.environ["PATH"],
            "ISSUER": settings.OIDC_ISSUER,
            "CLIENT_ID": profile.client_id_text,
            "PRIVATE_JWK": json.dumps({**private, "kid": key.jwk["kid"], "alg": "ES256"}),
            "CALLBACK": CALLBACK,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert "request_uri=" in address
        browser = open_browser(live_server, bob).session
        answer = browser.get(address, allow_redirects=False, timeout=20)
        told, _errors = process.communicate(f"{answer.headers['Location']}\n", timeout=30)
    finally:
        process.kill()
        process.wait()
    known = json.loads(told)
    assert known["token_type"] == "dpop"
    assert known["claims"]["company"]["name"] == "Acme AB"
    assert known["person"]["name"] == "Bob Berg"
