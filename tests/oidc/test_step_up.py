"""A second factor where one is demanded: asked for, set up, told truthfully, and not otherwise."""

import json
import re
import time
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from django.test import Client

from accounts.models import User
from accounts.queries import ACR_ONE_FACTOR, ACR_TWO_FACTORS
from auditlog.models import Event
from oidc.models import ClientProfile, Grant
from services.models import Seat
from tests.accounts.pages import code_of, enrol
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import Answer, RelyingParty, read_answer

ESSENTIAL = json.dumps({"id_token": {"acr": {"essential": True, "values": [ACR_TWO_FACTORS]}}})


def prove_password(browser: Client, user: User, *, second_factor_age: float | None = None) -> None:
    """What a sign-in through the form leaves in the session."""
    now = time.time()
    records = [{"method": "password", "at": now - 3600, "email": user.email}]
    if second_factor_age is not None:
        records.append({"method": "mfa", "at": now - second_factor_age, "type": "totp"})
    session = browser.session
    session["account_authentication_methods_user"] = str(user.pk)
    session["account_authentication_methods"] = records
    session.save()


def follow(response: Answer, page: str) -> str:
    """The request that a page of proof leads back to."""
    address = urlsplit(response.headers["Location"])
    assert (response.status_code, address.path) == (302, page)
    following: str = parse_qs(address.query)["next"][0]
    return following


def prove_by_code(rp: RelyingParty, response: Answer, app: pyotp.TOTP) -> Answer:
    following = follow(response, "/account/confirm/code/")
    done = rp.browser.post("/account/confirm/code/", {"code": code_of(app), "next": following})
    assert done.status_code == 302, done.content
    assert done.headers["Location"] == following
    return rp.browser.get(following)


def read_claims(rp: RelyingParty, response: Answer) -> dict[str, object]:
    body = rp.redeem(read_answer(response)["code"]).json()
    return rp.read_id_token(body["id_token"])


@pytest.fixture
def strict(make_rp: MakeRelyingParty, bob: User) -> RelyingParty:
    """A client that demands a second factor; bob showed his password an hour ago."""
    rp = make_rp(require_second_factor=True)
    prove_password(rp.browser, bob)
    return rp


def test_step_up_asks_for_the_code_and_goes_on(strict: RelyingParty, bob: User) -> None:
    app = enrol(bob)
    claims = read_claims(strict, prove_by_code(strict, strict.authorize(), app))

    assert claims["acr"] == ACR_TWO_FACTORS
    assert claims["amr"] == ["otp", "pwd", "mfa"]
    assert time.time() - claims["auth_time"] < 60  # type: ignore[operator]


def test_step_up_asks_nobody_else(rp: RelyingParty, strict: RelyingParty, bob: User) -> None:
    assert read_claims(rp, rp.authorize())["acr"] == ACR_ONE_FACTOR
    prove_password(strict.browser, bob, second_factor_age=3000)
    assert read_claims(strict, strict.authorize())["acr"] == ACR_TWO_FACTORS


@pytest.mark.parametrize("age", [600, 3000])
def test_step_up_asks_anew_when_the_proof_is_too_old(
    make_rp: MakeRelyingParty, bob: User, age: int
) -> None:
    rp = make_rp(require_second_factor=True, second_factor_max_age=age - 60)
    app = enrol(bob)
    prove_password(rp.browser, bob, second_factor_age=age)
    claims = read_claims(rp, prove_by_code(rp, rp.authorize(), app))

    assert claims["acr"] == ACR_TWO_FACTORS


def test_step_up_does_not_loop_when_every_proof_is_too_old(
    make_rp: MakeRelyingParty, bob: User
) -> None:
    rp = make_rp(require_second_factor=True, second_factor_max_age=0)
    app = enrol(bob)
    prove_password(rp.browser, bob)
    assert "code" in read_answer(prove_by_code(rp, rp.authorize(), app))


