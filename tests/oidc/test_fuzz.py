"""Mutated requests over every endpoint.

The named refusal or a page, never a 500, never a redirect to an address that is not registered.
VOP_FUZZ_ROUNDS makes it longer.
"""

import os
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from oidc.models import Grant
from tests.oidc.relying_party import CALLBACK, FORM, RelyingParty, basic

QUOTINGS: list[Callable[[str], str]] = [
    quote_plus,
    quote,
    lambda text: quote(text, encoding="utf-16"),
]
ROUNDS = int(os.environ.get("VOP_FUZZ_ROUNDS", "400"))
ODD = [
    "", " ", "\0", "a\0b", "å雪🙂", "\r\nX: y", "%00", "%ff%fe", "../../", "<script>", "'\"--",
    "x" * 9000, "-1", "1e999", "null", "[]", "{}", "true", "http://evil.example/", "a b", "\x7f",
    "eyJhbGciOiJub25lIn0.e30.", "2147483648", "none login", "openid\nemail",
]  # fmt: skip
ENDPOINTS = [
    "authorize", "par", "token", "userinfo", "introspect", "revoke", "end-session", "jwks",
]  # fmt: skip
NAMES = [
    "client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope",
    "state", "nonce", "prompt", "max_age", "code_challenge", "code_challenge_method",
    "id_token_hint", "company", "grant_type", "code", "code_verifier", "refresh_token", "token",
    "token_type_hint", "access_token", "client_assertion", "client_assertion_type",
    "post_logout_redirect_uri", "vop_after", "ui_locales", "acr_values", "claims", "request",
    "request_uri", "dpop_jkt", "login_hint", "pending", "display",
]  # fmt: skip


def mutate(dice: random.Random, base: dict[str, str]) -> list[tuple[str, str]]:
    pairs = list(base.items())
    for _change in range(dice.randint(1, 3)):
        name, value = dice.choice(NAMES), dice.choice(ODD)
        match dice.randint(0, 3):
            case 0:
                pairs = [pair for pair in pairs if pair[0] != name]
            case 1:
                pairs.append((name, value))
            case _:
                pairs = [pair for pair in pairs if pair[0] != name] + [(name, value)]
    return pairs


def send(dice: random.Random, rp: RelyingParty, endpoint: str, pairs: list[tuple[str, str]]) -> Any:
    quoting = dice.choice(QUOTINGS)
    body = "&".join(f"{quoting(name)}={quoting(value)}" for name, value in pairs)
    headers = {"DPoP": dice.choice(ODD).encode().decode("latin-1")} if dice.random() < 0.2 else {}
    if dice.random() < 0.5:
        odd = dice.choice(["Basic", "Bearer", "Basic AAAA", "Bearer \xff", "DPoP x", "basic =="])
        right = basic(rp.client_id, rp.secret)
        headers["Authorization"] = dice.choice([odd, right, right])
    path = f"/oidc/{endpoint}"
    if dice.random() < 0.4:
        return rp.browser.get(f"{path}?{body}", headers=headers)
    kind = dice.choice([FORM, FORM, FORM, "application/json", f"{FORM}; charset=utf-7", "", "x/y"])
    return rp.browser.post(path, body, content_type=kind, headers=headers)


def test_mutated_requests_get_an_answer_that_a_specification_names(rp: RelyingParty) -> None:
    seed = int(os.environ.get("VOP_FUZZ_SEED", "1"))
    dice = random.Random(seed)  # noqa: S311 (a test that can be repeated)
    bases: list[dict[str, str]] = [
        {},
        rp.ask(),
        rp.ask(prompt="none"),
        {"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK},
        {"grant_type": "refresh_token", "refresh_token": "x"},
        {"token": "x", "client_id": rp.client_id, "client_secret": rp.secret},
    ]
    for round_number in range(ROUNDS):
        pairs = mutate(dice, dice.choice(bases))
        endpoint = dice.choice(ENDPOINTS)
        response = send(dice, rp, endpoint, pairs)
        told = f"seed {seed}, round {round_number}: {endpoint} {pairs}"
        assert response.status_code < 500, told
        location = urlsplit(response.headers.get("Location", ""))
        assert location.netloc in {"", "localhost:8002"}, told
        if endpoint in {"par", "token", "introspect", "revoke"} and response.status_code >= 400:
            assert response.json()["error"], told
    assert Grant.objects.filter(redeemed_at__isnull=False).count() == 0
