"""Rows of docs/oidc.md at the end-session endpoint."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import time_machine
from django.test import Client

from accounts.models import User
from oidc.models import Grant
from oidc.protocol import jose
from tests.factories.oidc import SIGNED_OUT
from tests.oidc.relying_party import RelyingParty

STATE = "s" * 128
BACKEND = "accounts.adapter.SignInBackend"


def end(rp: RelyingParty, browser: Client | None = None, **parameters: str) -> Any:
    return (browser or rp.browser).get("/oidc/end-session", parameters)


def is_signed_in(rp: RelyingParty) -> bool:
    return "_auth_user_id" in rp.browser.session


@pytest.fixture
def hint(rp: RelyingParty) -> str:
    token: str = rp.get_tokens()["id_token"]
    return token


def test_logout_with_its_own_hint_ends_the_session_and_leads_back(
    rp: RelyingParty, hint: str
) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=True):
        response = end(rp, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state=STATE)
    assert response.status_code == 302
    assert response.headers["Location"] == f"{SIGNED_OUT}?{urlencode({'state': STATE})}"
    assert not is_signed_in(rp)
    assert not Grant.objects.live().exists()


def test_logout_without_state_adds_nothing(rp: RelyingParty, hint: str) -> None:
    response = end(rp, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
    assert response.headers["Location"] == SIGNED_OUT


def test_row_11_forged_hint_ends_nothing(rp: RelyingParty, hint: str) -> None:
    claims = jwt.decode(hint, options={"verify_signature": False})
    kid = jwt.get_unverified_header(hint)["kid"]
    own_key = jose.make_private_key("RS256")
    forged = [
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, own_key, algorithm="RS256"),
        jwt.encode(claims, own_key, algorithm="RS256", headers={"kid": kid}),
        jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": kid}),
    ]
    for token in forged:
        page = end(rp, id_token_hint=token, post_logout_redirect_uri=SIGNED_OUT, state="s")
        assert page.status_code == 200
        assert 'id="logout-confirm"' in page.content.decode()
        assert is_signed_in(rp)
        answer = rp.browser.post(
            "/oidc/end-session/confirm", {"pending": page.context["pending"]}, follow=False
        )
        assert answer.headers["Location"] == "/oidc/signed-out"
        rp.browser.force_login(Grant.objects.first().user, BACKEND)  # type: ignore[union-attr]


def test_row_11_hint_of_somebody_else_or_another_session_asks_first(
    rp: RelyingParty, hint: str, alice: User
) -> None:
    second = Client()
    second.force_login(Grant.objects.get().user, BACKEND)
    assert end(rp, second, id_token_hint=hint).status_code == 200
    assert "_auth_user_id" in second.session
    rp.browser.force_login(alice, BACKEND)
    assert end(rp, id_token_hint=hint).status_code == 200
    assert is_signed_in(rp)


@pytest.mark.parametrize("garbage", ["garbage", "a.b.c", "e30.e30.", "é", "a\0b", "x" * 20_000])
def test_row_12_garbage_hint_is_no_500(rp: RelyingParty, garbage: str) -> None:
    page = end(rp, id_token_hint=garbage, post_logout_redirect_uri=SIGNED_OUT)
    assert page.status_code == 200
    assert is_signed_in(rp)
    assert end(rp, Client(), id_token_hint=garbage).headers["Location"] == "/oidc/signed-out"


@pytest.mark.parametrize(
    "uri", ["https://evil.example/", f"{SIGNED_OUT}?x=1", f"{SIGNED_OUT}/", "javascript:alert(1)"]
)
def test_row_13_unregistered_address_is_never_followed(
    rp: RelyingParty, hint: str, uri: str
) -> None:
    page = end(rp, id_token_hint=hint, post_logout_redirect_uri=uri, state=STATE)
    assert page.status_code == 200
    assert "evil" not in page.headers["Content-Security-Policy"]
    answer = rp.browser.post("/oidc/end-session/confirm", {"pending": page.context["pending"]})
    assert answer.headers["Location"] == "/oidc/signed-out"
    assert end(rp, Client(), post_logout_redirect_uri=uri).headers["Location"] == "/oidc/signed-out"


def test_row_13_no_address_asked_means_no_redirect(rp: RelyingParty, hint: str) -> None:
    assert end(rp, id_token_hint=hint).headers["Location"] == "/oidc/signed-out"
    assert rp.browser.get("/oidc/signed-out").status_code == 200


def test_row_13_without_hint_the_person_is_asked_and_can_stay(rp: RelyingParty) -> None:
    asked: list[dict[str, str]] = [{}, {"state": STATE}, {"post_logout_redirect_uri": SIGNED_OUT}]
    for parameters in asked:
        page = end(rp, None, **parameters)
        html = page.content.decode()
        assert 'id="logout-cancel"' in html
        assert is_signed_in(rp)
    with_client = end(rp, client_id=rp.client_id, post_logout_redirect_uri=SIGNED_OUT, state="s")
    assert with_client.status_code == 200
    answer = rp.browser.post(
        "/oidc/end-session/confirm", {"pending": with_client.context["pending"]}
    )
    assert answer.headers["Location"] == f"{SIGNED_OUT}?state=s"


def test_row_13_client_id_must_agree_with_the_hint(rp: RelyingParty, hint: str) -> None:
    page = end(rp, id_token_hint=hint, client_id="another", post_logout_redirect_uri=SIGNED_OUT)
    assert page.status_code == 200
    assert is_signed_in(rp)


def test_row_13_confirmation_is_csrf_checked_and_bound_to_the_person(
    rp: RelyingParty, alice: User
) -> None:
    pending = end(rp).context["pending"]
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = rp.browser.cookies
    answer = strict.post("/oidc/end-session/confirm", {"pending": pending})
    assert answer.status_code == 403
    rp.browser.force_login(alice, BACKEND)
    answer = rp.browser.post("/oidc/end-session/confirm", {"pending": pending})
    assert answer.status_code == 400
    assert is_signed_in(rp)


def test_logout_by_post_of_another_site_becomes_a_get(rp: RelyingParty, hint: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/oidc/end-session", {"id_token_hint": hint})
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/oidc/end-session?id_token_hint=")


def test_silent_sign_in_after_logout_is_refused(rp: RelyingParty, hint: str) -> None:
    end(rp, id_token_hint=hint)
    assert "error=login_required" in rp.authorize(prompt="none").headers["Location"]
