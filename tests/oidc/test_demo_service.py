"""The demo's own service, as a process of its own, against a live provider."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
from services.models import Seat
from services.operations import release_seat
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.oidc import make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.live import open_browser
from vop.lib import jobs

APP = Path(__file__).resolve().parents[2] / "deploy" / "demo_service" / "app.py"


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@pytest.fixture
def bob(transactional_db: None) -> User:
    """Bob, who has a seat in two companies."""
    put_keys()
    service = make_service(name="Bokföring Demo")
    user = make_user(email="bob@exempel.se", full_name="Bob Berg")
    for name, number in (("Acme AB", "5560160680"), ("Other AB", "5567037485")):
        owner = make_user(email=f"{number}@exempel.se")
        company = make_company(name=name, owner=owner, org_number=number)
        seat(entitle(company, service), join_company(company, user, Role.MEMBER))
    return user


@pytest.fixture
def demo(bob: User, live_server: LiveServer, settings: Settings) -> Iterator[str]:
    """The address of the running demo service."""
    settings.OIDC_ISSUER = f"{live_server.url}/oidc"
    port = find_port()
    url = f"http://localhost:{port}"
    service = Seat.objects.select_related("entitlement__service").first()
    assert service is not None
    profile, secret = make_client(
        service.entitlement.service,
        redirect_uris=[f"{url}/callback"],
        post_logout_redirect_uris=[f"{url}/signed-out"],
        backchannel_logout_uri=f"{url}/backchannel-logout",
    )
    environment = {
        "PATH": os.environ["PATH"],
        "DEMO_SERVICE_PORT": str(port),
        "DEMO_ISSUER": settings.OIDC_ISSUER,
        "DEMO_CLIENT_ID": profile.client_id_text,
        "DEMO_CLIENT_SECRET": secret,
    }
    process = subprocess.Popen([sys.executable, str(APP)], env=environment)
    try:
        wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(url: str) -> None:
    for _try in range(100):
        try:
            requests.get(f"{url}/-/live", timeout=1)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the demo service did not start")


def test_demo_service_signs_in_for_the_tiles_company_renews_and_signs_out(
    demo: str, bob: User, live_server: LiveServer, settings: Settings
) -> None:
    browser = open_browser(live_server, bob)
    assert 'id="sign-in"' in browser.get(f"{demo}/").text
    company = bob.memberships.get(company__name="Other AB").company

    page = browser.get(f"{demo}/?iss={settings.OIDC_ISSUER}&company={company.pk}")
    assert page.url == f"{demo}/"
    for text in ("Bob Berg", "bob@exempel.se", "Other AB", "556703-7485", "Användare", "medlem"):
        assert text in page.text, page.text

    page = browser.submit(page, "refresh")
    assert "Other AB" in page.text
    page = browser.submit(page, "sign-out")
    assert page.url.startswith(f"{demo}/signed-out"), page.text
    assert "Både här och på plattformen" in page.text
    assert not Grant.objects.live().exists()
    assert "/login/" in browser.get(f"{demo}/start").url


def test_demo_service_loses_the_access_with_the_seat(
    demo: str, bob: User, live_server: LiveServer
) -> None:
    browser = open_browser(live_server, bob)
    company = bob.memberships.get(company__name="Acme AB").company
    page = browser.get(f"{demo}/start?company={company.pk}")
    seat_of_bob = Seat.objects.get(membership__company=company)
    release_seat(seat=seat_of_bob, actor=SYSTEM, now=timezone.now())

    page = browser.submit(page, "refresh")
    assert page.status_code == 403
    assert "invalid_grant" in page.text


def test_demo_service_hears_of_the_end_by_itself(
    demo: str, bob: User, live_server: LiveServer, settings: Settings
) -> None:
    browser = open_browser(live_server, bob)
    acme = bob.memberships.get(company__name="Acme AB").company
    assert "Acme AB" in browser.get(f"{demo}/start?company={acme.pk}").text
    sid = Grant.objects.get(company=acme).sid
    release_seat(seat=Seat.objects.get(membership__company=acme), actor=SYSTEM, now=timezone.now())
    jobs.run_all(now=timezone.now())
    assert LogoutDelivery.objects.get(sid=sid).last_status == 200
    assert 'id="sign-in"' in browser.get(f"{demo}/").text


def test_demo_service_believes_only_true_logout_tokens(
    demo: str, bob: User, live_server: LiveServer, settings: Settings
) -> None:
    browser = open_browser(live_server, bob)
    acme = bob.memberships.get(company__name="Acme AB").company
    browser.get(f"{demo}/start?company={acme.pk}")
    grant = Grant.objects.select_related("client__client", "user", "company").get()
    delivery = LogoutDelivery(
        client=grant.client, user=bob, company=acme, sid=grant.sid, sub=str(bob.sub)
    )
    now = timezone.now()
    claims = dict(build_logout_token(delivery, at=now))
    signer = get_signer("RS256", now=now)
    stranger = Signer(signer.kid, "RS256", make_private_key("RS256"))
    wrong = [
        "nonsense",
        sign(claims, stranger, typ=TYP),
        sign(claims, signer),
        sign({**claims, "aud": "another"}, signer, typ=TYP),
        sign({**claims, "iss": "https://evil.example"}, signer, typ=TYP),
        sign({**claims, "events": {}}, signer, typ=TYP),
        sign({**claims, "exp": 1}, signer, typ=TYP),
        sign({**claims, "nonce": "n"}, signer, typ=TYP),
    ]
    for token in wrong:
        assert tell(demo, token) == 400, token
    assert "Acme AB" in browser.get(f"{demo}/").text
    true = sign(claims, signer, typ=TYP)
    assert tell(demo, true) == 200
    assert 'id="sign-in"' in browser.get(f"{demo}/").text
    assert tell(demo, true) == 400


def tell(demo: str, token: str) -> int:
    answer = requests.post(f"{demo}/backchannel-logout", {"logout_token": token}, timeout=5)
    return answer.status_code


def test_demo_service_hears_of_the_end_in_a_frame(
    demo: str, bob: User, live_server: LiveServer, settings: Settings
) -> None:
    browser = open_browser(live_server, bob)
    acme = bob.memberships.get(company__name="Acme AB").company
    browser.get(f"{demo}/start?company={acme.pk}")
    sid = Grant.objects.get().sid
    frame = f"{demo}/frontchannel-logout"
    assert requests.get(frame, {"iss": "http://evil", "sid": sid}, timeout=5).status_code == 400
    answer = requests.get(frame, {"iss": settings.OIDC_ISSUER, "sid": sid}, timeout=5)
    assert f"frame-ancestors {live_server.url};" in answer.headers["Content-Security-Policy"]
    assert 'id="sign-in"' in browser.get(f"{demo}/").text


def test_demo_service_refuses_answers_of_others(demo: str) -> None:
    assert requests.get(f"{demo}/callback?code=x&iss=http://evil", timeout=5).status_code == 400
    assert requests.get(f"{demo}/?iss=http://evil.example", timeout=5).status_code == 400
