"""DPoP (RFC 9449): what a proof must say, and what it binds."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine

from oidc.models import AccessToken, RefreshToken, UsedAssertion
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.fapi_party import ISSUER, Key, make_key, make_proof, now
from tests.oidc.relying_party import RelyingParty, basic

KEY = make_key("ES256")
OTHER = make_key("ES256")
TOKEN_URL, USERINFO_URL = f"{ISSUER}/token", f"{ISSUER}/userinfo"
REDEEM = {"grant_type": "authorization_code", "redirect_uri": "http://localhost:8002/callback"}


def redeem(rp: RelyingParty, proof: str | None, **changes: str) -> Any:
    code = rp.get_code(**changes)
    headers = {} if proof is None else {"DPoP": proof}
    sent = {**REDEEM, "code": code, "code_verifier": rp.verifier}
    if rp.secret:
        headers["Authorization"] = basic(rp.client_id, rp.secret)
    else:
        sent["client_id"] = rp.client_id
    return rp.post_plain("token", sent, headers)


def get_bound_token(rp: RelyingParty, key: Key = KEY) -> str:
    response = redeem(rp, make_proof(key, "POST", TOKEN_URL))
    assert response.status_code == 200, response.content
    assert response.json()["token_type"] == "DPoP"
    token: str = response.json()["access_token"]
    return token


def ask(rp: RelyingParty, token: str, proof: str | None, scheme: str = "DPoP") -> Any:
    headers = {"Authorization": f"{scheme} {token}"}
    if proof is not None:
        headers["DPoP"] = proof
    return rp.service.get("/oidc/userinfo", headers=headers)


def with_private_half() -> dict[str, Any]:
    number = KEY.private.private_numbers().private_value
    secret = base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
    return {**{name: KEY.jwk[name] for name in ("kty", "crv", "x", "y")}, "d": secret}


def spoil(proof: str) -> str:
    head, body, signature = proof.split(".")
    first = "A" if signature[0] != "A" else "B"
    return f"{head}.{body}.{first}{signature[1:]}"


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_token_is_bound_to_the_key_that_fetched_it(rp: RelyingParty, alg: str) -> None:
    key = make_key(alg)
    token = get_bound_token(rp, key)
    assert AccessToken.objects.get().jkt == key.jkt
    good = ask(rp, token, make_proof(key, "GET", USERINFO_URL, token=token))
    assert (good.status_code, good.json()["name"]) == (200, "Bob Berg")
    told = rp.post("introspect", token=token).json()
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": key.jkt})


@pytest.mark.parametrize("scheme", ["DPoP", "dPoP", "dpop", "DPOP"])
def test_scheme_is_read_in_any_case(rp: RelyingParty, scheme: str) -> None:
    token = get_bound_token(rp)
    proof = make_proof(KEY, "GET", USERINFO_URL, token=token)
    assert ask(rp, token, proof, scheme).status_code == 200


GOOD: list[dict[str, Any]] = [
    {},
    {"iat": -10},
    {"iat": 10},
    {"iat": -55},
    {"nbf": 0, "exp": 300},
    {"htu": f"{USERINFO_URL}?a=b#c"},
    {"htu": "HTTP://LOCALHOST:8000/oidc/userinfo"},
    {"something": "else"},
]
BAD: dict[str, dict[str, Any]] = {
    "typ missing": {"header_typ": None},
    "typ of another JWT": {"header_typ": "JWT"},
    "jwk missing": {"header_jwk": None},
    "jwk no object": {"header_jwk": "x"},
    "jwk empty": {"header_jwk": {}},
    "jwk of another key": {"header_jwk": {n: OTHER.jwk[n] for n in ("kty", "crv", "x", "y")}},
    "private key": {"header_jwk": with_private_half()},
    "symmetric key": {"header_jwk": {"kty": "oct", "k": "c2VjcmV0"}},
    "crit": {"header_crit": ["exp"]},
    "jti missing": {"jti": None},
    "jti no text": {"jti": 5},
    "jti empty": {"jti": ""},
    "jti broken": {"jti": "\ud800"},
    "ath broken": {"ath": "\ud800"},
    "htu broken": {"htu": "http://[x/\ud800"},
    "jti long": {"jti": "x" * 300},
    "htm missing": {"htm": None},
    "htm of another method": {"htm": "PUT"},
    "htm in small letters": {"htm": "get"},
    "htu missing": {"htu": None},
    "htu no text": {"htu": ["x"]},
    "htu of another path": {"htu": f"{ISSUER}/other"},
    "htu of another host": {"htu": "http://evil.example/oidc/userinfo"},
    "htu of another scheme": {"htu": "https://localhost:8000/oidc/userinfo"},
    "htu of another port": {"htu": "http://localhost:8001/oidc/userinfo"},
    "htu malformed": {"htu": "http://localhost:x/oidc/userinfo"},
    "htu with a user": {"htu": "http://a@localhost:8000/oidc/userinfo"},
    "iat missing": {"iat": None},
    "iat no number": {"iat": "now"},
    "iat a truth": {"iat": True},
    "iat an hour old": {"iat": -3600},
    "iat an hour ahead": {"iat": 3600},
    "exp long past": {"exp": -600},
    "nbf far ahead": {"nbf": 600},
    "ath missing": {"ath": None},
    "ath of another token": {"ath": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"},
    "ath no text": {"ath": 5},
}


def relative(changes: dict[str, Any]) -> dict[str, Any]:
    """Times are written as seconds from now."""
    return {
        name: now() + value
        if name in {"iat", "nbf", "exp"} and isinstance(value, int) and value is not True
        else value
        for name, value in changes.items()
    }


def make_changed(token: str, changes: dict[str, Any]) -> str:
    changes = relative(changes)
    if "ath" in changes:
        return make_proof(KEY, "GET", USERINFO_URL, **changes)
    return make_proof(KEY, "GET", USERINFO_URL, token=token, **changes)


@pytest.mark.parametrize("changes", GOOD)
def test_fapi2_dpop_proof_within_the_rules_is_accepted(
    rp: RelyingParty, changes: dict[str, Any]
) -> None:
    token = get_bound_token(rp)
    assert ask(rp, token, make_changed(token, changes)).status_code == 200


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_fapi2_dpop_negative_tests(rp: RelyingParty, changes: dict[str, Any]) -> None:
    token = get_bound_token(rp)
    spent = UsedAssertion.objects.count()
    response = ask(rp, token, make_changed(token, changes))
    assert response.status_code == 401
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith('DPoP realm="vop", algs="ES256 PS256 EdDSA", error="invalid_dpop')
    assert UsedAssertion.objects.count() == spent


def test_fapi2_dpop_negative_tests_of_the_signature(rp: RelyingParty) -> None:
    token = get_bound_token(rp)
    good = make_proof(KEY, "GET", USERINFO_URL, token=token)
    rsa = make_key("RS256")
    head, body, _signature = good.split(".")
    none = base64.urlsafe_b64encode(
        json.dumps({"typ": "dpop+jwt", "alg": "none", "jwk": {}}).encode()
    )
    nested = base64.urlsafe_b64encode(b"[" * 5001).decode()
    typed = {"typ": "dpop+jwt", "jwk": {"kty": "oct", "k": "eHh4"}}
    symmetric = jwt.encode({"jti": "x"}, "x" * 32, algorithm="HS256", headers=typed)
    for proof in (
        "", "garbage", "a.b.c", "å", "x" * 9000, f"{head}.{body}.", spoil(good),
        f"{none.rstrip(b'=').decode()}.{body}.", f"{good},{good}", f"{good}, {good}",
        make_proof(rsa, "GET", USERINFO_URL, token=token),
        symmetric, f"{nested}.{body}.x",
        make_proof(OTHER, "GET", USERINFO_URL, token=token),
        None,
    ):  # fmt: skip
        assert ask(rp, token, proof).status_code == 401, proof


def test_bound_token_is_no_bearer_token_and_the_other_way_round(rp: RelyingParty) -> None:
    bound = get_bound_token(rp)
    proof = make_proof(KEY, "GET", USERINFO_URL, token=bound)
    downgraded = ask(rp, bound, proof, "Bearer")
    assert downgraded.status_code == 401
    assert downgraded.headers["WWW-Authenticate"].startswith("DPoP ")
    in_body = rp.post_plain("userinfo", {"access_token": bound})
    assert in_body.status_code == 401
    assert rp.service.get(f"/oidc/userinfo?access_token={bound}").status_code == 401

    bearer = redeem(rp, None).json()
    assert bearer["token_type"] == "Bearer"
    token = bearer["access_token"]
    assert ask(rp, token, make_proof(KEY, "GET", USERINFO_URL, token=token)).status_code == 401
    assert ask(rp, token, None, "Bearer").status_code == 200


def test_proof_works_once(rp: RelyingParty) -> None:
    token = get_bound_token(rp)
    proof = make_proof(KEY, "GET", USERINFO_URL, token=token)
    assert ask(rp, token, proof).status_code == 200
    assert ask(rp, token, proof).status_code == 401
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=70)):
        assert ask(rp, token, proof).status_code == 401


@pytest.mark.parametrize(
    "changes", [{"htm": "GET"}, {"htu": USERINFO_URL}, {"iat": 1}, {"jti": None}]
)
def test_bad_proof_at_the_token_endpoint_is_named(
    rp: RelyingParty, changes: dict[str, Any]
) -> None:
    response = redeem(rp, make_proof(KEY, "POST", TOKEN_URL, **changes))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")
    assert not AccessToken.objects.exists()


def test_code_is_bound_to_the_key_of_dpop_jkt(rp: RelyingParty) -> None:
    for proof in (make_proof(OTHER, "POST", TOKEN_URL), None):
        response = redeem(rp, proof, dpop_jkt=KEY.jkt)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    good = redeem(rp, make_proof(KEY, "POST", TOKEN_URL), dpop_jkt=KEY.jkt)
    assert good.status_code == 200
    assert "error=invalid_request" in rp.authorize(dpop_jkt="short").headers["Location"]


def test_refresh_token_of_a_public_client_is_bound_to_its_key(make_rp: MakeRelyingParty) -> None:
    app = make_rp(auth_method="none")
    first = redeem(app, make_proof(KEY, "POST", TOKEN_URL), scope="openid offline_access").json()
    assert RefreshToken.objects.get().jkt == KEY.jkt

    def refresh(token: str, proof: str | None) -> Any:
        sent = {"grant_type": "refresh_token", "refresh_token": token, "client_id": app.client_id}
        return app.post_plain("token", sent, {} if proof is None else {"DPoP": proof})

    for proof in (None, make_proof(OTHER, "POST", TOKEN_URL)):
        assert refresh(first["refresh_token"], proof).json()["error"] == "invalid_grant"
    second = refresh(first["refresh_token"], make_proof(KEY, "POST", TOKEN_URL)).json()
    assert second["token_type"] == "DPoP"
    assert refresh(second["refresh_token"], None).status_code == 400
    assert refresh(second["refresh_token"], make_proof(KEY, "POST", TOKEN_URL)).status_code == 200


def test_client_that_must_bind_gets_no_bearer_token(make_rp: MakeRelyingParty) -> None:
    rp = make_rp(require_dpop=True)
    response = redeem(rp, None)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")
    assert redeem(rp, make_proof(KEY, "POST", TOKEN_URL)).status_code == 200


def test_weak_keys_prove_nothing(rp: RelyingParty) -> None:
    p384 = {"kty": "EC", "crv": "P-384", "x": "A" * 64, "y": "A" * 64}
    for jwk in (p384, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-256"}):
        response = redeem(rp, make_proof(KEY, "POST", TOKEN_URL, header_jwk=jwk))
        assert response.json()["error"] == "invalid_dpop_proof"
