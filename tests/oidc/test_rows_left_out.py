"""Rows of docs/oidc.md about what the foundation has and we leave out on purpose."""

import pytest
from django.test import Client

from accounts.models import User
from tests.factories.accounts import PASSWORD
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import RelyingParty, read_answer


def test_row_46_tokens_say_what_they_are_and_there_is_no_hybrid(rp: RelyingParty) -> None:
    body = rp.get_tokens(scope="openid email")
    assert body["scope"] == "email openid"
    claims = rp.read_id_token(body["id_token"])
    assert claims["azp"] == rp.client_id
    assert claims["acr"].startswith("urn:vop:acr:")
    assert isinstance(claims["amr"], list)
    assert claims["sid"]
    hybrid = read_answer(rp.authorize(response_type="code id_token", nonce=None))
    assert hybrid["error"] == "unsupported_response_type"


def test_row_50_nothing_of_session_management_is_there(rp: RelyingParty) -> None:
    answer = rp.authorize()
    assert "session_state" not in read_answer(answer)
    assert not [name for name in rp.browser.cookies if "browser_state" in name]
    told = Client().get("/oidc/.well-known/openid-configuration").json()
    assert "check_session_iframe" not in told
    assert Client().get("/oidc/check-session-iframe").status_code == 404


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_row_53_password_grant_is_nowhere(
    make_rp: MakeRelyingParty, bob: User, method: str
) -> None:
    rp = make_rp(auth_method=method)
    response = rp.post("token", grant_type="password", username=bob.email, password=PASSWORD)
    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")
    told = Client().get("/oidc/.well-known/openid-configuration").json()
    assert "password" not in told["grant_types_supported"]
