"""Mutated requests over every endpoint and every form on the way.

The refusal that a specification names, or a page: never a 500, never a redirect to an address
that nobody registered, never a secret sent back, always a line in the log. 20,000 requests on
SQLite, a tenth of them on PostgreSQL; VOP_FUZZ_REQUESTS says how many, VOP_FUZZ_SEED which.
"""

import os
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.models import User
from companies.models import Company, Role
from services.models import Service
from tests.factories.companies import join_company
from tests.factories.oidc import SIGNED_OUT
from tests.factories.services import entitle, seat
from tests.oidc.fapi_party import FapiParty, make_proof
from tests.oidc.fuzz import (
    METHODS,
    ODD,
    TYPES,
    Dice,
    Pairs,
    as_cookie,
    as_header,
    change_jwt,
    change_text,
    mutate,
    write,
)
from tests.oidc.relying_party import CALLBACK, FORM, SHOWN, RelyingParty, basic
from tests.oidc.test_fapi2 import MakeFapi, make_fapi, make_request

__all__ = ["make_fapi"]  # a fixture

PARTS = 10
BACKEND = "accounts.adapter.SignInBackend"
ISSUER = "http://localhost:8000/oidc"
ENDPOINTS = [
    "authorize", "authorize", "authorize", "par", "token", "token", "userinfo", "introspect",
    "revoke", "end-session", "jwks", ".well-known/openid-configuration", "authorize/company",
    "authorize/search", "authorize/keep", "authorize/switch", "authorize/allow", "authorize/deny",
    "authorize/second-factor", "authorize/one-factor", "authorize/back", "end-session/confirm",
]  # fmt: skip
JSON_ENDPOINTS = {"par", "token", "introspect", "revoke", "userinfo"}
REASONS = ("oidc.", "django.request", "django.security")


def count_requests() -> int:
    total = 20_000 if connection.vendor == "sqlite" else 2_000
    return int(os.environ.get("VOP_FUZZ_REQUESTS", total)) // PARTS


