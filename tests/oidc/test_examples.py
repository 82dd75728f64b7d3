"""The example services of deploy/examples, each a process of its own, against a live provider.

Three client libraries, one contract: from the portal's tile through the sign-in form to roles that
follow the platform, and to the end of the session, whoever ends it.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from companies.models import Role
from oidc.models import Grant, LogoutDelivery
from oidc.operations.keys import get_signer
from oidc.protocol.jose import Signer, make_private_key, sign
from oidc.protocol.logout_token import TYP, build_logout_token
from services.models import Seat, Service
from services.operations import release_seat
from tests.architecture.tree import ROOT
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.oidc import make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.live import Browser
from tests.oidc.test_demo_service import find_port
from vop.lib import jobs

EXAMPLES = ROOT / "deploy" / "examples"
EXPRESS = EXAMPLES / "express_openid_client"
COMMANDS = {
    "flask_authlib": (sys.executable, "service.py"),
    "django_mozilla": (sys.executable, "service.py"),
    "express_openid_client": ("node", "service.mjs"),
}
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (EXPRESS / "node_modules").is_dir(),
    reason="no Node with the example's packages; bin/test installs both when it may",
)
LIBRARIES = [
    "flask_authlib",
    "django_mozilla",
    pytest.param("express_openid_client", marks=needs_node),
]


@dataclass(frozen=True)
class Example:
    """A running example service and the browser of a person before it."""

    url: str
    browser: Browser

    def get(self, path: str, **query: str) -> requests.Response:
        return self.browser.session.get(f"{self.url}{path}", params=query, timeout=20)

    def sign_in(self, user: User, **query: str) -> requests.Response:
        """Go the way of a person: to the service, through the platform's form, and back."""
        page = self.get("/", **query) if query else self.get("/sign-in")
        assert "/login/" in page.url, page.text
        return self.browser.submit(page, "sign-in", login=user.email, password=PASSWORD)


StartExample = Callable[..., Example]


@pytest.fixture
def service(transactional_db: None, live_server: LiveServer, settings: Settings) -> Service:
    settings.OIDC_ISSUER = f"{live_server.url}/oidc"
    put_keys()
    return make_service(name="Bokföring")


@pytest.fixture
def bob(service: Service) -> User:
    """Bob, who has a seat in two companies."""
    user = make_user(email="bob@exempel.se", full_name="Bob Berg")
    for name, number in (("Acme AB", "5560160680"), ("Other AB", "5567037485")):
        owner = make_user(email=f"{number}@exempel.se")
        company = make_company(name=name, owner=owner, org_number=number)
        seat(entitle(company, service), join_company(company, user, Role.MEMBER))
    return user


@pytest.fixture
def tile(bob: User, settings: Settings) -> dict[str, str]:
    """What the portal's tile of Other AB adds to the service's address."""
    other = bob.memberships.get(company__name="Other AB").company
    return {"iss": settings.OIDC_ISSUER, "company": str(other.pk)}


@pytest.fixture(params=LIBRARIES)
def start(
    request: pytest.FixtureRequest, service: Service, settings: Settings, tmp_path: Path
) -> Iterator[StartExample]:
    """Start an example service, registered as docs/integrate.md says."""
    running: list[subprocess.Popen[bytes]] = []

    def _start(*, fresh_seconds: int = 600) -> Example:
        url = f"http://localhost:{find_port()}"
        profile, secret = make_client(
            service,
            redirect_uris=[f"{url}/callback"],
            post_logout_redirect_uris=[f"{url}/signed-out"],
            backchannel_logout_uri=f"{url}/backchannel-logout",
        )
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(tmp_path),
            "ISSUER": settings.OIDC_ISSUER,
            "CLIENT_ID": profile.client_id_text,
            "CLIENT_SECRET": secret,
            "URL": url,
            "FRESH_SECONDS": str(fresh_seconds),
        }
        folder = EXAMPLES / request.param
        running.append(subprocess.Popen(COMMANDS[request.param], cwd=folder, env=environment))
        wait_for(f"{url}/signed-out", running[-1])
        return Example(url, Browser(requests.Session()))

    yield _start
    for process in running:
        process.terminate()
        process.wait(timeout=10)


def wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            requests.get(address, timeout=2)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the example did not start")


