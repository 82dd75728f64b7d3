"""The Basic OP and Form Post OP plans of the OpenID Foundation's suite, module by module.

Each test is named after its module and asks what the module says that an OP must do, once with
answers in the address and once as a posted form. Like the suite's, these clients use no PKCE.
"""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import time_machine
from django.test import Client

from accounts.models import User
from accounts.queries import ACR_ONE_FACTOR
from oidc.models import Grant
from oidc.protocol.jose import half_hash
from services.models import Service
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import CALLBACK, SHOWN, Answer, RelyingParty, read_answer

ISSUER = "http://localhost:8000/oidc"
BACKEND = "accounts.adapter.SignInBackend"
STATE = "s" * 128
Ask = Callable[..., Answer]


@pytest.fixture(params=["query", "form_post"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def op(make_rp: MakeRelyingParty, mode: str) -> "Certified":
    rp = make_rp(require_pkce=False)
    return Certified(rp, mode)


class Certified:
    """The suite's client, in one response mode."""

    def __init__(self, rp: RelyingParty, mode: str) -> None:
        self.rp = rp
        self.mode = mode

    def ask(self, **changes: str | None) -> dict[str, str]:
        bare: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
        asked = self.rp.ask(**{**bare, "state": STATE, **changes})
        if self.mode == "form_post":
            asked["response_mode"] = "form_post"
        if "code_challenge" not in asked:
            self.rp.verifier = ""
        return asked

    def authorize(self, **changes: str | None) -> Answer:
        return self.rp.browser.get("/oidc/authorize", self.ask(**changes))

    def answer(self, **changes: str | None) -> dict[str, str]:
        return self.read(self.authorize(**changes))

    def read(self, response: Answer) -> dict[str, str]:
        """What arrives at the callback; whichever way, `state` and `iss` are checked (RFC 9207)."""
        if self.mode == "query":
            found = read_answer(response)
        else:
            found = read_form(response)
            SHOWN.update({found.get("code", "-" * 99)})
        assert found["iss"] == ISSUER
        return found

    def redeem(self, code: str, **changes: str | None) -> Answer:
        verifier = self.rp.verifier or None
        return self.rp.redeem(code, **{"code_verifier": verifier, **changes})

    def tokens(self, **changes: str | None) -> dict[str, Any]:
        response = self.redeem(self.answer(**changes)["code"])
        assert response.status_code == 200, response.content
        body: dict[str, Any] = response.json()
        return body

    def claims(self, **changes: str | None) -> dict[str, Any]:
        return self.rp.read_id_token(self.tokens(**changes)["id_token"])


def read_form(response: Answer) -> dict[str, str]:
    """The fields of the page that posts itself, with nothing in its address."""
    assert response.status_code == 200, response.content
    page = response.content.decode()
    forms = re.findall(r"<form .*?</form>", page, re.DOTALL)
    [form] = [form for form in forms if "data-submit-at-once" in form]
    assert f'action="{CALLBACK}"' in form
    assert 'method="post"' in form
    assert "<button" in form
    # The suite's browser (HtmlUnit) posts it, and skips every script of type module.
    assert re.search(r'<script defer src="[^"]*submit-at-once[^"]*"></script>', page)
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in hidden}


def later(**by: float) -> Any:
    return time_machine.travel(datetime.now(UTC) + timedelta(**by), tick=True)


def follow(op: Certified, response: Answer, user: User) -> Answer:
    """Prove again who one is, and go on to where the page leads."""
    assert response.headers["Location"].startswith(("/account/confirm/", "/login/"))
    following = parse_qs(urlsplit(response.headers["Location"]).query)["next"][0]
    op.rp.browser.force_login(user, BACKEND)
    return op.rp.browser.get(following)


def test_oidcc_server(op: Certified) -> None:
    answer = op.answer()
    assert set(answer) == {"code", "state", "iss"}
    assert len(answer["code"]) >= 16 * 4 / 3  # 128 bits in base64url
    body = op.redeem(answer["code"]).json()
    assert body["token_type"].lower() == "bearer"
    assert 0 < body["expires_in"] <= 3600
    claims = op.rp.read_id_token(body["id_token"])
    assert claims["at_hash"] == half_hash("RS256", body["access_token"])
    assert claims["nonce"] == "the nonce"
    assert {"name", "email", "email_verified"}.isdisjoint(claims)
    assert jwt.get_unverified_header(body["id_token"])["kid"]


def test_oidcc_response_type_missing(op: Certified) -> None:
    answer = op.answer(response_type=None)
    assert answer["error"] in {"invalid_request", "unsupported_response_type"}
    assert answer["state"] == STATE


@pytest.mark.parametrize("way", ["userinfo_get", "userinfo_post_header", "userinfo_post_body"])
def test_oidcc_userinfo(op: Certified, way: str) -> None:
    body = op.tokens()
    header = {"Authorization": f"Bearer {body['access_token']}"}
    if way == "userinfo_post_body":
        sent = op.rp.post_plain("userinfo", {"access_token": body["access_token"]})
    elif way == "userinfo_post_header":
        sent = op.rp.service.post("/oidc/userinfo", headers=header)
    else:
        sent = op.rp.service.get("/oidc/userinfo", headers=header)
    assert sent.status_code == 200
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.json()["sub"] == op.rp.read_id_token(body["id_token"])["sub"]


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(op: Certified) -> None:
    assert "nonce" not in op.claims(nonce=None)


@pytest.mark.parametrize(
    ("scope", "types"),
    [
        ("openid profile", {"name": str, "locale": str, "zoneinfo": str}),
        ("openid email", {"email": str, "email_verified": bool}),
        ("openid profile email", {"name": str, "email": str, "email_verified": bool}),
    ],
    ids=["scope_profile", "scope_email", "scope_all"],
)
def test_oidcc_scope(op: Certified, scope: str, types: dict[str, type]) -> None:
    info = op.rp.userinfo(op.tokens(scope=scope)["access_token"]).json()
    assert {name: type(info.get(name)) for name in types} == types
    told = op.rp.service.get("/oidc/.well-known/openid-configuration").json()
    assert set(scope.split()) <= set(told["scopes_supported"])
    assert {"address", "phone"}.isdisjoint(told["scopes_supported"])  # so those are skipped


def test_oidcc_alternate_happy_flow(op: Certified) -> None:
    asked = dict(reversed(op.ask(scope="email profile openid").items()))
    answer = op.read(op.rp.browser.get("/oidc/authorize", asked))
    assert op.redeem(answer["code"]).status_code == 200


@pytest.mark.parametrize("display", ["page", "popup"])
def test_oidcc_display(op: Certified, display: str) -> None:
    assert op.claims(display=display)


def test_oidcc_prompt_login(op: Certified, bob: User) -> None:
    first = op.claims()
    with later(seconds=30):
        answer = op.read(follow(op, op.authorize(prompt="login"), bob))
        second = op.rp.read_id_token(op.redeem(answer["code"]).json()["id_token"])
    assert second["auth_time"] > first["auth_time"]
    assert second["sub"] == first["sub"]


def test_oidcc_prompt_none_not_logged_in(op: Certified) -> None:
    op.rp.browser.logout()
    answer = op.answer(prompt="none")
    assert (answer["error"], answer["state"]) == ("login_required", STATE)


def test_oidcc_prompt_none_logged_in(op: Certified) -> None:
    Service.objects.update(is_first_party=False)
    page = op.authorize()
    allowed = op.rp.browser.post("/oidc/authorize/allow", {"pending": page.context["pending"]})
    code = op.read(allowed)["code"]
    first = op.rp.read_id_token(op.redeem(code).json()["id_token"])
    with later(seconds=2):
        second = op.claims(prompt="none")
    assert second["auth_time"] == first["auth_time"]
    assert second["sub"] == first["sub"]


def test_oidcc_max_age_1(op: Certified, bob: User) -> None:
    first = op.claims()
    with later(seconds=20):
        answer = op.read(follow(op, op.authorize(max_age="1"), bob))
        second = op.rp.read_id_token(op.redeem(answer["code"]).json()["id_token"])
        assert second["auth_time"] > first["auth_time"]
        assert datetime.now(UTC).timestamp() - second["auth_time"] < 10


def test_oidcc_max_age_10000(op: Certified) -> None:
    first = op.claims(max_age="10000")
    with later(seconds=30):
        assert op.claims(max_age="10000")["auth_time"] == first["auth_time"]


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(op: Certified) -> None:
    assert op.claims(extra="foobar")


def test_oidcc_id_token_hint(op: Certified) -> None:
    hint = op.tokens()["id_token"]
    assert op.claims(prompt="none", id_token_hint=hint)["sub"]


@pytest.mark.parametrize(
    "wish",
    [
        {"login_hint": "buffy@exempel.se"},
        {"ui_locales": "se"},
        {"ui_locales": "sv en"},
        {"claims_locales": "se"},
    ],
    ids=["login_hint", "ui_locales", "ui_locales_of_ours", "claims_locales"],
)
def test_oidcc_hints_do_not_break(op: Certified, wish: dict[str, str | None]) -> None:
    assert op.claims(**wish)


def test_oidcc_ensure_request_with_acr_values_succeeds(op: Certified) -> None:
    told = op.rp.service.get("/oidc/.well-known/openid-configuration").json()
    wanted = told["acr_values_supported"]
    assert op.claims(acr_values=" ".join(wanted))["acr"] in wanted
    assert op.claims(acr_values=ACR_ONE_FACTOR)["acr"] == ACR_ONE_FACTOR
    assert op.claims(acr_values="1 2")


@pytest.mark.parametrize("seconds", [0, 30])
def test_oidcc_codereuse(op: Certified, seconds: int) -> None:
    code = op.answer()["code"]
    token = op.redeem(code).json()["access_token"]
    with later(seconds=seconds):
        again = op.redeem(code)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        assert op.rp.userinfo(token).status_code == 401


@pytest.mark.parametrize("uri", [f"{CALLBACK}x", f"{CALLBACK}?foo=bar", "https://evil.example/"])
def test_oidcc_ensure_registered_redirect_uri(op: Certified, uri: str) -> None:
    page = op.authorize(redirect_uri=uri)
    assert page.status_code == 400
    assert "Location" not in page.headers
    assert uri not in page.content.decode()


def test_oidcc_ensure_post_request_succeeds(op: Certified) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = op.rp.browser.cookies
    turned = browser.post("/oidc/authorize", op.ask())
    assert turned.status_code == 303
    answer = op.read(browser.get(turned.headers["Location"]))
    assert op.redeem(answer["code"]).status_code == 200


def test_oidcc_server_client_secret_post(make_rp: MakeRelyingParty, mode: str) -> None:
    op = Certified(make_rp(require_pkce=False, auth_method="client_secret_post"), mode)
    assert op.claims()


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    op: Certified,
) -> None:
    request = jwt.encode(op.ask(), "", algorithm="none")
    answer = op.answer(request=request)
    assert (answer["error"], answer["state"]) == ("request_not_supported", STATE)