def test_step_up_leads_to_setting_one_up_and_back(strict: RelyingParty) -> None:
    page = strict.authorize()
    assert 'id="second-factor-begin"' in page.content.decode()
    assert not Grant.objects.exists()

    pending = {"pending": page.context["pending"]}
    begun = strict.browser.post("/oidc/authorize/second-factor", pending)
    assert begun.headers["Location"] == "/account/security/app/add/"
    prove_now(strict.browser)
    form = strict.browser.get("/account/security/app/add/")
    secret = form.context["form"].secret
    done = strict.browser.post(
        "/account/security/app/add/", {"code": code_of(pyotp.TOTP(secret))}, follow=True
    )
    found = re.search(
        r'href="([^"]+)"[^>]*id="continue"|id="continue"[^>]*href="([^"]+)"', done.content.decode()
    )
    assert found, done.content
    following = (found[1] or found[2]).replace("&amp;", "&")
    claims = read_claims(strict, strict.browser.get(following))
    assert (claims["acr"], claims["amr"]) == (ACR_TWO_FACTORS, ["otp", "pwd", "mfa"])


def prove_now(browser: Client) -> None:
    session = browser.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [{**records[0], "at": time.time()}]
    session.save()


def test_step_up_is_not_asked_of_who_may_not_in_anyway(strict: RelyingParty) -> None:
    Seat.objects.all().delete()
    page = strict.authorize()
    assert page.status_code == 403
    assert "second-factor-begin" not in page.content.decode()


def test_step_up_refused_tells_the_service(strict: RelyingParty) -> None:
    pending = {"pending": strict.authorize().context["pending"]}
    answer = strict.browser.post("/oidc/authorize/one-factor", pending)

    assert read_answer(answer)["error"] == "unmet_authentication_requirements"
    assert Event.objects.get(action="authorization.denied").data["reason"] == (
        "second_factor_refused"
    )
    assert strict.browser.post("/oidc/authorize/one-factor", {"pending": "x"}).status_code == 400
    assert strict.browser.post("/oidc/authorize/second-factor", {}).status_code == 400


@pytest.mark.parametrize(
    ("has_app", "error"), [(True, "login_required"), (False, "interaction_required")]
)
def test_step_up_shows_no_page_when_told_not_to(
    strict: RelyingParty, bob: User, *, has_app: bool, error: str
) -> None:
    if has_app:
        enrol(bob)
    assert read_answer(strict.authorize(prompt="none"))["error"] == error


def test_acr_values_are_a_wish(rp: RelyingParty, bob: User) -> None:
    prove_password(rp.browser, bob)
    wish = f"{ACR_TWO_FACTORS} {ACR_ONE_FACTOR}"
    assert read_claims(rp, rp.authorize(acr_values=wish))["acr"] == ACR_ONE_FACTOR

    app = enrol(bob)
    assert "code" in read_answer(rp.authorize(acr_values=wish, prompt="none"))
    claims = read_claims(rp, prove_by_code(rp, rp.authorize(acr_values=wish), app))
    assert claims["acr"] == ACR_TWO_FACTORS
    assert read_claims(rp, rp.authorize(acr_values=ACR_ONE_FACTOR))["acr"] == ACR_ONE_FACTOR
    assert "code" in read_answer(rp.authorize(acr_values="urn:mace:incommon:iap:silver"))


def test_essential_acr_must_be_met(rp: RelyingParty, bob: User) -> None:
    prove_password(rp.browser, bob)
    assert b"second-factor-begin" in rp.authorize(claims=ESSENTIAL).content
    app = enrol(bob)
    claims = read_claims(rp, prove_by_code(rp, rp.authorize(claims=ESSENTIAL), app))
    assert claims["acr"] == ACR_TWO_FACTORS

    unknown = ESSENTIAL.replace(ACR_TWO_FACTORS, "urn:unknown")
    answer = read_answer(rp.authorize(claims=unknown))
    assert answer["error"] == "unmet_authentication_requirements"


def test_a_code_alone_is_not_two_factors(strict: RelyingParty, bob: User) -> None:
    enrol(bob)
    session = strict.browser.session
    records = [{"method": "mfa", "at": time.time(), "type": "totp"}]
    session["account_authentication_methods"] = records
    session.save()
    assert follow(strict.authorize(), "/account/confirm/")


def test_discovery_names_what_can_be_asked(client: Client, signing_keys: None) -> None:
    found = client.get("/oidc/.well-known/openid-configuration").json()
    assert found["acr_values_supported"] == [ACR_TWO_FACTORS, ACR_ONE_FACTOR]
    assert found["claims_parameter_supported"] is True
    assert "create" in found["prompt_values_supported"]
    assert found["ui_locales_supported"] == ["sv", "en"]


def test_register_client_demands_a_second_factor(strict: RelyingParty) -> None:
    assert ClientProfile.objects.get(pk=strict.profile.pk).require_second_factor
