"""Rows of docs/oidc.md about keys, discovery and registration; and the two commands."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import jwt
import pytest
import time_machine
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.test import Client
from oidc_provider.models import Client as LibraryClient
from oidc_provider.models import Code, RSAKey, Token
from pytest_django import Settings

from accounts.models import User
from auditlog.models import Event
from oidc.checks import check_issuer, check_lifetimes
from oidc.models import NEVER, Algorithm, AuthMethod, ClientProfile, ClientSecret, SigningKey
from oidc.operations.clients import (
    ClientFacts,
    ClientKeysError,
    FapiAlgorithmError,
    FapiClientError,
    NoRedirectUriError,
    NoSecretError,
    PublicClientError,
    WeakSecretError,
    register_client,
    renew_client_secret,
)
from oidc.operations.keys import (
    LEAD,
    LIFETIME,
    ensure_signing_keys,
    get_signer,
    maintain_signing_keys,
)
from oidc.protocol.jose import thumbprint
from oidc.protocol.redirects import RedirectUriError, check_client_uri
from services.models import Service
from tests.factories.companies import SYSTEM
from tests.factories.services import make_service
from tests.oidc.conftest import MakeRelyingParty, make_key_values
from tests.oidc.relying_party import RelyingParty
from vop.lib.crypto import digest


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def get_jwks() -> dict[str, dict[str, str]]:
    keys = json.loads(Client().get("/oidc/jwks").content)["keys"]
    return {key["kid"]: key for key in keys}


def test_discovery_is_complete_at_both_addresses(db: None) -> None:
    document = Client().get("/oidc/.well-known/openid-configuration")
    assert document.headers["Content-Type"] == "application/json"
    assert "max-age" in document.headers["Cache-Control"]
    body = document.json()
    assert body == Client().get("/.well-known/oauth-authorization-server/oidc").json()
    assert body["response_types_supported"] == ["code"]
    assert body["grant_types_supported"] == [
        "authorization_code",
        "refresh_token",
        "client_credentials",
    ]
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert body["request_uri_parameter_supported"] is False
    assert body["authorization_response_iss_parameter_supported"] is True
    assert "none" in body["token_endpoint_auth_methods_supported"]
    assert "HS256" not in body["id_token_signing_alg_values_supported"]
    for name, address in body.items():
        if name.endswith(("_endpoint", "_uri")):
            assert address.startswith("http://localhost:8000/oidc/")


def test_row_26_rotation_leaves_no_gap(rp: RelyingParty, bob: User) -> None:
    before = rp.get_tokens()["id_token"]
    [old_kid] = [kid for kid, key in get_jwks().items() if key["alg"] == "RS256"]
    told = json.loads(run("rotate_signing_key", "--json"))
    assert set(get_jwks()) > {old_kid, told["kid"]}
    assert jwt.get_unverified_header(rp.get_tokens()["id_token"])["kid"] == old_kid

    with time_machine.travel(datetime.now(UTC) + LEAD + timedelta(minutes=1), tick=True):
        rp.browser.force_login(bob, "accounts.adapter.SignInBackend")
        token = rp.get_tokens()["id_token"]
        assert jwt.get_unverified_header(token)["kid"] == told["kid"]
        assert rp.read_id_token(token)
        assert old_kid in get_jwks()
        jwt.decode(
            before,
            jwt.PyJWK(get_jwks()[old_kid]),
            algorithms=["RS256"],
            audience=rp.client_id,
            options={"verify_exp": False},
        )
    with time_machine.travel(datetime.now(UTC) + timedelta(days=40), tick=True):
        assert old_kid not in get_jwks()
    assert Event.objects.filter(action="signing_key.rotated").count() == 1


def test_row_26_rotation_shows_at_once_to_who_keeps_the_old_keys(
    signing_keys: None, settings: Settings
) -> None:
    settings.OIDC_KEYS_REMEMBERED_SECONDS = 30.0
    tag = Client().get("/oidc/jwks").headers["ETag"]
    assert Client().get("/oidc/jwks", headers={"If-None-Match": tag}).status_code == 304
    kid = json.loads(run("rotate_signing_key", "--json"))["kid"]
    answer = Client().get("/oidc/jwks", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert kid in {key["kid"] for key in answer.json()["keys"]}


def test_row_26_rotation_by_another_process_shows_once_the_keys_are_read_anew(
    signing_keys: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OIDC_KEYS_REMEMBERED_SECONDS = 30.0
    tag = Client().get("/oidc/jwks").headers["ETag"]
    SigningKey.objects.filter(alg="ES256").delete()  # and nobody tells this process
    assert Client().get("/oidc/jwks", headers={"If-None-Match": tag}).status_code == 304
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 30)
    answer = Client().get("/oidc/jwks", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert {key["alg"] for key in answer.json()["keys"]} == {"RS256"}


def test_row_26_second_rotation_waits_for_the_first(signing_keys: None) -> None:
    run("rotate_signing_key", "--alg", "ES256")
    with pytest.raises(CommandError):
        run("rotate_signing_key", "--alg", "ES256")


def test_row_26_beat_makes_and_rotates_keys_by_itself(db: None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = maintain_signing_keys(actor=SYSTEM, now=now)
    assert {key.alg for key in made} == {"RS256", "ES256"}
    assert maintain_signing_keys(actor=SYSTEM, now=now) == []
    old = now + LIFETIME
    assert {key.alg for key in maintain_signing_keys(actor=SYSTEM, now=old)} == {"RS256", "ES256"}
    assert maintain_signing_keys(actor=SYSTEM, now=old) == []


def test_row_26_leaked_key_vouches_for_nothing_and_the_next_one_signs(rp: RelyingParty) -> None:
    before = rp.get_tokens()["id_token"]
    leaked = jwt.get_unverified_header(before)["kid"]
    waiting = json.loads(run("rotate_signing_key", "--json"))["kid"]
    told = json.loads(run("revoke_signing_key", "--json", "--", leaked))
    assert told == {"revoked": leaked, "kid": waiting}
    assert leaked not in get_jwks()
    after = rp.get_tokens()["id_token"]
    assert jwt.get_unverified_header(after)["kid"] == waiting
    asked = rp.browser.get("/oidc/end-session", {"id_token_hint": before})
    assert 'id="logout-confirm"' in asked.content.decode()  # as without a hint
    with pytest.raises(CommandError):
        run("revoke_signing_key", "--", leaked)


def test_row_26_leaked_key_that_waits_leaves_no_gap_behind_it(signing_keys: None) -> None:
    [active] = SigningKey.objects.filter(alg="RS256")
    waiting = json.loads(run("rotate_signing_key", "--json"))["kid"]
    assert json.loads(run("revoke_signing_key", "--json", "--", waiting))["kid"] == active.kid
    assert waiting not in get_jwks()
    [follower] = SigningKey.objects.filter(alg="RS256").exclude(kid__in=[active.kid, waiting])
    active.refresh_from_db()
    assert active.retiring_from == follower.active_from
    assert follower.retiring_from == NEVER


def test_row_26_key_id_may_begin_with_a_hyphen(signing_keys: None) -> None:
    SigningKey.objects.filter(alg="RS256").update(kid="-starts-like-an-option")
    run("revoke_signing_key", "--", "-starts-like-an-option")
    assert "-starts-like-an-option" not in get_jwks()


def test_row_26_only_key_that_leaked_is_replaced_at_once(rp: RelyingParty) -> None:
    [only] = SigningKey.objects.filter(alg="RS256")
    new = json.loads(run("revoke_signing_key", "--json", "--", only.kid))["kid"]
    assert jwt.get_unverified_header(rp.get_tokens()["id_token"])["kid"] == new != only.kid


def test_row_26_request_that_began_before_the_first_key_signs_with_it(db: None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ensure_signing_keys(now=now)
    earlier = now - timedelta(seconds=2)
    ensure_signing_keys(now=earlier)
    assert get_signer("RS256", now=earlier).kid == get_signer("RS256", now=now).kid
    assert SigningKey.objects.count() == 2


def test_row_43_kid_is_the_thumbprint(signing_keys: None) -> None:
    for kid, key in get_jwks().items():
        assert kid == thumbprint(key)
        assert not {"d", "p", "q", "k"} & set(key)
    row = SigningKey.objects.filter(alg="RS256").get()
    assert "PRIVATE" not in row.private_sealed
    assert row.kid != hashlib.md5(row.private_sealed.encode()).hexdigest()  # noqa: S324


def test_thumbprint_is_that_of_the_rfc() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("alg", Algorithm.values)
def test_row_44_clients_choose_among_safe_algorithms(make_rp: MakeRelyingParty, alg: str) -> None:
    rp = make_rp(id_token_alg=alg)
    token = rp.get_tokens()["id_token"]
    assert jwt.get_unverified_header(token)["alg"] == alg
    assert rp.read_id_token(token)["azp"] == rp.client_id


def test_row_51_library_admin_is_gone() -> None:
    assert not {LibraryClient, Code, Token, RSAKey} & set(admin.site._registry)


@pytest.mark.parametrize(
    "uri",
    [
        "http://service.example/callback",
        "https://service.example/callback#fragment",
        "https://user@service.example/",
        "https:///callback",
        "javascript:alert(1)",
        "https://service.example/a b",
        "https://service.example:port/",
        "https://service.example/;x",
        "https://sérvice.example/",
        "myapp://callback",
        "https://service.example/\r\nx",
        "",
    ],
)
def test_row_51_unsafe_addresses_can_not_be_registered(uri: str) -> None:
    with pytest.raises(RedirectUriError):
        check_client_uri(uri)


@pytest.mark.parametrize(
    "uri", ["https://service.example/callback?x=1", "http://localhost:8002/cb", "http://[::1]/cb"]
)
def test_row_51_safe_addresses_can_be_registered(uri: str) -> None:
    check_client_uri(uri)


def test_row_57_library_makes_no_migration_of_its_own(db: None) -> None:
    try:
        run("makemigrations", "oidc_provider", "--check", "--dry-run")
    except (SystemExit, SystemCheckError):
        pytest.fail("django-oidc-provider's tables differ from its migrations")


def test_register_client_prints_json_alone_and_the_secret_once(db: None) -> None:
    make_service()
    told = json.loads(
        run(
            "register_client", "--service", "bokforing", "--name", "Bokföring",
            "--redirect-uri", "https://b.example/cb", "https://b.example/cb2",
            "--redirect-uri", "http://localhost:9/cb",
            "--post-logout-redirect-uri", "https://b.example/out",
            "--backchannel-logout-uri", "https://b.example/back",
            "--json",
        )
    )  # fmt: skip
    client = ClientProfile.objects.get()
    assert told["client_id"] == client.client_id_text
    assert client.redirect_uris[2] == "http://localhost:9/cb"
    assert client.backchannel_logout_uri == "https://b.example/back"
    assert ClientSecret.objects.get().digest == digest(told["client_secret"])
    assert client.client.client_secret == ""
    assert Event.objects.get(action="client_app.created").data["service"] == "bokforing"
    assert set(SigningKey.objects.values_list("alg", flat=True)) == {"RS256", "ES256"}


def test_register_client_takes_keys_and_public_clients(
    db: None, tmp_path: Path, signing_keys: None
) -> None:
    make_service()
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [make_key_values("ES256")["public_jwk"]]}))
    base = ("register_client", "--service", "bokforing", "--name", "B", "--json",
            "--redirect-uri", "https://b.example/cb")  # fmt: skip
    told = json.loads(run(*base, "--auth-method", "private_key_jwt", "--jwks", str(jwks)))
    assert told["client_secret"] is None
    assert json.loads(run(*base, "--auth-method", "none"))["auth_method"] == "none"
    assert "client_secret" in run(*base[:5], *base[6:], "--no-require-pkce")
    for wrong in (
        ("--auth-method", "private_key_jwt"),
        ("--auth-method", "none", "--no-require-pkce"),
        ("--auth-method", "private_key_jwt", "--jwks", str(tmp_path / "missing")),
        ("--redirect-uri", "http://evil.example/"),
        ("--service", "unknown"),
    ):
        with pytest.raises(CommandError):
            run(*base, *wrong)


Facts = Callable[..., ClientFacts]


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"redirect_uris": []}, NoRedirectUriError),
        ({"auth_method": "private_key_jwt"}, ClientKeysError),
        (
            {"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "d": "x"}]}},
            ClientKeysError,
        ),
        ({"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct"}]}}, ClientKeysError),
        ({"auth_method": "none", "require_pkce": False}, PublicClientError),
        ({"profile": "fapi2"}, FapiClientError),
        (
            {
                "profile": "fapi2",
                "auth_method": "private_key_jwt",
                "jwks": {"keys": []},
                "id_token_alg": "RS256",
            },
            FapiAlgorithmError,
        ),
    ],
)
def test_register_client_refuses_what_is_unsafe(
    db: None, now: datetime, facts: dict[str, Any], error: type[Exception]
) -> None:
    full = {"name": "B", "redirect_uris": ["https://b.example/cb"], **facts}
    with pytest.raises(error):
        register_client(service=make_service(), facts=ClientFacts(**full), actor=SYSTEM, now=now)
    assert not ClientProfile.objects.exists()


def test_register_client_refuses_a_weak_secret(db: None, now: datetime) -> None:
    facts = ClientFacts(name="B", redirect_uris=["https://b.example/cb"])
    with pytest.raises(WeakSecretError):
        register_client(service=make_service(), facts=facts, actor=SYSTEM, now=now, secret="short")


def test_two_secrets_hold_at_once_and_never_three(rp: RelyingParty) -> None:
    first = rp.secret
    now = datetime.now(UTC)
    second = renew_client_secret(client=rp.profile, actor=SYSTEM, now=now)
    third = renew_client_secret(
        client=rp.profile, actor=SYSTEM, now=now + timedelta(milliseconds=1)
    )
    expected = {first: 401, second: 200, third: 200}
    for secret, status in expected.items():
        rp.secret = secret
        assert rp.post("introspect", token="x").status_code == status
    with time_machine.travel(now + timedelta(days=15), tick=True):
        rp.secret = second
        assert rp.post("introspect", token="x").status_code == 401
    assert Event.objects.filter(action="client_app.secret_rotated").count() == 2


def test_client_without_secret_gets_none(make_rp: MakeRelyingParty, now: datetime) -> None:
    public = make_rp(auth_method=AuthMethod.NONE)
    assert public.secret == ""
    with pytest.raises(NoSecretError):
        renew_client_secret(client=public.profile, actor=SYSTEM, now=now)


def test_row_24_insecure_issuer_stops_the_start(settings: Settings) -> None:
    assert check_issuer(None) == []
    assert check_lifetimes(None) == []
    settings.OIDC_ISSUER = "http://konto.example/oidc"
    assert [error.id for error in check_issuer(None)] == ["oidc.E002"]
    settings.OIDC_ISSUER = "https:///oidc"
    assert [error.id for error in check_issuer(None)] == ["oidc.E001"]
    settings.OIDC_CODE_EXPIRE = 600
    assert [error.id for error in check_lifetimes(None)] == ["oidc.E003"]


def test_service_row_is_what_a_client_belongs_to(rp: RelyingParty) -> None:
    assert Service.objects.get().clients.get() == rp.profile
