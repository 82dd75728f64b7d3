"""The modules of the FAPI 2.0 Security Profile plan, as far as they concern the provider alone.

Those about DPoP proofs at the resource are in test_dpop.py.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine

from oidc.models import RefreshToken
from services.models import Service
from tests.factories.oidc import make_client
from tests.oidc.fapi_party import ISSUER, FapiParty, make_key, now
from tests.oidc.relying_party import CALLBACK, RelyingParty, read_answer

OFFLINE = "openid profile email offline_access"
MakeFapi = Callable[..., FapiParty]


@pytest.fixture
def make_fapi(rp: RelyingParty) -> MakeFapi:
    def make(alg: str = "ES256", **facts: Any) -> FapiParty:
        key = make_key(alg)
        facts = {
            "profile": "fapi2",
            "auth_method": "private_key_jwt",
            "jwks": {"keys": [key.jwk]},
            **facts,
        }
        profile, secret = make_client(rp.profile.service, **facts)
        return FapiParty(profile, secret, rp.browser, key=key, dpop_key=make_key(alg))

    return make


@pytest.fixture
def fapi(make_fapi: MakeFapi) -> FapiParty:
    return make_fapi()


def assert_refused(response: Any, *errors: str) -> None:
    assert response.status_code in {400, 401}, response.content
    assert response.json()["error"] in errors, response.content


def assert_page(response: Any) -> None:
    assert response.status_code == 400
    assert "Location" not in response.headers


def later(**by: float) -> datetime:
    return datetime.now(UTC) + timedelta(**by)


def test_fapi2_discovery_end_point_verification(fapi: FapiParty) -> None:
    told = fapi.service.get("/oidc/.well-known/openid-configuration").json()
    assert told["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["code_challenge_methods_supported"] == ["S256"]
    for name in ("dpop", "token_endpoint_auth"):
        algs = told[f"{name}_signing_alg_values_supported"]
        assert {"PS256", "ES256", "EdDSA"} <= set(algs)
    assert "ES256" in told["id_token_signing_alg_values_supported"]
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_fapi2_happy_flow(make_fapi: MakeFapi, alg: str) -> None:
    uri = f"{CALLBACK}?dummy1=lorem&dummy2=ipsum"
    fapi = make_fapi(alg, redirect_uris=[uri])
    answer = read_answer(fapi.authorize(redirect_uri=uri, dpop_jkt=fapi.dpop_key.jkt))
    assert answer.pop("dummy1") == "lorem"
    assert answer.pop("dummy2") == "ipsum"
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == ISSUER
    tokens = fapi.redeem(answer["code"], redirect_uri=uri).json()
    assert tokens["token_type"] == "DPoP"
    assert jwt.get_unverified_header(tokens["id_token"])["alg"] == "ES256"
    assert fapi.read_id_token(tokens["id_token"])["nonce"] == "the nonce"
    assert fapi.userinfo(tokens["access_token"]).status_code == 200


def test_fapi2_happy_flow_resource_takes_any_usual_header(fapi: FapiParty) -> None:
    token = fapi.get_tokens()["access_token"]
    for accept in ("*/*", "application/json;charset=utf-8", "application/json, */*;q=0.1"):
        headers = {
            "Authorization": f"DPoP {token}",
            "DPoP": fapi.proof("GET", "userinfo", token=token),
            "Accept": accept,
            "x-fapi-customer-ip-address": "198.51.100.119",
            "x-fapi-interaction-id": "b2bef873-2fd9-4f5c-a1c2-6d6d1a5d1e5a",
        }
        response = fapi.service.get("/oidc/userinfo", headers=headers)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"


def test_fapi2_test_claims_parameter_identity_claims(fapi: FapiParty) -> None:
    told = fapi.service.get("/oidc/.well-known/openid-configuration").json()
    wanted = {name: {"essential": True} for name in told["claims_supported"]}
    del wanted["acr"]  # an essential one without values is whatever it is (Core 5.5.1.1)
    asked = {"id_token": {**wanted, "acr": None}, "userinfo": wanted}
    body = fapi.get_tokens(scope="openid", claims=json.dumps(asked), acr_values="x")
    claims = fapi.read_id_token(body["id_token"])
    assert set(told["claims_supported"]) - {"act"} - set(claims) == set()  # nobody acts for another
    of_the_token = {
        "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "azp", "sid", "amr", "acr",
    }  # fmt: skip
    info = fapi.userinfo(body["access_token"]).json()
    assert set(told["claims_supported"]) - {"act"} - of_the_token - set(info) == set()


def test_fapi2_user_rejects_authentication(fapi: FapiParty) -> None:
    Service.objects.update(is_first_party=False)
    pending = fapi.authorize().context["pending"]
    answer = read_answer(fapi.browser.post("/oidc/authorize/deny", {"pending": pending}))
    assert answer == {"error": "access_denied", "state": "the state", "iss": ISSUER}


def test_fapi2_ensure_authorization_request_without_state_and_nonce_success(
    fapi: FapiParty,
) -> None:
    answer = read_answer(fapi.authorize(state=None, nonce=None))
    assert "state" not in answer
    claims = fapi.read_id_token(fapi.redeem(answer["code"]).json()["id_token"])
    assert "nonce" not in claims


@pytest.mark.parametrize("length", [64, 384])
def test_fapi2_ensure_authorization_request_with_long_nonce_and_state(
    fapi: FapiParty, length: int
) -> None:
    answer = read_answer(fapi.authorize(state="s" * length, nonce="n" * length))
    assert answer["state"] == "s" * length
    tokens = fapi.redeem(answer["code"]).json()
    assert fapi.read_id_token(tokens["id_token"])["nonce"] == "n" * length


def test_fapi2_ensure_other_scope_order_succeeds(fapi: FapiParty) -> None:
    assert "code" in read_answer(fapi.authorize(scope="email profile openid"))


@pytest.mark.parametrize("seconds", [-10, 10])
def test_fapi2_ensure_dpopproof_with_iat_10seconds_off_succeeds(
    fapi: FapiParty, seconds: int
) -> None:
    code = fapi.get_code()
    proof = fapi.proof("POST", "token", iat=now() + seconds)
    assert fapi.redeem(code, dpop=proof).status_code == 200


def test_fapi2_ensure_mismatched_dpop_jkt_fails(fapi: FapiParty) -> None:
    response = fapi.post("par", **fapi.ask(dpop_jkt="x" * 43), dpop=fapi.proof("POST", "par"))
    assert_refused(response, "invalid_dpop_proof")


def test_fapi2_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(fapi: FapiParty) -> None:
    pushed = fapi.post("par", **fapi.ask(), dpop=fapi.proof("POST", "par")).json()
    code = read_answer(fapi.open(pushed["request_uri"]))["code"]
    right, fapi.dpop_key = fapi.dpop_key, make_key("ES256")
    assert_refused(fapi.redeem(code), "invalid_grant")
    fapi.dpop_key = right
    assert fapi.redeem(code).status_code == 200  # …-binding-success


def test_fapi2_ensure_token_endpoint_fails_with_mismatched_dpop_jkt(fapi: FapiParty) -> None:
    code = fapi.get_code(dpop_jkt=fapi.dpop_key.jkt)
    fapi.dpop_key = make_key("ES256")
    assert_refused(fapi.redeem(code), "invalid_grant")


def test_fapi2_state_only_outside_request_object_not_used(fapi: FapiParty) -> None:
    pushed = fapi.push(state=None).json()
    assert "state" not in read_answer(fapi.open(pushed["request_uri"], state="outside"))
    pushed = fapi.push().json()
    answer = read_answer(fapi.open(pushed["request_uri"], state="outside", nonce="outside"))
    assert answer["state"] == "the state"
    tokens = fapi.redeem(answer["code"]).json()
    assert fapi.read_id_token(tokens["id_token"])["nonce"] == "the nonce"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "https://unregistered.example/"}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_fapi2_par_refuses_what_authorize_would(
    fapi: FapiParty, changes: dict[str, str | None], error: str
) -> None:
    assert_refused(fapi.push(**changes), error)


def test_fapi2_ensure_unsigned_authorization_request_without_using_par_fails(
    fapi: FapiParty,
) -> None:
    response = fapi.browser.get("/oidc/authorize", fapi.ask())
    assert read_answer(response)["error"] == "invalid_request"


def test_fapi2_ensure_client_id_in_token_endpoint(fapi: FapiParty, make_fapi: MakeFapi) -> None:
    code = fapi.get_code()
    assert_refused(fapi.redeem(code, client_id=make_fapi().client_id), "invalid_client")


def test_fapi2_ensure_holder_of_key_required(fapi: FapiParty) -> None:
    assert_refused(fapi.redeem(fapi.get_code(), dpop=""), "invalid_dpop_proof")


def test_fapi2_ensure_authorization_code_is_bound_to_client(
    fapi: FapiParty, make_fapi: MakeFapi
) -> None:
    code, other = fapi.get_code(), make_fapi()
    other.verifier = fapi.verifier
    assert_refused(other.redeem(code), "invalid_grant")


def test_fapi2_attempt_reuse_authorization_code_after_one_second(fapi: FapiParty) -> None:
    code = fapi.get_code()
    token = fapi.redeem(code).json()["access_token"]
    assert_refused(fapi.redeem(code), "invalid_grant")
    assert fapi.userinfo(token).status_code == 401


def test_fapi2_ensure_token_endpoint_fails_with_expired_auth_code(fapi: FapiParty) -> None:
    code = fapi.get_code()
    with time_machine.travel(later(seconds=62), tick=True):
        assert_refused(fapi.redeem(code), "invalid_grant")


def test_fapi2_ensure_signed_client_assertion_with_rs256_fails(make_fapi: MakeFapi) -> None:
    rs256 = make_fapi("RS256")
    assert_refused(rs256.push(), "invalid_client")


def test_fapi2_ensure_client_assertion_in_token_endpoint(fapi: FapiParty) -> None:
    response = fapi.redeem(fapi.get_code(), client_assertion=None, client_assertion_type=None)
    assert_refused(response, "invalid_client", "invalid_request")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"exp": -300}, 401),
        ({"aud": "https://evil.example"}, 401),
        ({"aud": [ISSUER]}, 401),
        ({"aud": f"{ISSUER}/par"}, 401),
        ({"aud": f"{ISSUER}/token"}, 401),
        ({"sub": None}, 401),
        ({"nbf": 8}, 201),
        ({"nbf": 70}, 401),
    ],
)
def test_fapi2_par_test_of_the_client_assertion(
    fapi: FapiParty, changes: dict[str, Any], status: int
) -> None:
    claims = {
        name: now() + value if name in {"exp", "nbf"} else value for name, value in changes.items()
    }
    response = fapi.push(client_assertion=fapi.assertion(**claims))
    assert response.status_code == status, response.content


def test_fapi2_refresh_token(fapi: FapiParty, make_fapi: MakeFapi) -> None:
    first = fapi.get_tokens(scope=OFFLINE)["refresh_token"]
    assert_refused(fapi.refresh(first, dpop=""), "invalid_dpop_proof")
    assert_refused(fapi.refresh(first, client_assertion=None), "invalid_client", "invalid_request")
    assert_refused(make_fapi().refresh(first), "invalid_grant")
    for seconds in (0, 30):
        with time_machine.travel(later(seconds=seconds), tick=True):
            again = fapi.refresh(first).json()
            assert again["refresh_token"] == first
            assert again["token_type"] == "DPoP"
            assert fapi.userinfo(again["access_token"]).status_code == 200
    assert RefreshToken.objects.count() == 1


def test_row_4_refresh_token_that_does_not_rotate_ends_by_idleness_and_for_good(
    fapi: FapiParty,
) -> None:
    used = fapi.get_tokens(scope=OFFLINE)["refresh_token"]
    unused = fapi.get_tokens(scope=OFFLINE)["refresh_token"]
    for days in (29, 58, 87):
        with time_machine.travel(later(days=days), tick=True):
            assert fapi.refresh(used).status_code == 200
    with time_machine.travel(later(days=31), tick=True):
        assert_refused(fapi.refresh(unused), "invalid_grant")
    with time_machine.travel(later(days=91), tick=True):
        assert_refused(fapi.refresh(used), "invalid_grant")


def make_request(fapi: FapiParty, alg: str = "", **changes: Any) -> str:
    """A signed request object; times are seconds from now."""
    claims: dict[str, Any] = {
        **fapi.ask(),
        "iss": fapi.client_id,
        "aud": ISSUER,
        "nbf": 0,
        "exp": 60,
        **changes,
    }
    for name in ("nbf", "exp"):
        if isinstance(claims[name], int):
            claims[name] += now()
    kept = {name: value for name, value in claims.items() if value is not None}
    return fapi.key.sign(kept, {"kid": fapi.key.jwk["kid"]}, alg)


@pytest.mark.parametrize("changes", [{}, {"aud": ["https://a.example", ISSUER]}, {"nbf": 8}])
def test_fapi2_message_signing_request_object_succeeds(
    fapi: FapiParty, changes: dict[str, Any]
) -> None:
    request = make_request(fapi, max_age=3600, **changes)
    pushed = fapi.post("par", request=request, state="outside")
    assert pushed.status_code == 201, pushed.content
    answer = read_answer(fapi.open(pushed.json()["request_uri"]))
    assert answer["state"] == "the state"
    assert fapi.redeem(answer["code"]).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None}, {"nbf": None}, {"exp": -300}, {"exp": 4200}, {"nbf": -4200}, {"nbf": 300},
        {"exp": "soon"}, {"aud": "https://evil.example"}, {"aud": None}, {"aud": 5}, {"iss": None},
        {"iss": "another"}, {"client_id": "another"}, {"request_uri": "urn:x"}, {"request": "x"},
        {"state": "a\0b"}, {"state": "\ud800"}, {"nonce": "x" * 9000},
        {"a\0b": "x"}, {"\ud800": "x"},
    ],
)  # fmt: skip
def test_fapi2_message_signing_request_object_fails(
    fapi: FapiParty, changes: dict[str, Any]
) -> None:
    response = fapi.post("par", request=make_request(fapi, **changes))
    assert_refused(response, "invalid_request_object")


def test_fapi2_message_signing_request_object_signed_otherwise_fails(
    fapi: FapiParty, make_fapi: MakeFapi
) -> None:
    good = make_request(fapi)
    claims = jwt.decode(good, options={"verify_signature": False})
    rsa = make_key("RS256")
    kid = {"kid": fapi.key.jwk["kid"]}
    for request in (
        "x", good[:-8], good[:-8] + "AAAAAAAA", jwt.encode(claims, "", algorithm="none"),
        rsa.sign(claims, kid), make_key("ES256").sign(claims, kid), make_request(make_fapi()),
    ):  # fmt: skip
        assert_refused(fapi.post("par", request=request), "invalid_request_object")


def test_fapi2_message_signing_ensure_unsigned_request_at_par_endpoint_fails(
    make_fapi: MakeFapi,
) -> None:
    fapi = make_fapi(require_signed_request=True)
    assert_refused(fapi.push(), "invalid_request")
    assert fapi.post("par", request=make_request(fapi)).status_code == 201


@pytest.mark.parametrize("mode", ["jwt", "query.jwt"])
def test_fapi2_message_signing_jarm(fapi: FapiParty, mode: str) -> None:
    answer = read_answer(fapi.authorize(response_mode=mode))
    assert set(answer) == {"response"}
    claims = fapi.read_id_token(answer["response"])
    assert set(claims) == {"iss", "aud", "exp", "code", "state"}
    assert claims["exp"] <= now() + 600
    assert fapi.redeem(claims["code"]).status_code == 200
    refused = read_answer(fapi.authorize(response_mode=mode, prompt="none", max_age="0"))
    assert fapi.read_id_token(refused["response"])["error"] == "login_required"
    hinted = fapi.push(id_token_hint=answer["response"])
    assert_refused(hinted, "invalid_request")


def test_fapi2_message_signing_jarm_by_form_post(fapi: FapiParty) -> None:
    page = fapi.authorize(response_mode="form_post.jwt")
    assert page.status_code == 200
    assert set(page.context["parameters"]) == {"response"}


def test_fapi2_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(
    fapi: FapiParty,
) -> None:
    Service.objects.update(is_first_party=False)
    request_uri = fapi.push().json()["request_uri"]
    assert fapi.open(request_uri).status_code == 200  # the consent page, and away again
    pending = fapi.open(request_uri).context["pending"]
    allowed = fapi.browser.post("/oidc/authorize/allow", {"pending": pending})
    assert "code" in read_answer(allowed)


def test_fapi2_par_attempt_reuse_request_uri(fapi: FapiParty) -> None:
    request_uri = fapi.push().json()["request_uri"]
    assert "code" in read_answer(fapi.open(request_uri))
    assert_page(fapi.open(request_uri))


def test_fapi2_par_attempt_to_use_expired_request_uri(fapi: FapiParty) -> None:
    pushed = fapi.push().json()
    assert pushed["expires_in"] <= 60
    with time_machine.travel(later(seconds=pushed["expires_in"] + 1), tick=True):
        assert_page(fapi.open(pushed["request_uri"]))


def test_fapi2_par_attempt_to_use_request_uri_for_different_client(
    fapi: FapiParty, make_fapi: MakeFapi
) -> None:
    assert_page(make_fapi().open(fapi.push().json()["request_uri"]))


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "options", "head"])
def test_fapi2_par_attempt_invalid_http_method(fapi: FapiParty, method: str) -> None:
    assert getattr(fapi.service, method)("/oidc/par").status_code == 405


def test_fapi2_ensure_pkce_code_verifier_required(fapi: FapiParty) -> None:
    assert_refused(fapi.redeem(fapi.get_code(), code_verifier=None), "invalid_grant")
    assert_refused(fapi.redeem(fapi.get_code(), code_verifier="x" * 43), "invalid_grant")
