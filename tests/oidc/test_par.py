"""Pushed authorization requests (RFC 9126) of clients that aren't FAPI 2.0 clients."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client

from oidc.models import Grant, PushedRequest
from oidc.operations.clients import disable_client
from oidc.operations.housekeeping import purge_expired
from services.models import Service
from tests.factories.companies import SYSTEM
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import RelyingParty, read_answer


def push(rp: RelyingParty, **changes: str | None) -> str:
    response = rp.post("par", **rp.ask(**changes))
    assert response.status_code == 201, response.content
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json()["expires_in"] <= 60
    request_uri: str = response.json()["request_uri"]
    assert request_uri.startswith("urn:ietf:params:oauth:request_uri:")
    return request_uri


def visit(rp: RelyingParty, request_uri: str, **more: str) -> Any:
    asked = {"client_id": rp.client_id, "request_uri": request_uri, **more}
    return rp.browser.get("/oidc/authorize", asked)


def assert_unusable(response: Any) -> None:
    assert response.status_code == 400
    assert b"invalid_request_uri" in response.content
    assert "Location" not in response.headers


def test_pushed_request_signs_in_and_works_once(rp: RelyingParty) -> None:
    request_uri = push(rp)
    answer = read_answer(visit(rp, request_uri))
    assert answer["state"] == "the state"
    assert rp.redeem(answer["code"]).status_code == 200

    assert_unusable(visit(rp, request_uri))
    assert Grant.objects.count() == 1
    assert request_uri not in str(PushedRequest.objects.values().get())


def test_pushed_request_keeps_no_proof_of_the_client(make_rp: MakeRelyingParty) -> None:
    rp = make_rp(auth_method="client_secret_post")
    push(rp)
    assert rp.secret not in str(PushedRequest.objects.values().get())


def test_values_beside_a_pushed_request_are_ignored(rp: RelyingParty) -> None:
    answer = read_answer(
        visit(rp, push(rp), state="other", redirect_uri="https://evil.example/", scope="x")
    )
    assert answer["state"] == "the state"
    assert "state" not in read_answer(visit(rp, push(rp, state=None), state="other"))


def test_person_may_sign_in_longer_than_a_pushed_request_waits(rp: RelyingParty, bob: Any) -> None:
    request_uri = push(rp)
    rp.browser = Client()
    login = visit(rp, request_uri)
    following = parse_qs(urlsplit(login.headers["Location"]).query)["next"][0]
    assert set(parse_qs(urlsplit(following).query)) == {"client_id", "request_uri", "vop_after"}
    page = rp.browser.get(login.headers["Location"])
    assert "http://localhost:8002" in page.headers["Content-Security-Policy"]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5), tick=True):
        rp.browser.force_login(bob, "accounts.adapter.SignInBackend")
        assert_unusable(visit(rp, request_uri))
        assert_unusable(visit(rp, request_uri, vop_after="forged"))
        assert "code" in read_answer(rp.browser.get(following))
        assert_unusable(rp.browser.get(following))


def test_person_may_take_an_hour_on_the_way_and_no_more(rp: RelyingParty, bob: Any) -> None:
    """Choosing a new password by mail, say; a proof of that long ago isn't fresh, though."""
    login = visit(rp, push(rp, prompt="login"))
    following = parse_qs(urlsplit(login.headers["Location"]).query)["next"][0]
    backend = "accounts.adapter.SignInBackend"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=50), tick=True):
        rp.browser.force_login(bob, backend)
        again = rp.browser.get(following)
        assert again.headers["Location"].startswith("/account/confirm/")
        following = parse_qs(urlsplit(again.headers["Location"]).query)["next"][0]
        rp.browser.force_login(bob, backend)
        assert "code" in read_answer(rp.browser.get(following))
    rp.browser = Client()
    login = visit(rp, push(rp))
    following = parse_qs(urlsplit(login.headers["Location"]).query)["next"][0]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61), tick=True):
        rp.browser.force_login(bob, backend)
        assert_unusable(rp.browser.get(following))


def test_pushed_prompt_is_kept_on_the_way(rp: RelyingParty, bob: Any) -> None:
    request_uri = push(rp, prompt="login")
    login = visit(rp, request_uri, prompt="none")
    following = parse_qs(urlsplit(login.headers["Location"]).query)["next"][0]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5), tick=True):
        rp.browser.force_login(bob, "accounts.adapter.SignInBackend")
        assert "code" in read_answer(rp.browser.get(following))


def test_answers_on_the_way_give_one_code(rp: RelyingParty) -> None:
    Service.objects.update(is_first_party=False)
    pending = visit(rp, push(rp)).context["pending"]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5), tick=True):
        allow = "/oidc/authorize/allow"
        assert "code" in read_answer(rp.browser.post(allow, {"pending": pending}))
        assert_unusable(rp.browser.post(allow, {"pending": pending}))
    assert Grant.objects.count() == 1


def test_client_that_must_push_is_refused_without(make_rp: MakeRelyingParty) -> None:
    rp = make_rp(require_pushed_requests=True)
    assert read_answer(rp.authorize())["error"] == "invalid_request"
    assert "code" in read_answer(visit(rp, push(rp)))


def test_disabled_client_and_strangers_open_nothing(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    request_uri = push(rp)
    assert_unusable(visit(make_rp(), request_uri))
    assert_unusable(visit(rp, f"{request_uri}x"))
    assert_unusable(rp.browser.get("/oidc/authorize", {"request_uri": request_uri}))
    disable_client(client=rp.profile, actor=SYSTEM, now=datetime.now(UTC))
    assert_unusable(visit(rp, request_uri))


def test_push_needs_the_clients_proof(rp: RelyingParty) -> None:
    response = rp.post_plain("par", rp.ask())
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert rp.service.get("/oidc/par").status_code == 405


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "http://localhost:8002/callback/"}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "unknown"}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "bogus"}, "invalid_request"),
        ({"id_token_hint": "garbage"}, "invalid_request"),
        ({"client_id": "another"}, "invalid_client"),
        ({"request": "x"}, "invalid_request_object"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"a\0b": "x"}, "invalid_request"),
        (
            {"state": "x" * 7000, "x": "y" * 7000, "z": "y" * 7000, "w": "y" * 7000},
            "invalid_request",
        ),
    ],
)
def test_push_is_checked_like_any_request(
    rp: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    response = rp.post("par", **rp.ask(**changes))
    assert response.status_code in {400, 401}
    assert response.json()["error"] == error
    assert not PushedRequest.objects.exists()


def test_expired_pushed_requests_are_purged(rp: RelyingParty) -> None:
    push(rp)
    purge_expired(now=datetime.now(UTC) + timedelta(minutes=30))
    assert PushedRequest.objects.exists()
    purge_expired(now=datetime.now(UTC) + timedelta(minutes=62))
    assert not PushedRequest.objects.exists()
