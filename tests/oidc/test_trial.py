"""The demo's test client, as a process of its own, against a live provider."""

import html
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from companies.models import Role
from oidc.models import Grant, LogoutDelivery
from oidc.operations.keys import get_signer
from oidc.protocol.jose import sign
from oidc.protocol.logout_token import TYP, build_logout_token
from services.models import Seat, Service
from services.operations import release_seat
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.oidc import make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.live import Browser, open_browser
from tests.oidc.test_demo_service import APP, find_port, wait_for
from vop.demo.clients import make_jwk, make_private_key
from vop.lib import jobs

FOLDER = APP.parent
KEY = make_private_key("5" * 64)


@dataclass(frozen=True)
class Trial:
    """The running test client and a person's browser before it."""

    url: str
    browser: Browser

    def home(self) -> requests.Response:
        return self.browser.get(f"{self.url}/")

    def send(self, **values: str) -> str:
        """Send the form, filled in as it is at first but for some values; return the page."""
        form = {"kind": "basic", "scope": "openid profile offline_access", "response_type": "code"}
        return self.post("send", **{**form, "pkce": "on", "redeem": "on", **values})

    def post(self, path: str, **values: str) -> str:
        page = self.browser.session.post(f"{self.url}/{path}", values, timeout=30)
        assert page.status_code == 200, page.text
        return html.unescape(page.text)


@pytest.fixture
def service(transactional_db: None, live_server: LiveServer, settings: Settings) -> Service:
    settings.OIDC_ISSUER = f"{live_server.url}/oidc"
    put_keys()
    return make_service(name="Bokföring")


@pytest.fixture
def bob(service: Service) -> User:
    user = make_user(email="bob@exempel.se", full_name="Bob Berg")
    owner = make_user(email="alice@exempel.se")
    acme = make_company(name="Acme AB", owner=owner, org_number="5560160680")
    seat(entitle(acme, service), join_company(acme, user, Role.MEMBER))
    return user


@pytest.fixture
def trial(
    service: Service, bob: User, live_server: LiveServer, settings: Settings, tmp_path: Path
) -> Iterator[Trial]:
    port = find_port()
    url = f"http://localhost:{port}/test"
    world = {
        "issuer": settings.OIDC_ISSUER,
        "clients": [
            {"service": "x", "service_name": "X", "client_id": "x", "client_secret": "x"}
            | {"auth_method": "client_secret_basic"}
        ],
        "test_clients": [
            register(service, url, "basic"),
            register(service, url, "post", auth_method="client_secret_post"),
            register(service, url, "public", auth_method="none"),
            register(service, url, "fapi2", auth_method="private_key_jwt", profile="fapi2"),
        ],
    }
    (tmp_path / "demo.json").write_text(json.dumps(world), encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "DEMO_SERVICE_PORT": str(port),
        "VOP_VAR": str(tmp_path),
    }
    process = subprocess.Popen([sys.executable, str(APP)], env=environment)
    try:
        wait_for(f"http://localhost:{port}")
        yield Trial(url, open_browser(live_server, bob))
    finally:
        process.terminate()
        process.wait(timeout=10)


def register(service: Service, url: str, kind: str, **facts: Any) -> dict[str, Any]:
    has_key = facts.get("auth_method") == "private_key_jwt"
    if has_key:
        facts["jwks"] = {"keys": [make_jwk(kind, KEY.public_key())]}
    profile, secret = make_client(
        service,
        redirect_uris=[f"{url}/callback"],
        post_logout_redirect_uris=[f"{url}/signed-out"],
        backchannel_logout_uri=f"{url}/backchannel-logout",
        **facts,
    )
    return {
        "kind": kind,
        "client_id": profile.client_id_text,
        "client_secret": secret or None,
        "auth_method": profile.auth_method,
        "profile": profile.profile,
        "private_jwk": make_jwk(kind, KEY) if has_key else None,
    }


def list_checks(page: str) -> dict[str, bool]:
    found = re.findall(r'<li class="(good|bad)"><span aria-hidden="true">.</span> ([^<]+)', page)
    failed = {name for kind, name in found if kind == "bad"}
    return {name: name not in failed for _kind, name in found}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"kind": "post", "response_mode": "form_post"},
        {"response_mode": "jwt"},
        {"push": "on", "dpop": "on"},
        {"kind": "fapi2"},
    ],
    ids=["usual", "form_post", "jarm", "bound", "fapi2"],
)
def test_test_client_signs_in_and_checks_what_comes(trial: Trial, values: dict[str, str]) -> None:
    page = trial.send(**values)
    if "response_mode" in values and "form_post" in values["response_mode"]:
        # A browser sends this form by itself.
        fields = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', page))
        page = trial.post("callback", **fields)
    checks = list_checks(page)
    assert checks.keys() >= {"iss", "state", "signature", "aud", "exp", "nonce", "at_hash"}
    assert all(checks.values()), checks
    assert '"name": "Acme AB"' in page

    assert '"name": "Bob Berg"' in trial.post("userinfo")
    assert '"active": true' in trial.post("introspect/access_token")
    assert all(list_checks(trial.post("refresh")).values())
    trial.post("revoke/refresh_token")
    assert '"active": false' in trial.post("introspect/access_token")


