"""The programs of docs/integrate.md, run as they stand there."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import requests
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from werkzeug.serving import make_server

from accounts.models import User
from companies.models import Company, Role
from oidc.models import Algorithm
from oidc.operations.keys import get_signer
from oidc.protocol.jose import sign
from services.models import Seat, Service
from services.operations import release_seat
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.oidc import CALLBACK, make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.live import open_browser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "integrate.md"
PROGRAMS = dict(
    re.findall(r'```python title="([a-z_]+)\.py"\n(.*?)```', PAGE.read_text("utf-8"), re.DOTALL)
)
Register = Callable[..., str]
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def run(name: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": name}
    exec(compile(PROGRAMS[name], f"{name}.py", "exec"), names)  # noqa: S102 (our own page)
    return names


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
    def _register(**facts: Any) -> str:
        profile, secret = make_client(service, **facts)
        monkeypatch.setenv("ISSUER", settings.OIDC_ISSUER)
        monkeypatch.setenv("CLIENT_ID", profile.client_id_text)
        monkeypatch.setenv("CLIENT_SECRET", secret)
        monkeypatch.setenv("CALLBACK", CALLBACK)
        return profile.client_id_text

    return _register


def visit(live_server: LiveServer, user: User, url: str) -> str:
    """Open an authorization request as a signed-in person; return the callback's query."""
    response = open_browser(live_server, user).session.get(url, allow_redirects=False, timeout=20)
    assert response.status_code == 302, response.text
    return urlsplit(response.headers["Location"]).query


def test_flask_with_authlib_signs_in_and_out(
    register: Register, bob: User, acme: Company, live_server: LiveServer, settings: Settings
) -> None:
    server = make_server("127.0.0.1", 0, lambda *_arguments: [], threaded=True)
    url = f"http://127.0.0.1:{server.port}"
    register(redirect_uris=[f"{url}/callback"], post_logout_redirect_uris=[f"{url}/signed-out"])
    server.app = run("authlib_flask")["app"]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        browser = open_browser(live_server, bob)
        page = browser.get(f"{url}/?iss={settings.OIDC_ISSUER}&company={acme.pk}")
        assert page.text == f"{bob.sub} in Acme AB as user"
        page = browser.get(f"{url}/sign-out")
        assert (page.url, page.text) == (f"{url}/signed-out", "Signed out.")
        assert "/login/" in browser.get(f"{url}/").url
        assert requests.get(f"{url}/callback?iss=x&code=y", timeout=10).status_code == 400
        refused = requests.get(
            f"{url}/callback", {"iss": settings.OIDC_ISSUER, "error": "access_denied"}, timeout=10
        )
        assert (refused.status_code, refused.text) == (403, "Not signed in: access_denied")
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def test_pyoidc_signs_in(register: Register, bob: User, live_server: LiveServer) -> None:
    register()
    program = run("with_pyoidc")
    url, kept = program["start"]()
    claims, info = program["finish"](visit(live_server, bob, url), kept)
    assert (claims["sub"], claims["company"]["name"]) == (str(bob.sub), "Acme AB")
    assert info["name"] == "Bob Berg"


def test_requests_and_pyjwt_sign_in_refresh_and_notice_the_end(
    register: Register, bob: User, acme: Company, live_server: LiveServer
) -> None:
    register()
    program = run("by_hand")
    url, kept = program["start"](company=str(acme.pk))
    query = visit(live_server, bob, url)
    tokens, claims = program["finish"](query, kept)
    assert (claims["sub"], claims["company"]["id"]) == (str(bob.sub), str(acme.pk))
    newer = program["refresh"](tokens)
    assert program["introspect"](newer["access_token"])["roles"] == ["user"]

    release_seat(seat=Seat.objects.get(), actor=SYSTEM, now=timezone.now())
    assert program["introspect"](newer["access_token"]) == {"active": False}
    with pytest.raises(PermissionError, match="invalid_grant"):
        program["refresh"](newer)
    with pytest.raises(ValueError, match="not to our question"):
        program["finish"](query, {**kept, "state": "other"})


def test_machine_gets_its_token(
    register: Register, service: Service, bob: User, acme: Company
) -> None:
    register(
        grant_types=["client_credentials"],
        machine_company=acme,
        redirect_uris=[],
        scopes=["ledger.read"],
    )
    assert len(run("machine")["token"]) > 40


def test_logout_token_is_read_and_others_are_refused(
    register: Register, service: Service, settings: Settings
) -> None:
    client_id = register()
    read = run("logout_token")["read_logout_token"]
    now = int(time.time())
    claims = {
        "iss": settings.OIDC_ISSUER, "aud": client_id, "iat": now, "exp": now + 60,
        "jti": "x", "sid": "the sid", "events": {EVENT: {}},
    }  # fmt: skip
    signer = get_signer(Algorithm.RS256, now=timezone.now())
    assert read(sign(claims, signer)) == "the sid"
    faults: list[dict[str, Any]] = [
        {"nonce": "x"}, {"events": {}}, {"aud": "other"}, {"exp": now - 60}
    ]  # fmt: skip
    for wrong in faults:
        with pytest.raises((ValueError, jwt.PyJWTError)):
            read(sign({**claims, **wrong}, signer))


def test_every_program_of_the_page_is_run() -> None:
    source = Path(__file__).read_text("utf-8")
    assert PROGRAMS
    assert all(f'run("{name}")' in source for name in PROGRAMS)