def test_oidcc_ensure_request_object_with_redirect_uri(op: Certified) -> None:
    request = jwt.encode(op.ask(), "", algorithm="none")
    page = op.authorize(request=request, redirect_uri="https://evil.example/")
    assert page.status_code == 400
    assert "Location" not in page.headers


def test_oidcc_claims_essential(op: Certified) -> None:
    asked = json.dumps({"userinfo": {"name": {"essential": True}}})
    body = op.tokens(scope="openid", claims=asked)
    assert op.rp.userinfo(body["access_token"]).json()["name"] == "Bob Berg"
    assert "name" not in op.rp.read_id_token(body["id_token"])


def test_oidcc_refresh_token(op: Certified, make_rp: MakeRelyingParty) -> None:
    page = op.authorize(scope="openid offline_access", prompt="consent")
    allowed = op.rp.browser.post("/oidc/authorize/allow", {"pending": page.context["pending"]})
    body = op.redeem(op.read(allowed)["code"]).json()
    first = op.rp.read_id_token(body["id_token"])

    client2 = make_rp(require_pkce=False)
    stolen = client2.refresh(body["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    second = op.rp.refresh(body["refresh_token"]).json()
    claims = op.rp.read_id_token(second["id_token"])
    for name in ("iss", "sub", "aud", "auth_time"):
        assert claims[name] == first[name]
    assert op.rp.userinfo(second["access_token"]).status_code == 200
    told = op.rp.service.get("/oidc/.well-known/openid-configuration").json()
    assert "refresh_token" in told["grant_types_supported"]


def test_oidcc_ensure_request_with_valid_pkce_succeeds(op: Certified) -> None:
    asked = op.rp.ask(response_mode=op.mode)
    answer = op.read(op.rp.browser.get("/oidc/authorize", asked))
    assert op.rp.redeem(answer["code"]).status_code == 200


def test_form_post_says_its_errors_in_the_form_too(make_rp: MakeRelyingParty) -> None:
    op = Certified(make_rp(require_pkce=False), "form_post")
    errors: list[tuple[dict[str, str | None], str]] = [
        ({"scope": "unknown"}, "invalid_scope"),
        ({"max_age": "x"}, "invalid_request"),
        ({"prompt": "none", "max_age": "0"}, "login_required"),
        ({"request_uri": "https://x.example/"}, "request_uri_not_supported"),
        ({"company": "x"}, "invalid_request"),
    ]
    with later(seconds=5):
        for changes, error in errors:
            answer = op.answer(**changes)
            assert (answer["error"], answer["state"]) == (error, STATE)
    Service.objects.update(is_first_party=False)
    page = op.authorize()
    denied = op.rp.browser.post("/oidc/authorize/deny", {"pending": page.context["pending"]})
    assert op.read(denied)["error"] == "access_denied"
    assert not Grant.objects.exists()