def test_test_client_is_a_public_app_as_well(trial: Trial) -> None:
    assert '"name": "Acme AB"' in trial.send(kind="public")
    assert '"error": "invalid_client"' in trial.post("introspect/access_token")


def test_test_client_shows_what_is_refused(trial: Trial) -> None:
    assert '"error": "invalid_request"' in trial.send(pkce="")
    assert '"error": "login_required"' in trial.send(prompt="none", max_age="0")
    page = trial.send(extra="nonsense\nprompt = bogus")
    assert "<dt>prompt</dt><dd>bogus</dd>" in page
    assert '"error": "invalid_request"' in page

    trial.send(redeem="")
    assert '"error": "invalid_client"' in trial.post("redeem", fault="secret")
    assert '"error": "invalid_grant"' in trial.post("redeem", fault="verifier")
    assert '"error": "invalid_grant"' in trial.post("redeem", fault="redirect_uri")
    assert '"access_token"' in trial.post("redeem")
    assert trial.home().text.count('class="badge bad"') >= 3


def test_test_client_tells_a_foreign_answer_from_its_own(trial: Trial) -> None:
    trial.send(redeem="")
    page = trial.browser.get(f"{trial.url}/callback?code=x&state=y&iss=https://evil.example").text
    assert list_checks(page)["iss"] is False
    assert '"access_token"' in trial.post("redeem")  # the code of before, not the foreign one


def test_test_client_hears_of_the_end_and_believes_only_the_platform(
    trial: Trial, bob: User
) -> None:
    trial.send()
    grant = Grant.objects.select_related("client__client", "company").get()
    delivery = LogoutDelivery(
        client=grant.client, user=bob, company=grant.company, sid=grant.sid, sub=str(bob.sub)
    )
    claims = dict(build_logout_token(delivery, at=timezone.now()))
    forged = sign({**claims, "iss": "x"}, get_signer("RS256", now=timezone.now()), typ=TYP)
    for token in ("", "nonsense", forged):
        address = f"{trial.url}/backchannel-logout"
        assert requests.post(address, {"logout_token": token}, timeout=10).status_code == 400
    assert "logout_token" not in trial.home().text

    release_seat(seat=Seat.objects.get(), actor=SYSTEM, now=timezone.now())
    jobs.run_all(now=timezone.now())
    page = trial.home().text
    assert "Meddelande från plattformen, server till server" in page
    assert all(list_checks(page).values())
    elsewhere = requests.get(f"{trial.url}/", timeout=10).text
    assert "Meddelande från plattformen" not in elsewhere


def test_test_client_signs_out_with_the_platform(trial: Trial) -> None:
    trial.send()
    page = trial.post("sign-out")
    assert "Tillbaka från utloggningen" in page
    assert not Grant.objects.live().exists()


def test_test_client_shows_no_secret_and_lets_nothing_foreign_run(
    trial: Trial, tmp_path: Path
) -> None:
    world = json.loads((tmp_path / "demo.json").read_text("utf-8"))
    pages = trial.send() + trial.send(kind="post")
    for client in world["test_clients"]:
        assert not client["client_secret"] or client["client_secret"] not in pages
    policy = trial.home().headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    trial.send(extra="x=<script>alert(1)</script>", prompt="none", max_age="0")
    assert "<script" not in trial.home().text


def test_test_client_speaks_swedish_and_english(trial: Trial) -> None:
    assert '<html lang="sv">' in trial.home().text
    page = trial.post("language/en")
    assert '<html lang="en">' in page
    assert "see every question and answer as it is" in page
    assert '<html lang="en">' in trial.post("language/xx")


def test_every_text_of_the_test_client_has_its_swedish() -> None:
    swedish = runpy.run_path(str(FOLDER / "trial_texts.py"))["SWEDISH"]
    templates = "".join(
        file.read_text("utf-8") for file in (FOLDER / "templates" / "trial").iterdir()
    )
    said = set(re.findall(r'_\("([^"]+)"\)|_\(\'([^\']+)\'\)', templates))
    form = runpy.run_path(str(FOLDER / "trial_form.py"))
    texts = {"".join(pair) for pair in said}
    texts |= {field.hint for field in (*form["FIELDS"], *form["REST_FIELDS"])}
    texts |= {preset.title for preset in form["PRESETS"].values()}
    texts |= {*form["KINDS"].values(), *form["FAULTS"].values()}
    views = (FOLDER / "trial.py").read_text("utf-8")
    texts |= {*re.findall(r'Exchange\(\s*"([^"]+)"', views), *re.findall(r'title="([^"]+)"', views)}
    assert texts - set(swedish) == set()
