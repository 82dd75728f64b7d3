"""The Config OP plan, and what the other plans' discovery modules look for.

RFC 8414's schema by hand: which members there are, of which type, and what they must hold.
"""

import json
import re
from typing import Any

import pytest
from django.test import Client

ISSUER = "http://localhost:8000/oidc"
PATHS = ["/oidc/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oidc"]
FAPI_ALGS = {"PS256", "ES256", "EdDSA"}


@pytest.fixture
def told(db: None) -> dict[str, Any]:
    body: dict[str, Any] = Client().get(PATHS[0]).json()
    return body


@pytest.mark.parametrize("path", PATHS)
def test_oidcc_discovery_endpoint_verification(db: None, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    told = response.json()
    assert told["issuer"] == ISSUER
    for name, value in told.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith(f"{ISSUER}/"), name
        elif name.endswith(("_parameter_supported", "_logout_supported")):
            assert isinstance(value, bool), name
        elif name.endswith(("_supported", "_values")) and not isinstance(value, bool):
            assert value, name
            assert len(set(value)) == len(value), name
    assert "code" in told["response_types_supported"]
    assert set(told["subject_types_supported"]) <= {"public", "pairwise"}
    assert "RS256" in told["id_token_signing_alg_values_supported"]
    assert "none" not in told["id_token_signing_alg_values_supported"]
    assert "openid" in told["scopes_supported"]
    assert {"sub", "iss", "auth_time", "acr", "name", "email"} <= set(told["claims_supported"])
    tags = told["ui_locales_supported"]
    assert all(re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag) for tag in tags)
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert {"query", "form_post", "jwt"} <= set(told["response_modes_supported"])


def test_jwks_of_discovery_holds_public_keys_alone(told: dict[str, Any]) -> None:
    response = Client().get(told["jwks_uri"].removeprefix("http://localhost:8000"))
    assert "max-age=900" in response.headers["Cache-Control"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    keys = json.loads(response.content)["keys"]
    assert len({key["kid"] for key in keys}) == len(keys) >= 2
    for key in keys:
        assert {"d", "p", "q", "dp", "dq", "qi", "k"}.isdisjoint(key)
        assert key["use"] == "sig"
        assert key["alg"] in told["id_token_signing_alg_values_supported"]


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(told: dict[str, Any]) -> None:
    assert told["end_session_endpoint"] == f"{ISSUER}/end-session"


@pytest.mark.parametrize("channel", ["frontchannel", "backchannel"])
def test_oidcc_channel_logout_discovery_endpoint_verification(
    told: dict[str, Any], channel: str
) -> None:
    assert told[f"{channel}_logout_supported"] is True
    assert told[f"{channel}_logout_session_supported"] is True
    assert told["end_session_endpoint"]


def test_fapi2_message_signing_discovery_end_point_verification(told: dict[str, Any]) -> None:
    assert set(told["request_object_signing_alg_values_supported"]) & FAPI_ALGS
    assert set(told["authorization_signing_alg_values_supported"]) & FAPI_ALGS
    assert "jwt" in told["response_modes_supported"]


@pytest.mark.parametrize("path", [*PATHS, "/oidc/jwks"])
def test_discovery_is_for_every_origin_and_kept_for_a_while(db: None, path: str) -> None:
    response = Client().get(path, headers={"Origin": "https://anybody.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers["Cache-Control"].startswith("public, max-age=")
    assert Client().head(path).status_code == 200
    assert Client().post(path).status_code == 405


@pytest.mark.parametrize("path", [*PATHS, "/oidc/jwks"])
def test_discovery_is_not_sent_again_to_who_has_it(db: None, path: str) -> None:
    first = Client().get(path)
    again = Client().get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.content == b""
    for name in ("ETag", "Cache-Control", "Access-Control-Allow-Origin"):
        assert again.headers[name] == first.headers[name], name
    other = Client().get(path, headers={"If-None-Match": '"something-else"'})
    assert other.status_code == 200
    assert other.content == first.content
