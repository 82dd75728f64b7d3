"""The logout plans of the OpenID Foundation's suite: RP-initiated, front channel, back channel.

The single refusals of the RP-initiated plan are the rows of test_rows_logout.py; here are the
whole flows, each up to a silent sign-in that must fail afterwards.
"""

import html
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.utils import timezone

from tests.factories.oidc import SIGNED_OUT
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.listener import Listener, listen
from tests.oidc.relying_party import Answer, RelyingParty, read_answer
from vop.lib import jobs

ISSUER = "http://localhost:8000/oidc"
STATE = "s" * 128
FRAME = "https://service.example/front"
EVENTS: dict[str, object] = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listen() as server:
        yield server


def sign_out(rp: RelyingParty, hint: str) -> Answer:
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT, "state": STATE}
    return rp.browser.get("/oidc/end-session", asked)


def assert_signed_out(rp: RelyingParty) -> None:
    assert read_answer(rp.authorize(prompt="none"))["error"] == "login_required"


def test_oidcc_rp_initiated_logout(rp: RelyingParty) -> None:
    response = sign_out(rp, rp.get_tokens()["id_token"])
    assert response.headers["Location"] == f"{SIGNED_OUT}?state={STATE}"
    assert_signed_out(rp)


@pytest.mark.parametrize("asked", [{}, {"state": STATE}], ids=["no_params", "only_state"])
def test_oidcc_rp_initiated_logout_without_hint(rp: RelyingParty, asked: dict[str, str]) -> None:
    page = rp.browser.get("/oidc/end-session", asked)
    done = rp.browser.post("/oidc/end-session/confirm", {"pending": page.context["pending"]})
    assert done.headers["Location"] == "/oidc/signed-out"
    assert rp.browser.get("/oidc/signed-out").status_code == 200
    assert_signed_out(rp)


def test_oidcc_frontchannel_rp_initiated_logout(make_rp: MakeRelyingParty) -> None:
    rp = make_rp(frontchannel_logout_uri=FRAME)
    hint = rp.get_tokens()["id_token"]
    sid = rp.read_id_token(hint)["sid"]
    page = sign_out(rp, hint)

    text = page.content.decode()
    [frame] = [html.unescape(found) for found in re.findall(r'<iframe src="([^"]+)"', text)]
    assert frame.partition("?")[0] == FRAME
    assert parse_qs(urlsplit(frame).query) == {"iss": [ISSUER], "sid": [sid]}
    [onward] = re.findall(r'http-equiv="refresh" content="([^"]+)"', text)
    assert html.unescape(onward) == f"2; url={SIGNED_OUT}?state={STATE}"
    assert text.index("<iframe") > 0
    assert "frame-src https://service.example" in page.headers["Content-Security-Policy"]
    assert_signed_out(rp)


def test_oidcc_backchannel_rp_initiated_logout(
    make_rp: MakeRelyingParty, listener: Listener
) -> None:
    rp = make_rp(backchannel_logout_uri=listener.url)
    hint = rp.get_tokens()["id_token"]
    claims = rp.read_id_token(hint)
    response = sign_out(rp, hint)
    assert response.headers["Location"] == f"{SIGNED_OUT}?state={STATE}"

    jobs.run_all(now=timezone.now())
    [token] = listener.tokens
    [names] = listener.names
    assert names == {"logout_token"}
    assert jwt.get_unverified_header(token)["alg"] == jwt.get_unverified_header(hint)["alg"]
    told = rp.read_id_token(token)
    assert {"iss", "aud", "iat", "jti", "events", "sid", "sub"} <= set(told)
    assert told["events"] == EVENTS
    assert (told["sid"], told["sub"]) == (claims["sid"], claims["sub"])
    assert "nonce" not in told
    assert_signed_out(rp)
