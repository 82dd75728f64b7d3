"""Services told by the browser (Front-Channel Logout 1.0)."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.factories.oidc import SIGNED_OUT
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import RelyingParty

FRAME = "https://service.example/front?own=1"


def test_signing_out_loads_each_services_page_and_leads_on(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    listening = make_rp(frontchannel_logout_uri=FRAME)
    token = listening.get_tokens()["id_token"]
    hint = rp.get_tokens()["id_token"]

    page = rp.browser.get(
        "/oidc/end-session",
        {"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT, "state": "a b"},
    )
    assert page.status_code == 200
    assert "_auth_user_id" not in rp.browser.session
    text = page.content.decode()
    [frame] = [html.unescape(found) for found in re.findall(r'<iframe src="([^"]+)"', text)]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert frame.startswith(FRAME)
    assert parse_qs(urlsplit(frame).query) == {
        "own": ["1"],
        "iss": [claims["iss"]],
        "sid": [claims["sid"]],
    }
    assert "frame-src https://service.example" in page.headers["Content-Security-Policy"]
    [refresh] = re.findall(r'http-equiv="refresh" content="([^"]+)"', text)
    assert html.unescape(refresh) == f"2; url={SIGNED_OUT}?state=a+b"


def test_signing_out_after_being_asked_loads_them_too(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    make_rp(frontchannel_logout_uri=FRAME).get_tokens()
    pending = rp.browser.get("/oidc/end-session").context["pending"]
    page = rp.browser.post("/oidc/end-session/confirm", {"pending": pending})
    assert "<iframe" in page.content.decode()
    assert "/oidc/signed-out" in page.content.decode()


def test_signing_out_of_the_portal_loads_them_too(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    make_rp(frontchannel_logout_uri=FRAME).get_tokens()
    page = rp.browser.post("/logout/")
    assert "<iframe" in page.content.decode()
    assert 'content="2; url=/login/"' in page.content.decode()
    assert "frame-src https://service.example" in page.headers["Content-Security-Policy"]
    assert "_auth_user_id" not in rp.browser.session
    assert rp.browser.post("/logout/").status_code == 302  # nobody is signed in any more


def test_signing_out_of_the_portal_goes_on_when_no_service_listens(rp: RelyingParty) -> None:
    rp.get_tokens()
    assert rp.browser.post("/logout/").headers["Location"] == "/login/"


def test_service_that_nothing_was_given_to_is_not_loaded(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    make_rp(frontchannel_logout_uri=FRAME).get_code()  # never redeemed
    hint = rp.get_tokens()["id_token"]
    page = rp.browser.get("/oidc/end-session", {"id_token_hint": hint})
    assert page.headers["Location"] == "/oidc/signed-out"


def test_discovery_announces_both_channels(rp: RelyingParty) -> None:
    told = rp.service.get("/oidc/.well-known/openid-configuration").json()
    for channel in ("frontchannel", "backchannel"):
        assert told[f"{channel}_logout_supported"] is True
        assert told[f"{channel}_logout_session_supported"] is True
