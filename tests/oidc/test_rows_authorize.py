"""Rows of docs/oidc.md at the authorization endpoint; each fails on the bare library."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client
from oidc_provider.models import UserConsent

from accounts.models import Session, User
from auditlog.models import Event
from companies.models import Company
from oidc.models import Grant
from oidc.operations.clients import disable_client
from services.models import Seat, Service
from tests.accounts.pages import enrol, post_login
from tests.factories.companies import SYSTEM
from tests.oidc.conftest import MakeRelyingParty, make_key_values
from tests.oidc.relying_party import RelyingParty, basic, read_answer

LOGIN = "/login/"
CONFIRM = "/account/confirm/"


def follow_next(response: Any) -> str:
    """Where sign-in leads back to."""
    following: str = parse_qs(urlsplit(response.headers["Location"]).query)["next"][0]
    return following


def test_row_7_anonymous_and_broken_posts_are_answered_without_a_500(rp: RelyingParty) -> None:
    stranger = Client()
    for sent in ({**rp.ask(), "allow": "1"}, {"allow": "1"}, {"client_id": "x", "allow": "1"}):
        response = stranger.post("/oidc/authorize", sent)
        assert response.status_code == 303
        assert stranger.get(response.headers["Location"]).status_code in {302, 400}
    for path in ("company", "search", "keep", "switch", "allow", "deny", "back"):
        assert stranger.post(f"/oidc/authorize/{path}", {"pending": "x"}).status_code == 400
    assert not Grant.objects.exists()


def test_row_8_authorization_request_by_post_works_without_csrf_token(rp: RelyingParty) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = rp.browser.cookies
    response = browser.post("/oidc/authorize", rp.ask())
    assert response.status_code == 303
    assert "code" in read_answer(browser.get(response.headers["Location"]))


@pytest.mark.parametrize(
    "path",
    ["company", "search", "keep", "switch", "allow", "deny", "second-factor", "one-factor", "back"],
)
def test_row_8_answers_of_another_site_are_refused(rp: RelyingParty, path: str) -> None:
    Service.objects.update(is_first_party=False)
    pending = rp.authorize().context["pending"]
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = rp.browser.cookies
    answer = strict.post(f"/oidc/authorize/{path}", {"pending": pending})
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    assert not Grant.objects.exists()


def test_row_8_post_that_fits_no_address_is_refused(rp: RelyingParty) -> None:
    for path in ("authorize", "end-session"):
        assert rp.browser.post(f"/oidc/{path}", {"state": "x" * 20_000}).status_code == 400


def test_row_9_post_can_not_walk_around_the_access_decision(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    Service.objects.update(is_first_party=False)
    pending = rp.authorize().context["pending"]
    rp.browser.post("/oidc/authorize/company", {"pending": pending, "company": ""})
    Seat.objects.all().delete()
    answer = rp.browser.post("/oidc/authorize/allow", {"pending": pending, "allow": "1"})

    assert answer.status_code == 403
    assert not Grant.objects.exists()


def test_row_9_post_can_not_walk_around_max_age(rp: RelyingParty) -> None:
    Service.objects.update(is_first_party=False)
    pending = rp.authorize(max_age="100").context["pending"]
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=200)):
        answer = rp.browser.post("/oidc/authorize/allow", {"pending": pending})
    assert answer.headers["Location"].startswith(CONFIRM)
    assert not Grant.objects.exists()


def test_row_14_prompt_login_ends_no_session_and_asks_for_a_proof_given_since(
    rp: RelyingParty, bob: User
) -> None:
    response = rp.authorize(prompt="login")
    assert response.headers["Location"].startswith(CONFIRM)
    assert rp.browser.session.get("_auth_user_id") == str(bob.pk)
    following = follow_next(response)
    again = rp.browser.get(following)
    if again.headers["Location"].startswith(CONFIRM):  # signed in in an earlier second
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=2), tick=True):
            rp.browser.force_login(bob, "accounts.adapter.SignInBackend")
            again = rp.browser.get(following)
    assert "code" in read_answer(again)


def test_row_14_mark_of_a_fresh_proof_holds_for_its_own_request_only(rp: RelyingParty) -> None:
    following = follow_next(rp.authorize(prompt="login"))
    marks = parse_qs(urlsplit(following).query)["vop_after"]
    for mark in (marks[0], "forged", "1:x:y"):
        with time_machine.travel(datetime.now(UTC) - timedelta(hours=1)):
            response = rp.authorize(prompt="login", vop_after=mark)
        assert response.headers["Location"].startswith(CONFIRM)


def test_row_15_auth_time_is_this_sessions(rp: RelyingParty, bob: User) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    with time_machine.travel(soon, tick=True):
        other_browser = Client()
        other_browser.force_login(bob, "accounts.adapter.SignInBackend")
        asked_again = rp.authorize(max_age="60")
        answer = read_answer(rp.authorize())
        claims = rp.read_id_token(rp.redeem(answer["code"]).json()["id_token"])
    assert asked_again.headers["Location"].startswith(CONFIRM)
    assert claims["auth_time"] < soon.timestamp() - 7000


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"prompt": "none", "max_age": "0"}, "login_required"),
        ({"prompt": "none", "scope": "openid", "company": "no"}, "invalid_request"),
    ],
)
def test_row_17_prompt_none_never_shows_a_page(
    rp: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5)):
        assert read_answer(rp.authorize(**changes))["error"] == error
    assert rp.browser.session.get("_auth_user_id")


def test_row_17_prompt_none_says_which_page_it_would_have_taken(
    rp: RelyingParty, acme: Company
) -> None:
    assert "code" in read_answer(rp.authorize(prompt="none"))
    Service.objects.update(is_first_party=False)
    assert read_answer(rp.authorize(prompt="none"))["error"] == "consent_required"
    Seat.objects.all().delete()
    assert read_answer(rp.authorize(prompt="none"))["error"] == "access_denied"
    rp.browser.logout()
    assert read_answer(rp.authorize(prompt="none"))["error"] == "login_required"


def test_row_18_select_account_and_max_age_zero_do_not_loop(rp: RelyingParty, bob: User) -> None:
    page = rp.authorize(prompt="select_account")
    assert page.status_code == 200
    answer = rp.browser.post("/oidc/authorize/keep", {"pending": page.context["pending"]})
    assert "code" in read_answer(answer)

    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=60), tick=True):
        following = follow_next(rp.authorize(max_age="0"))
        rp.browser.force_login(bob, "accounts.adapter.SignInBackend")
        time.sleep(1.1)
        assert "code" in read_answer(rp.browser.get(following))


def test_row_18_other_account_signs_out_and_asks_to_sign_in(rp: RelyingParty) -> None:
    page = rp.authorize(prompt="select_account")
    answer = rp.browser.post("/oidc/authorize/switch", {"pending": page.context["pending"]})
    assert answer.headers["Location"].startswith(LOGIN)
    assert "_auth_user_id" not in rp.browser.session


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 42 + "="},
    ],
)
def test_row_19_pkce_is_required_and_s256(rp: RelyingParty, changes: dict[str, str | None]) -> None:
    assert read_answer(rp.authorize(**changes))["error"] == "invalid_request"


def test_row_19_method_without_a_challenge_is_refused(make_rp: MakeRelyingParty) -> None:
    """Half of PKCE is a mistake or an attack, also where none is required."""
    plain = make_rp(require_pkce=False)
    answer = read_answer(plain.authorize(code_challenge=None))
    assert answer["error"] == "invalid_request"
    bare = read_answer(plain.authorize(code_challenge=None, code_challenge_method=None))
    assert plain.redeem(bare["code"]).status_code == 400
    assert plain.redeem(bare["code"], code_verifier=None).status_code == 200


def test_row_19_public_client_needs_pkce(make_rp: MakeRelyingParty) -> None:
    public = make_rp(auth_method="none")
    response = public.authorize(code_challenge=None, code_challenge_method=None)
    assert read_answer(response)["error"] == "invalid_request"
    assert public.redeem(public.get_code()).status_code == 200


@pytest.mark.parametrize("response_type", ["token", "id_token", "code token", "code id_token", "x"])
@pytest.mark.parametrize("scope", ["openid", "profile"])
def test_row_22_only_code_is_a_response_type(
    rp: RelyingParty, response_type: str, scope: str
) -> None:
    response = rp.authorize(response_type=response_type, scope=scope)
    assert read_answer(response)["error"] == "unsupported_response_type"
    missing = rp.authorize(response_type=None)
    assert read_answer(missing)["error"] == "invalid_request"


def test_row_23_scopes_are_the_clients_own_and_told(make_rp: MakeRelyingParty) -> None:
    narrow = make_rp(scopes=["openid"])
    body = narrow.get_tokens(scope="openid email admin:everything token_introspection")
    assert body["scope"] == "openid"
    assert "email" not in narrow.userinfo(body["access_token"]).json()
    assert read_answer(narrow.authorize(scope="admin"))["error"] == "invalid_scope"
    assert read_answer(narrow.authorize(scope=None))["error"] == "invalid_scope"


def test_row_23_consent_page_lists_every_scope(rp: RelyingParty) -> None:
    Service.objects.update(is_first_party=False)
    page = rp.authorize(scope="openid profile email offline_access")
    assert len(page.context["scopes"]) == 4
    html = page.content.decode()
    assert 'id="consent-allow"' in html
    assert 'id="consent-deny"' in html


def test_row_24_issuer_does_not_follow_the_host_header(rp: RelyingParty) -> None:
    evil = {"Host": "evil.example"}
    document = rp.service.get("/oidc/.well-known/openid-configuration", headers=evil).json()
    assert document["issuer"] == "http://localhost:8000/oidc"
    response = rp.browser.get("/oidc/authorize", rp.ask(), headers=evil)
    assert read_answer(response)["iss"] == "http://localhost:8000/oidc"


@pytest.mark.parametrize(
    "state", ["a&code=EVIL&iss=evil", "a\r\nSet-Cookie: x=1", "å 雪", "x" * 500]
)
def test_row_25_state_comes_back_as_it_was(rp: RelyingParty, state: str) -> None:
    for changes in ({}, {"response_type": "token"}):
        answer = read_answer(rp.authorize(state=state, **changes))
        assert answer["state"] == state
        assert answer["iss"] == "http://localhost:8000/oidc"
        assert answer.get("code") != "EVIL"


def test_row_25_query_of_the_redirect_uri_is_kept(make_rp: MakeRelyingParty) -> None:
    uri = "http://localhost:8002/callback?dummy1=lorem&dummy2=ipsum"
    rp = make_rp(redirect_uris=[uri])
    answer = read_answer(rp.authorize(redirect_uri=uri))
    assert answer["dummy1"] == "lorem"
    assert answer["code"]


@pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
def test_row_30_unsupported_parameters_are_refused_by_name(rp: RelyingParty, name: str) -> None:
    answer = read_answer(rp.authorize(**{name: "x"}))
    assert answer["error"] == f"{name}_not_supported"


def test_row_30_form_post_carries_every_answer(rp: RelyingParty) -> None:
    page = rp.authorize(response_mode="form_post")
    assert page.status_code == 200
    assert set(page.context["parameters"]) == {"code", "iss", "state"}
    assert "http://localhost:8002" in page.headers["Content-Security-Policy"]
    refused = rp.authorize(response_mode="form_post", response_type="token")
    assert refused.context["parameters"]["error"] == "unsupported_response_type"
    assert read_answer(rp.authorize(response_mode="fragment"))["error"] == "invalid_request"


def test_row_30_id_token_hint_of_somebody_else_gives_no_code(rp: RelyingParty, alice: User) -> None:
    mine = rp.get_tokens()["id_token"]
    assert "code" in read_answer(rp.authorize(prompt="none", id_token_hint=mine))
    rp.browser.force_login(alice, "accounts.adapter.SignInBackend")
    answer = read_answer(rp.authorize(prompt="none", id_token_hint=mine))
    assert answer["error"] == "login_required"
    page = rp.authorize(id_token_hint=mine)
    assert page.status_code == 200
    assert not page.context["may_stay"]
    for forged in ("garbage", jwt.encode({"sub": "x"}, "k" * 32, algorithm="HS256")):
        answer = read_answer(rp.authorize(id_token_hint=forged))
        assert answer["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "bogus"}, {"prompt": "none login"}, {"max_age": "abc"}, {"max_age": "-5"}],
)
def test_row_31_nonsense_is_an_invalid_request(
    rp: RelyingParty, changes: dict[str, str | None]
) -> None:
    assert read_answer(rp.authorize(**changes))["error"] == "invalid_request"


def test_row_38_repeated_parameters_are_refused(rp: RelyingParty) -> None:
    asked: dict[str, Any] = {**rp.ask(), "scope": ["openid", "openid email"]}
    assert read_answer(rp.browser.get("/oidc/authorize", asked))["error"] == "invalid_request"
    for name in ("client_id", "redirect_uri"):
        asked = {**rp.ask(), name: [rp.ask()[name], "http://evil.example/"]}
        assert rp.browser.get("/oidc/authorize", asked).status_code == 400


def test_row_40_long_nonce_is_returned_whole(rp: RelyingParty) -> None:
    nonce = "n" * 384
    claims = rp.read_id_token(rp.get_tokens(nonce=nonce)["id_token"])
    assert claims["nonce"] == nonce
    assert read_answer(rp.authorize(nonce="n" * 1001))["error"] == "invalid_request"
    assert read_answer(rp.authorize(nonce="a\0b"))["error"] == "invalid_request"


def test_row_47_answer_carries_iss_and_state_only_when_sent(rp: RelyingParty) -> None:
    assert set(read_answer(rp.authorize())) == {"code", "state", "iss"}
    assert set(read_answer(rp.authorize(state=None))) == {"code", "iss"}
    assert set(read_answer(rp.authorize(state=""))) == {"code", "iss"}


def test_row_48_public_client_of_our_own_needs_no_consent(make_rp: MakeRelyingParty) -> None:
    public = make_rp(auth_method="none")
    assert "code" in read_answer(public.authorize(prompt="none"))


def test_row_49_consent_is_merged(rp: RelyingParty, bob: User) -> None:
    Service.objects.update(is_first_party=False)
    for scope in ("openid profile email", "openid"):
        page = rp.authorize(scope=scope, prompt="consent")
        answer = rp.browser.post("/oidc/authorize/allow", {"pending": page.context["pending"]})
        assert "code" in read_answer(answer)
    assert set(UserConsent.objects.get(user=bob).scope) == {"openid", "profile", "email"}
    assert "code" in read_answer(rp.authorize(prompt="none", scope="openid email"))
    assert Event.objects.filter(action="consent.given").count() == 2


def test_row_49_consent_of_a_year_ago_is_asked_for_anew(rp: RelyingParty, bob: User) -> None:
    Service.objects.update(is_first_party=False)
    page = rp.authorize(scope="openid email")
    rp.browser.post("/oidc/authorize/allow", {"pending": page.context["pending"]})
    UserConsent.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert read_answer(rp.authorize(prompt="none", scope="openid"))["error"] == "consent_required"
    page = rp.authorize(scope="openid")
    rp.browser.post("/oidc/authorize/allow", {"pending": page.context["pending"]})
    # What was let in then isn't let in again unseen.
    assert set(UserConsent.objects.get(user=bob).scope) == {"openid"}


def test_row_49_refused_consent_goes_back_as_access_denied(rp: RelyingParty) -> None:
    Service.objects.update(is_first_party=False)
    page = rp.authorize()
    answer = rp.browser.post("/oidc/authorize/deny", {"pending": page.context["pending"]})
    assert read_answer(answer)["error"] == "access_denied"
    assert Event.objects.get(action="authorization.denied").data["reason"] == "consent_refused"
    assert not UserConsent.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "unknown"},
        {"client_id": "a\0b"},
        {"redirect_uri": None},
        {"redirect_uri": "http://localhost:8002/callback/"},
        {"redirect_uri": "http://localhost:8002/callback?x=1"},
        {"redirect_uri": "http://localhost:8003/callback"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://localhost:8002/callback#x"},
    ],
)
def test_row_52_untrusted_address_gets_a_page_and_never_a_redirect(
    rp: RelyingParty, changes: dict[str, str | None]
) -> None:
    for parameters in (changes, {**changes, "response_type": "token"}):
        response = rp.authorize(**parameters)
        assert response.status_code == 400
        assert "Location" not in response.headers
        assert "evil.example" not in response.headers["Content-Security-Policy"]


def test_row_52_pages_are_not_kept_and_lead_only_to_the_client(rp: RelyingParty) -> None:
    Service.objects.update(is_first_party=False)
    page = rp.authorize()
    assert "no-store" in page.headers["Cache-Control"]
    policy = page.headers["Content-Security-Policy"]
    assert "form-action 'self' http://localhost:8002;" in f"{policy};"
    assert "frame-ancestors 'none'" in policy


def test_native_client_may_use_any_loopback_port(make_rp: MakeRelyingParty) -> None:
    native = make_rp(auth_method="none", redirect_uris=["http://127.0.0.1/callback"])
    response = native.authorize(redirect_uri="http://127.0.0.1:51004/callback")
    assert response.headers["Location"].startswith("http://127.0.0.1:51004/callback?")
    web = make_rp(redirect_uris=["http://127.0.0.1/callback"])
    assert web.authorize(redirect_uri="http://127.0.0.1:51004/callback").status_code == 400
    for uri in ("http://127.0.0.1:1/other", "http://127.0.0.1:9@evil.example/callback"):
        assert native.authorize(redirect_uri=uri).status_code == 400


def test_fapi_client_is_refused_without_a_pushed_request(
    make_rp: MakeRelyingParty,
) -> None:
    jwk = make_key_values("ES256")["public_jwk"]
    fapi = make_rp(profile="fapi2", auth_method="private_key_jwt", jwks={"keys": [jwk]})
    assert read_answer(fapi.authorize())["error"] == "invalid_request"


def test_disabled_client_is_unknown(rp: RelyingParty) -> None:
    code = rp.get_code()
    disable_client(client=rp.profile, actor=SYSTEM, now=datetime.now(UTC))
    assert rp.authorize().status_code == 400
    assert rp.redeem(code).status_code == 401
    assert Grant.objects.get().revoked_reason == "client_disabled"


def test_sign_in_page_may_submit_on_to_the_asking_client(rp: RelyingParty) -> None:
    rp.browser.logout()
    page = rp.browser.get(rp.authorize().headers["Location"])
    assert page.status_code == 200
    assert "http://localhost:8002" in page.headers["Content-Security-Policy"]
    plain = Client().get("/login/")
    assert "http://localhost:8002" not in plain.headers["Content-Security-Policy"]
    evil = Client().get("/login/?next=/oidc/authorize%3Fclient_id%3Dx%26redirect_uri%3Dhttp://evil")
    assert "evil" not in evil.headers["Content-Security-Policy"]


def test_basic_helper_encodes_as_the_rfc_says() -> None:
    assert basic("a:b", "c d") == "Basic YSUzQWI6Yytk"


@pytest.mark.parametrize("step", ["/login/code/", "/login/verify/"])
def test_later_step_of_a_sign_in_may_submit_on_to_the_asking_client(
    rp: RelyingParty, bob: User, step: str
) -> None:
    """Their addresses don't say where the sign-in leads; the form with a fault has to know too."""
    rp.browser.logout()
    if step == "/login/code/":
        enrol(bob)
    else:
        EmailAddress.objects.filter(user=bob).update(verified=False)
    following = follow_next(rp.authorize())

    asked = post_login(rp.browser, bob.email, next=following)
    assert asked.headers["Location"] == step
    for page in (rp.browser.get(step), rp.browser.post(step, {"code": "000000"})):
        assert page.status_code in {200, 422}
        assert "form-action 'self' http://localhost:8002;" in _policy_of(page)


def test_sign_in_under_way_to_nowhere_trusts_no_address(rp: RelyingParty, bob: User) -> None:
    rp.browser.logout()
    enrol(bob)
    wanted = "/oidc/authorize?client_id=x&redirect_uri=https://evil.example/"

    assert post_login(rp.browser, bob.email, next=wanted).headers["Location"] == "/login/code/"
    assert "form-action 'self';" in _policy_of(rp.browser.get("/login/code/"))


def test_asking_to_sign_in_keeps_nothing_for_a_stranger(rp: RelyingParty) -> None:
    rp.browser.logout()
    rp.browser.cookies.clear()

    page = rp.browser.get(rp.authorize().headers["Location"])
    assert page.status_code == 200
    assert settings.SESSION_COOKIE_NAME not in rp.browser.cookies
    assert not Session.objects.exists()


def _policy_of(page: Any) -> str:
    return f"{page.headers['Content-Security-Policy']};"
