"""Rows of docs/oidc.md at token, userinfo, introspection and revocation."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.operations import deactivate_person
from auditlog.models import Event
from companies.models import Membership
from oidc.models import AccessToken, ClientSecret, Grant, RefreshToken
from oidc.operations.housekeeping import purge_expired
from services.models import Entitlement, Seat, Service
from services.operations import release_seat
from tests.factories.accounts import PASSWORD
from tests.factories.companies import SYSTEM
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import CALLBACK, FORM, RelyingParty, basic

OFFLINE = "openid profile email offline_access"


def later(**by: float) -> datetime:
    return datetime.now(UTC) + timedelta(**by)


def test_row_1_code_is_bound_to_its_redirect_uri(make_rp: MakeRelyingParty) -> None:
    other = "http://localhost:8002/other"
    rp = make_rp(redirect_uris=[CALLBACK, other])
    code = rp.get_code()
    response = rp.redeem(code, redirect_uri=other)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert rp.redeem(code, redirect_uri=None).json()["error"] == "invalid_request"
    assert rp.redeem(code).status_code == 200


def test_row_2_replayed_code_revokes_what_it_gave(rp: RelyingParty) -> None:
    code = rp.get_code(scope=OFFLINE)
    body = rp.redeem(code).json()
    assert rp.userinfo(body["access_token"]).status_code == 200

    replay = rp.redeem(code)
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    assert rp.userinfo(body["access_token"]).status_code == 401
    assert rp.refresh(body["refresh_token"]).json()["error"] == "invalid_grant"
    grant = Grant.objects.get()
    assert grant.revoked_reason == "code_reused"
    assert Event.objects.get(action="token.reuse_detected").data["reason"] == "code_reused"


def test_row_4_refresh_tokens_end_by_idleness_and_for_good(rp: RelyingParty) -> None:
    token = rp.get_tokens(scope=OFFLINE)["refresh_token"]
    with time_machine.travel(later(days=29), tick=True):
        token = rp.refresh(token).json()["refresh_token"]
    with time_machine.travel(later(days=58), tick=True):
        token = rp.refresh(token).json()["refresh_token"]
    with time_machine.travel(later(days=87), tick=True):
        token = rp.refresh(token).json()["refresh_token"]
    with time_machine.travel(later(days=91), tick=True):
        assert rp.refresh(token).json()["error"] == "invalid_grant"


def test_row_4_refresh_token_unused_for_a_month_is_dead(rp: RelyingParty) -> None:
    token = rp.get_tokens(scope=OFFLINE)["refresh_token"]
    with time_machine.travel(later(days=31), tick=True):
        assert rp.refresh(token).json()["error"] == "invalid_grant"


def test_row_4_reused_refresh_token_revokes_the_family(rp: RelyingParty) -> None:
    first = rp.get_tokens(scope=OFFLINE)["refresh_token"]
    second = rp.refresh(first).json()
    with time_machine.travel(later(seconds=11), tick=True):
        assert rp.refresh(first).json()["error"] == "invalid_grant"
        assert rp.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
        assert rp.userinfo(second["access_token"]).status_code == 401
    assert Grant.objects.get().revoked_reason == "refresh_reused"
    assert Event.objects.filter(action="token.reuse_detected").count() == 1


def test_row_4_two_tabs_at_once_lose_nothing(rp: RelyingParty) -> None:
    first = rp.get_tokens(scope=OFFLINE)["refresh_token"]
    second = rp.refresh(first).json()["refresh_token"]
    assert rp.refresh(first).json()["error"] == "invalid_grant"
    assert rp.refresh(second).status_code == 200


def test_row_5_nothing_secret_stands_in_the_database(rp: RelyingParty) -> None:
    code = rp.get_code(scope=OFFLINE)
    body = rp.redeem(code).json()
    kept = " ".join(
        str(value)
        for model in (Grant, AccessToken, RefreshToken, ClientSecret)
        for row in model.objects.values()
        for value in row.values()
    )
    for secret in (code, body["access_token"], body["refresh_token"], rp.secret):
        assert secret not in kept
    assert rp.profile.client.client_secret == ""


def test_row_6_nothing_secret_stands_in_the_log(
    rp: RelyingParty, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        code = rp.get_code(scope=OFFLINE)
        body = rp.redeem(code).json()
        rp.redeem(code)
        rp.refresh(body["refresh_token"])
        wrong = {"Authorization": basic(rp.client_id, "w" * 40)}
        assert rp.post_plain("token", {"grant_type": "x"}, wrong).status_code == 401
        mixed_up = {"Authorization": basic(rp.secret, rp.client_id)}
        assert rp.post_plain("token", {"grant_type": "x"}, mixed_up).status_code == 401
        rp.userinfo(body["access_token"])
        rp.browser.get("/oidc/end-session", {"id_token_hint": body["id_token"]})
    assert "was not authenticated" in caplog.text
    assert "/oidc/token refused: invalid_grant It was used before." in caplog.text
    shown = (code, body["access_token"], body["refresh_token"], body["id_token"])
    for secret in (*shown, rp.secret, "w" * 40):
        assert secret not in caplog.text


ENDINGS = ["person", "seat", "membership", "entitlement", "service"]


def end_access(ending: str, bob: User, now: datetime) -> None:
    match ending:
        case "person":
            deactivate_person(user=bob, actor=SYSTEM, now=now)
        case "seat":
            release_seat(seat=Seat.objects.get(), actor=SYSTEM, now=now)
        case "membership":
            Membership.objects.filter(user=bob).update(valid_until=now)
        case "entitlement":
            Entitlement.objects.update(valid_until=now)
        case "service":
            Service.objects.update(is_active=False)


@pytest.mark.parametrize("ending", ENDINGS)
def test_row_10_lost_access_ends_code_tokens_and_refresh(
    rp: RelyingParty, bob: User, ending: str
) -> None:
    body = rp.get_tokens(scope=OFFLINE)
    code = rp.get_code()
    end_access(ending, bob, datetime.now(UTC))

    assert rp.userinfo(body["access_token"]).status_code == 401
    assert rp.post("introspect", token=body["access_token"]).json() == {"active": False}
    assert rp.redeem(code).json()["error"] == "invalid_grant"
    assert rp.refresh(body["refresh_token"]).json()["error"] == "invalid_grant"
    assert not Grant.objects.live().exists()


def test_row_10_ended_session_ends_its_grants(rp: RelyingParty) -> None:
    body = rp.get_tokens(scope=OFFLINE)
    rp.browser.logout()  # Django's own: the fact counts, not the page
    assert rp.userinfo(body["access_token"]).status_code == 401
    assert rp.refresh(body["refresh_token"]).json()["error"] == "invalid_grant"
    assert Grant.objects.get().revoked_reason == "session_ended"
    revoked = Event.objects.get(action="token.revoked")
    assert revoked.data["reason"] == "session_ended"


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_row_10_changed_password_ends_the_grants_of_other_sessions(
    rp: RelyingParty, bob: User, where: str
) -> None:
    tokens = rp.get_tokens(scope=OFFLINE)
    other = Client()
    other.force_login(bob, "accounts.adapter.SignInBackend")
    browser = rp.browser
    if where == "elsewhere":  # and the session that the grant came of has long run out
        browser = other
        rp.browser.session.delete()
    new = "en helt annan lösenfras"
    answer = browser.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": new, "password2": new, "password": new},
    )
    assert answer.status_code == 302, answer.content.decode()
    bob.refresh_from_db()
    assert bob.check_password(new)
    assert rp.refresh(tokens["refresh_token"]).status_code == (200 if where == "here" else 400)


def test_row_16_refreshed_id_token_keeps_who_and_when(rp: RelyingParty) -> None:
    body = rp.get_tokens(scope=OFFLINE)
    first = rp.read_id_token(body["id_token"])
    with time_machine.travel(later(minutes=30), tick=True):
        second = rp.read_id_token(rp.refresh(body["refresh_token"]).json()["id_token"])
    for name in ("iss", "sub", "aud", "auth_time", "sid", "amr", "company"):
        assert second[name] == first[name]
    assert second["iat"] > first["iat"]
    assert "nonce" not in second


@pytest.mark.parametrize("verifier", [None, "x", "y" * 43, "å" * 43, "a\x00" * 30])
def test_rows_19_and_20_verifier_must_fit(rp: RelyingParty, verifier: str | None) -> None:
    code = rp.get_code()
    response = rp.redeem(code, code_verifier=verifier)
    assert response.status_code == 400
    assert response.json()["error"] in {"invalid_grant", "invalid_request"}
    assert not AccessToken.objects.exists()


def test_row_19_verifier_without_challenge_is_a_downgrade(make_rp: MakeRelyingParty) -> None:
    rp = make_rp(require_pkce=False)
    code = rp.get_code(code_challenge=None, code_challenge_method=None)
    assert rp.redeem(code).json()["error"] == "invalid_grant"
    assert rp.redeem(code, code_verifier=None).status_code == 200


@pytest.mark.parametrize(
    ("grant_type", "error"),
    [
        ("client_credentials", "unauthorized_client"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("refresh_token", "unauthorized_client"),
    ],
)
def test_row_21_clients_have_only_their_grants(
    make_rp: MakeRelyingParty, grant_type: str, error: str
) -> None:
    for method in ("none", "client_secret_basic"):
        rp = make_rp(auth_method=method, grant_types=["authorization_code"])
        response = rp.post("token", grant_type=grant_type, refresh_token="x")
        assert (response.status_code, response.json()["error"]) == (400, error)


def test_row_27_refresh_token_only_with_offline_access_or_by_policy(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    assert "refresh_token" not in rp.get_tokens(scope="openid")
    assert "refresh_token" in rp.get_tokens(scope="openid offline_access")
    assert "refresh_token" in make_rp(refresh_policy="always").get_tokens(scope="openid")
    none = make_rp(grant_types=["authorization_code"])
    assert "refresh_token" not in none.get_tokens(scope=OFFLINE)


def test_row_28_narrower_refresh_does_not_narrow_the_grant(rp: RelyingParty) -> None:
    body = rp.get_tokens(scope=OFFLINE)
    narrow = rp.refresh(body["refresh_token"], scope="openid").json()
    assert narrow["scope"] == "openid"
    assert "email" not in rp.userinfo(narrow["access_token"]).json()
    wide = rp.refresh(narrow["refresh_token"], scope="openid email").json()
    assert wide["scope"] == "email openid"
    too_wide = rp.refresh(wide["refresh_token"], scope="openid admin")
    assert too_wide.json()["error"] == "invalid_scope"


def test_row_29_request_without_openid_gets_no_id_token(rp: RelyingParty) -> None:
    body = rp.get_tokens(scope="profile")
    assert "id_token" not in body
    refused = rp.userinfo(body["access_token"])
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_row_32_userinfo_takes_header_and_body_never_the_address(rp: RelyingParty) -> None:
    token = rp.get_tokens()["access_token"]
    assert rp.post_plain("userinfo", {"access_token": token}).status_code == 200
    header = {"Authorization": f"Bearer {token}"}
    assert rp.service.post("/oidc/userinfo", headers=header).status_code == 200
    assert rp.service.get("/oidc/userinfo", {"access_token": token}).status_code == 401
    twice = rp.post_plain("userinfo", {"access_token": token}, header)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")


def test_row_33_challenge_names_the_scheme(rp: RelyingParty) -> None:
    bare = rp.service.get("/oidc/userinfo")
    offered = 'Bearer realm="vop", DPoP realm="vop", algs="ES256 PS256 EdDSA"'
    assert (bare.status_code, bare.headers["WWW-Authenticate"]) == (401, offered)
    bad = rp.userinfo("unknown")
    assert bad.status_code == 401
    assert bad.headers["WWW-Authenticate"].startswith('Bearer realm="vop", error="invalid_token"')
    token = rp.get_tokens()["access_token"]
    odd = rp.service.get("/oidc/userinfo", headers={"Authorization": f"BEARER {token}"})
    assert odd.status_code == 200


def test_row_34_cors_is_for_client_origins_without_cookies(rp: RelyingParty) -> None:
    token = rp.get_tokens()["access_token"]
    for origin, allowed in (("http://localhost:8002", True), ("https://evil.example", False)):
        headers = {"Origin": origin, "Authorization": f"Bearer {token}"}
        for response in (
            rp.service.get("/oidc/userinfo", headers=headers),
            rp.service.options("/oidc/userinfo", headers={"Origin": origin}),
            rp.service.options("/oidc/token", headers={"Origin": origin}),
            rp.service.options("/oidc/par", headers={"Origin": origin}),
            rp.service.post("/oidc/token", content_type=FORM, headers={"Origin": origin}),
        ):
            assert response.headers.get("Access-Control-Allow-Origin") == (
                origin if allowed else None
            )
            assert "Access-Control-Allow-Credentials" not in response.headers
            assert "Origin" in response.headers["Vary"]


def test_row_36_failed_authentication_is_401_with_a_challenge(rp: RelyingParty) -> None:
    wrong = {"Authorization": basic(rp.client_id, "wrong")}
    response = rp.post_plain("token", {"grant_type": "authorization_code"}, wrong)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    for endpoint in ("token", "introspect", "revoke", "par"):
        nobody = rp.post_plain(endpoint, {"grant_type": "authorization_code"})
        assert nobody.status_code == 401
        assert nobody.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic \xc3\xa5",
        "Basic /////w==",
        "Basic bm8tY29sb24=",
        "Bearer abc",
        "Digest x",
    ],
)
def test_row_37_malformed_basic_is_an_invalid_client(rp: RelyingParty, header: str) -> None:
    response = rp.post_plain("token", {"grant_type": "x"}, {"Authorization": header})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_row_37_basic_follows_the_rfc(rp: RelyingParty, make_rp: MakeRelyingParty) -> None:
    secret = "colon:and space/and+plus%and-length-enough"
    odd = make_rp(client_id="urn:odd client", secret=secret)
    assert odd.redeem(odd.get_code()).status_code == 200
    lower = {"Authorization": basic(odd.client_id, secret).replace("Basic", "basic")}
    assert odd.post_plain("introspect", {"token": "x"}, lower).status_code == 200
    both = {"client_id": odd.client_id, "client_secret": secret, "token": "x"}
    assert odd.post_plain("introspect", both, lower).json()["error"] == "invalid_request"
    another = {"client_id": rp.client_id, "token": "x"}
    assert odd.post_plain("introspect", another, lower).status_code == 401


def test_row_37_only_the_registered_method_counts(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    as_post = {"client_id": rp.client_id, "client_secret": rp.secret, "token": "x"}
    assert rp.post_plain("introspect", as_post).status_code == 401
    post = make_rp(auth_method="client_secret_post")
    assert post.redeem(post.get_code()).status_code == 200
    header = {"Authorization": basic(post.client_id, post.secret)}
    assert post.post_plain("introspect", {"token": "x"}, header).status_code == 401
    public = make_rp(auth_method="none")
    with_secret = {"client_id": public.client_id, "client_secret": "any", "grant_type": "x"}
    assert public.post_plain("token", with_secret).status_code == 401
    without = {"client_id": rp.client_id, "grant_type": "authorization_code", "code": "x"}
    assert rp.post_plain("token", without).status_code == 401


@pytest.mark.parametrize("missing", ["grant_type", "code", "redirect_uri"])
def test_row_38_missing_parameter_is_an_invalid_request(rp: RelyingParty, missing: str) -> None:
    response = rp.redeem(rp.get_code(), **{missing: None})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_row_38_repeated_parameter_is_an_invalid_request(rp: RelyingParty) -> None:
    code = rp.get_code()
    body = f"grant_type=authorization_code&code={code}&code={code}&redirect_uri=x"
    headers = {"Authorization": basic(rp.client_id, rp.secret)}
    response = rp.service.post("/oidc/token", body, content_type=FORM, headers=headers)
    assert response.json()["error"] == "invalid_request"


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
def test_row_38_only_forms_are_read(rp: RelyingParty, content_type: str) -> None:
    response = rp.service.post("/oidc/token", "{}", content_type=content_type)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert rp.service.get("/oidc/token").status_code == 405


def test_row_39_nul_is_refused_everywhere(rp: RelyingParty) -> None:
    for endpoint, name in (
        ("token", "refresh_token"),
        ("introspect", "token"),
        ("revoke", "token"),
    ):
        response = rp.post(endpoint, grant_type="refresh_token", **{name: "a\0b"})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert rp.post_plain("userinfo", {"access_token": "a\0b"}).status_code == 400
    nul = {"Authorization": basic("a\0b", "c\0d")}
    assert rp.post_plain("token", {"grant_type": "x"}, nul).status_code == 401


def test_row_41_revocation_ends_a_token_for_its_own_client(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    body = rp.get_tokens(scope=OFFLINE)
    stranger = make_rp()
    assert stranger.post("revoke", token=body["refresh_token"]).status_code == 200
    assert rp.userinfo(body["access_token"]).status_code == 200
    assert rp.post("revoke", token="unknown").status_code == 200

    assert rp.post("revoke", token=body["access_token"]).status_code == 200
    assert rp.userinfo(body["access_token"]).status_code == 401
    newer = rp.refresh(body["refresh_token"]).json()
    assert rp.post("revoke", token=newer["refresh_token"]).status_code == 200
    assert rp.userinfo(newer["access_token"]).status_code == 401
    assert Grant.objects.get().revoked_reason == "by_client"


def test_row_42_introspection_tells_only_who_may_know(
    rp: RelyingParty, make_rp: MakeRelyingParty, bob: User
) -> None:
    body = rp.get_tokens(scope=OFFLINE)
    assert rp.post_plain("introspect", {"token": body["access_token"]}).status_code == 401
    public = make_rp(auth_method="none")
    assert public.post("introspect", token=body["access_token"]).status_code == 401

    told = rp.post("introspect", token=body["access_token"]).json()
    assert told["active"] is True
    assert told["sub"] == str(bob.sub)
    assert told["exp"] == int(AccessToken.objects.get().expires_at.timestamp())
    assert told["company"]["org_number"] == "5560160680"
    assert rp.post("introspect", token=body["refresh_token"]).json()["active"] is True
    assert rp.post("introspect", token="unknown").json() == {"active": False}
    same_service = make_rp()
    assert same_service.post("introspect", token=body["access_token"]).json()["active"] is True
    assert same_service.post("introspect", token=body["refresh_token"]).json()["active"] is False


def test_row_45_sub_is_not_the_row_id(rp: RelyingParty, bob: User) -> None:
    claims = rp.read_id_token(rp.get_tokens()["id_token"])
    assert claims["sub"] == str(bob.sub) != str(bob.pk)


def test_row_54_failures_are_throttled(rp: RelyingParty) -> None:
    wrong = {"Authorization": basic(rp.client_id, "wrong")}
    statuses = [rp.post_plain("token", {"grant_type": "x"}, wrong).status_code for _ in range(35)]
    assert statuses[:30] == [401] * 30
    assert statuses[30:] == [429] * 5
    assert rp.get_tokens()["access_token"]  # the honest are not locked out
    cache.clear()


def test_row_55_expired_rows_are_purged(rp: RelyingParty) -> None:
    rp.get_tokens(scope=OFFLINE)
    purge_expired(now=later(minutes=30))
    assert AccessToken.objects.count() == 1
    purge_expired(now=later(hours=2))
    assert AccessToken.objects.count() == 0
    assert Grant.objects.count() == 1
    purge_expired(now=later(days=200))
    assert Grant.objects.count() == RefreshToken.objects.count() == 0


def test_row_56_code_lives_a_minute(rp: RelyingParty) -> None:
    code = rp.get_code()
    with time_machine.travel(later(seconds=62), tick=True):
        assert rp.redeem(code).json()["error"] == "invalid_grant"


def test_row_58_code_of_another_client_is_refused_and_not_burnt(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    code = rp.get_code()
    thief = make_rp()
    assert thief.redeem(code, code_verifier=rp.verifier).json()["error"] == "invalid_grant"
    assert rp.redeem(code).status_code == 200


def test_access_token_ends_with_the_access(rp: RelyingParty) -> None:
    ends = later(minutes=3)
    Entitlement.objects.update(valid_until=ends)
    body = rp.get_tokens()
    assert 170 <= body["expires_in"] <= 180
    assert AccessToken.objects.get().expires_at == Entitlement.objects.get().valid_until


def test_customer_claims_are_a_clients_choice(rp: RelyingParty, make_rp: MakeRelyingParty) -> None:
    assert "orgno" not in rp.read_id_token(rp.get_tokens()["id_token"])
    compatible = make_rp(customer_claims=True)
    claims = compatible.read_id_token(compatible.get_tokens()["id_token"])
    assert claims["orgno"] == claims["customer_no"] == "5560160680"
    assert claims["customer_country_code"] == "SE"