@dataclass
class Target:
    """A client and a FAPI client, a browser that is signed in and one that isn't."""

    rp: RelyingParty
    fapi: FapiParty
    bob: User
    stranger: Client = field(default_factory=Client)
    tokens: dict[str, str] = field(default_factory=dict)
    pending: str = ""

    def prepare(self) -> None:
        """Sign in, and get real codes, tokens and forms to spoil."""
        self.rp.browser.force_login(self.bob, BACKEND)
        acme = str(Company.objects.order_by("name").values_list("pk", flat=True)[0])
        self.tokens = self.rp.get_tokens(company=acme, scope="openid profile offline_access")
        self.tokens["code"] = self.rp.get_code(company=acme)
        page = self.rp.authorize(prompt="consent", company=acme)
        self.pending = page.context["pending"]

    @property
    def browser(self) -> Client:
        return self.rp.browser

    @property
    def secrets(self) -> set[str]:
        """What no answer may send back but the one that gives it."""
        own = {self.tokens[name] for name in ("access_token", "refresh_token", "code")}
        return own | {self.rp.secret, self.rp.verifier}

    def list_bases(self, endpoint: str) -> list[dict[str, str]]:
        rp, tokens = self.rp, self.tokens
        proof = {"client_id": rp.client_id, "client_secret": rp.secret}
        signed = {
            "client_assertion": self.fapi.assertion(),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
        redeem = {
            "grant_type": "authorization_code",
            "code": tokens["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": rp.verifier,
        }
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        asked = rp.ask(claims='{"userinfo":{"name":{"essential":true}}}', max_age="900")
        match endpoint:
            case "authorize":
                hinted = rp.ask(prompt="none", id_token_hint=tokens["id_token"])
                posted = rp.ask(response_mode="form_post", ui_locales="sv en", display="page")
                signed_answer = rp.ask(response_mode="jwt", acr_values="urn:vop:acr:one-factor")
                return [asked, hinted, posted, signed_answer, rp.ask(prompt="create login")]
            case "par":
                request = {"request": make_request(self.fapi), **signed}
                return [asked, {**asked, **proof}, {**self.fapi.ask(), **signed}, request]
            case "token":
                return [redeem, refresh, {**redeem, **proof}, {**refresh, **signed}]
            case "userinfo":
                return [{}, {"access_token": tokens["access_token"]}]
            case "introspect" | "revoke":
                return [{"token": tokens[name]} for name in ("access_token", "refresh_token")]
            case "end-session":
                back = {"post_logout_redirect_uri": SIGNED_OUT, "state": "s"}
                return [{"id_token_hint": tokens["id_token"], **back}, back]
        company = str(Company.objects.order_by("name").values_list("pk", flat=True)[0])
        return [{"pending": self.pending, "company": company, "q": "acme"}]


@pytest.fixture
def target(
    rp: RelyingParty, make_fapi: MakeFapi, bob: User, other: Company, bookkeeping: Service
) -> Target:
    seat(entitle(other, bookkeeping), join_company(other, bob, Role.MEMBER))
    made = Target(rp, make_fapi(), bob)
    made.prepare()
    return made


def make_headers(dice: Dice, target: Target, endpoint: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    right = basic(target.rp.client_id, target.rp.secret)
    bearer = f"Bearer {target.tokens['access_token']}"
    usual = bearer if endpoint == "userinfo" else right
    if dice.random() < 0.7:
        odd = ["Basic", "Bearer", "Basic AAAA", "Bearer \xff", "DPoP x", "basic ==", bearer]
        shown = dice.choice([usual, usual, usual, change_text(dice, usual), *odd])
        headers["Authorization"] = as_header(shown)
    if dice.random() < 0.3:
        method, url = dice.choice(["GET", "POST"]), f"{ISSUER}/{endpoint}"
        good = make_proof(target.fapi.dpop_key, method, url, token=target.tokens["access_token"])
        proof = dice.choice([good, change_jwt(dice, good), change_jwt(dice, good)])
        headers["DPoP"] = as_header(proof)
    if dice.random() < 0.2:
        headers["Origin"] = as_header(dice.choice(["http://localhost:8002", "null", *ODD]))
    if dice.random() < 0.1:
        headers["Accept-Language"] = as_header(dice.choice(ODD))
    if dice.random() < 0.05:
        name = dice.choice([settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages"])
        headers["Cookie"] = f"{name}={as_cookie(dice)}"
    if dice.random() < 0.05:
        headers["Host"] = "evil.example"
    return headers


def send(dice: Dice, target: Target, endpoint: str, pairs: Pairs) -> Any:
    browser = dice.choice([target.browser, target.browser, target.stranger])
    headers = make_headers(dice, target, endpoint)
    text, path = write(dice, pairs), f"/oidc/{endpoint}"
    method = dice.choice(METHODS) if dice.random() < 0.2 else dice.choice(["GET", "POST", "POST"])
    if endpoint.startswith("authorize/") and dice.random() < 0.8:
        method = "POST"
    kind = FORM if dice.random() < 0.8 else dice.choice(TYPES)
    if method == "POST":
        return browser.generic("POST", path, text, content_type=kind, headers=headers)
    return browser.generic(method, path, headers=headers, QUERY_STRING=text)


def check(target: Target, endpoint: str, response: Any, reasons: list[str], told: str) -> None:
    status, location = response.status_code, response.headers.get("Location", "")
    assert status < 500, told
    if urlsplit(location).netloc or location.startswith("//"):
        assert location.partition("?")[0] in {CALLBACK, SIGNED_OUT}, (location, told)
    gives = endpoint == "token" and status == 200
    if not gives:
        sent_back = f"{location}\n{response.content.decode()}\n{response.headers}"
        assert not [secret for secret in target.secrets if secret in sent_back], told
    is_head = response.request["REQUEST_METHOD"] == "HEAD"
    if endpoint in JSON_ENDPOINTS and status >= 400 and not is_head:
        assert response.json()["error"], told
        assert response.headers["Cache-Control"] == "no-store", told
    if status >= 400 or "error" in parse_qs(urlsplit(location).query):
        assert any(name.startswith(REASONS) for name in reasons), told


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_requests_get_an_answer_that_a_specification_names(
    target: Target, part: int, caplog: pytest.LogCaptureFixture
) -> None:
    seed = f"{os.environ.get('VOP_FUZZ_SEED', '1')}.{part}"
    dice = random.Random(seed)  # noqa: S311 (a test that can be repeated)
    for number in range(count_requests()):
        if number % 50 == 0 and "_auth_user_id" not in target.browser.session:
            target.prepare()  # signed out by a request that was right
        endpoint = dice.choice(ENDPOINTS)
        pairs = mutate(dice, dice.choice(target.list_bases(endpoint)))
        before = len(caplog.records)
        response = send(dice, target, endpoint, pairs)
        reasons = [record.name for record in caplog.records[before:]]
        check(target, endpoint, response, reasons, f"seed {seed}, {number}: {endpoint} {pairs}")
        if number % 200 == 199:
            target.stranger = Client()
    assert settings.SESSION_COOKIE_NAME in target.browser.cookies
    assert len(SHOWN) > 3
