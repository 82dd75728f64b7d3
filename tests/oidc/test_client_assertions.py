"""private_key_jwt: RFC 7523, with the stricter audience of FAPI 2.0."""

import base64
import time
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.cache import cache
from jwt.algorithms import RSAAlgorithm

from oidc.models import UsedAssertion
from oidc.protocol import jose
from oidc.protocol.client_auth import ASSERTION_TYPE
from oidc.protocol.remote_keys import get_client_keys
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.listener import listen
from tests.oidc.relying_party import RelyingParty
from vop.lib.crypto import digest

ISSUER = "http://localhost:8000/oidc"
NESTED = "eyJhbGciOiJFUzI1NiJ9." + base64.urlsafe_b64encode(b"[" * 5001).decode() + ".x"
KEY = jose.make_private_key("ES256")
JWK = jose.to_public_jwk("ES256", KEY)


@pytest.fixture
def signer(make_rp: MakeRelyingParty) -> RelyingParty:
    return make_rp(auth_method="private_key_jwt", jwks={"keys": [JWK]})


def make_assertion(rp: RelyingParty, **changes: Any) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": rp.client_id,
        "sub": rp.client_id,
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, KEY, algorithm="ES256", headers={"kid": JWK["kid"]})


def ask(rp: RelyingParty, assertion: str, **more: str) -> Any:
    parameters = {
        "token": "x",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **more,
    }
    return rp.post_plain("introspect", parameters)


def test_assertion_proves_a_client(signer: RelyingParty) -> None:
    code = signer.get_code()
    response = signer.post_plain(
        "token",
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": "http://localhost:8002/callback",
            "code_verifier": signer.verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": make_assertion(signer, aud=f"{ISSUER}/token"),
        },
    )
    assert response.status_code == 200, response.content


def test_assertion_works_once(signer: RelyingParty) -> None:
    assertion = make_assertion(signer)
    assert ask(signer, assertion).status_code == 200
    assert ask(signer, assertion).status_code == 401
    assert UsedAssertion.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://evil.example"},
        {"aud": None},
        {"aud": [1]},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": timedelta(hours=25)},
        {"nbf": timedelta(seconds=90)},
        {"iat": timedelta(hours=2)},
        {"iss": "another"},
        {"sub": "another"},
        {"sub": None},
        {"sub": 1},
        {"sub": "\ud800"},
        {"sub": "a\0b"},
        {"jti": None},
        {"jti": 5},
        {"jti": "\ud800"},
    ],
)
def test_assertion_that_says_something_else_is_refused(
    signer: RelyingParty, changes: dict[str, Any]
) -> None:
    now = datetime.now(UTC)
    changes = {
        name: int((now + value).timestamp()) if isinstance(value, timedelta) else value
        for name, value in changes.items()
    }
    response = ask(signer, make_assertion(signer, **changes))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_assertion_signed_otherwise_is_refused(signer: RelyingParty) -> None:
    claims = jwt.decode(make_assertion(signer), options={"verify_signature": False})
    other = jose.make_private_key("ES256")
    for token in (
        jwt.encode(claims, other, algorithm="ES256", headers={"kid": JWK["kid"]}),
        jwt.encode(claims, other, algorithm="ES256", headers={"kid": "unknown"}),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, JWK["x"] * 2, algorithm="HS256", headers={"kid": JWK["kid"]}),
        "garbage",
        "a.b.c",
        NESTED,
    ):
        assert ask(signer, token).status_code == 401


def test_assertion_by_a_short_key_is_refused(make_rp: MakeRelyingParty) -> None:
    """RFC 7518 3.3 and FAPI 2.0 5.4.1: at least 2048 bits."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 (the point)
    jwk = {**RSAAlgorithm.to_jwk(short.public_key(), as_dict=True), "kid": "short"}
    rp = make_rp(auth_method="private_key_jwt", jwks={"keys": [jwk]})
    claims = jwt.decode(make_assertion(rp), options={"verify_signature": False})
    with warnings.catch_warnings(action="ignore"):
        token = jwt.encode(claims, short, algorithm="RS256", headers={"kid": "short"})
        assert ask(rp, token).status_code == 401


def test_assertion_belongs_to_its_client_and_method(signer: RelyingParty, rp: RelyingParty) -> None:
    assert ask(signer, make_assertion(signer), client_id=rp.client_id).status_code == 401
    forged = make_assertion(signer, iss=rp.client_id, sub=rp.client_id)
    assert ask(signer, forged).status_code == 401
    bare = {"token": "x", "client_assertion": make_assertion(signer)}
    assert signer.post_plain("introspect", bare).status_code == 400
    with_secret = ask(signer, make_assertion(signer), client_secret="x")
    assert with_secret.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("audience", "status"),
    [(ISSUER, 200), (f"{ISSUER}/token", 401), ([ISSUER], 401), (f"{ISSUER}/par", 401)],
)
def test_assertion_of_a_fapi_client_is_for_the_issuer_alone(
    make_rp: MakeRelyingParty, audience: Any, status: int
) -> None:
    fapi = make_rp(auth_method="private_key_jwt", jwks={"keys": [JWK]}, profile="fapi2")
    assert ask(fapi, make_assertion(fapi, aud=audience)).status_code == status


def test_client_without_reachable_keys_is_not_authenticated(make_rp: MakeRelyingParty) -> None:
    away = make_rp(auth_method="private_key_jwt", jwks_uri="http://localhost:1/jwks")
    assert get_client_keys(away.profile) == []
    assert ask(away, make_assertion(away)).status_code == 401


def test_client_that_rotates_its_key_is_known_at_once(make_rp: MakeRelyingParty) -> None:
    with listen() as service:
        service.keys = [jose.to_public_jwk("ES256", jose.make_private_key("ES256"))]
        rp = make_rp(auth_method="private_key_jwt", jwks_uri=service.jwks_uri)
        assert ask(rp, make_assertion(rp)).status_code == 401
        assert service.looks == 1
        service.keys.append(JWK)
        assert ask(rp, make_assertion(rp)).status_code == 200
        assert ask(rp, make_assertion(rp)).status_code == 200
        assert service.looks == 2


def test_unknown_key_ids_make_us_ask_a_service_once_in_a_while_only(
    make_rp: MakeRelyingParty,
) -> None:
    with listen() as service:
        service.keys = [jose.to_public_jwk("ES256", jose.make_private_key("ES256"))]
        rp = make_rp(auth_method="private_key_jwt", jwks_uri=service.jwks_uri)
        for _try in range(5):
            assert ask(rp, make_assertion(rp)).status_code == 401
        assert service.looks == 2


@pytest.mark.parametrize("are_known", [True, False])
def test_only_one_request_waits_for_a_slow_server_of_a_client(
    make_rp: MakeRelyingParty, *, are_known: bool
) -> None:
    """More would take the threads that people sign in on."""
    with listen() as service:
        service.keys = [JWK] if are_known else []
        rp = make_rp(auth_method="private_key_jwt", jwks_uri=service.jwks_uri)
        before = get_client_keys(rp.profile)
        cache.delete(f"oidc.jwks.{digest(service.jwks_uri)}")  # as when its time is over
        service.may_answer.clear()
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(get_client_keys, rp.profile)
            while service.looks == 1:
                time.sleep(0.01)
            assert get_client_keys(rp.profile) == before
            assert not waiting.done()
            service.may_answer.set()
            assert waiting.result() == before
        assert service.looks == 2