def get_grant(company: str) -> Grant:
    return Grant.objects.select_related("client__client", "company").get(company__name=company)


def test_example_signs_in_from_the_tile_and_out_again(
    start: StartExample, bob: User, tile: dict[str, str]
) -> None:
    example = start()
    assert "Not signed in" in example.get("/").text

    page = example.sign_in(bob, **tile)
    assert page.url == f"{example.url}/"
    assert f"{bob.sub} in Other AB as user" in page.text

    page = example.browser.submit(page, "sign-out")
    assert (page.url, page.text) == (f"{example.url}/signed-out", "Signed out.")
    assert not Grant.objects.live().exists()
    assert "Not signed in" in example.get("/").text
    assert "/login/" in example.get("/sign-in").url


def test_example_refuses_what_others_send(
    start: StartExample, bob: User, tile: dict[str, str]
) -> None:
    example = start()
    assert example.get("/", iss="https://evil.example").status_code == 400
    page = example.get("/", **tile)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(next_of(page)).query).items()}
    evil = example.get("/callback", code="x", state=asked["state"], iss="https://evil.example")
    assert evil.status_code == 400, evil.text

    page = example.get("/", **tile)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(next_of(page)).query).items()}
    refused = {"error": "access_denied", "state": asked["state"], "iss": tile["iss"]}
    answer = example.get("/callback", **refused)
    assert (answer.status_code, answer.text) == (403, "Not signed in: access_denied")
    assert "Not signed in" in example.get("/").text


def next_of(page: requests.Response) -> str:
    """Where the sign-in page leads on to: the authorization request."""
    [address] = parse_qs(urlsplit(page.url).query)["next"]
    return address


def test_example_loses_the_session_with_the_access(
    start: StartExample, bob: User, tile: dict[str, str]
) -> None:
    example = start(fresh_seconds=1)
    example.sign_in(bob, **tile)
    time.sleep(1.1)
    assert "in Other AB as user" in example.get("/").text  # asked anew, in the same company

    other = bob.memberships.get(company__name="Other AB").company
    # Without the queue nobody is told: it's the asking that finds out.
    release_seat(seat=Seat.objects.get(membership__company=other), actor=SYSTEM, now=timezone.now())
    time.sleep(1.1)
    assert "Not signed in" in example.get("/").text
    assert "Not signed in" in example.get("/").text


def test_example_hears_of_the_end_by_itself(
    start: StartExample, bob: User, tile: dict[str, str]
) -> None:
    example = start()
    example.sign_in(bob, **tile)
    grant = get_grant("Other AB")
    release_seat(
        seat=Seat.objects.get(membership__company=grant.company), actor=SYSTEM, now=timezone.now()
    )
    assert "in Other AB" in example.get("/").text
    jobs.run_all(now=timezone.now())
    assert LogoutDelivery.objects.get(sid=grant.sid).last_status in {200, 204}
    assert "Not signed in" in example.get("/").text


def test_example_believes_only_true_logout_tokens(
    start: StartExample, bob: User, tile: dict[str, str]
) -> None:
    example = start()
    example.sign_in(bob, **tile)
    grant = get_grant("Other AB")
    now = timezone.now()
    delivery = LogoutDelivery(
        client=grant.client, user=bob, company=grant.company, sid=grant.sid, sub=str(bob.sub)
    )
    claims = dict(build_logout_token(delivery, at=now))
    signer = get_signer("RS256", now=now)
    stranger = Signer(signer.kid, "RS256", make_private_key("RS256"))
    faults: list[dict[str, Any]] = [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"events": {}},
        {"exp": 1},
        {"nonce": "n"},
    ]
    wrong = [
        "",
        "nonsense",
        sign(claims, stranger, typ=TYP),
        *(sign({**claims, **fault}, signer, typ=TYP) for fault in faults),
    ]
    for token in wrong:
        assert tell(example, token) == 400, token
    assert "in Other AB" in example.get("/").text
    assert tell(example, sign(claims, signer, typ=TYP)) == 200
    assert "Not signed in" in example.get("/").text
    assert tell(example, sign({**claims, "sid": "unknown", "jti": "y"}, signer, typ=TYP)) == 200


def tell(example: Example, token: str) -> int:
    answer = requests.post(f"{example.url}/backchannel-logout", {"logout_token": token}, timeout=10)
    return answer.status_code
