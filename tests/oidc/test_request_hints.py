"""What a request asks of the person and of the pages on the way: claims, hints, languages."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import User
from companies.models import Company
from oidc.models import Grant
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import RelyingParty, read_answer


def ask(**places: object) -> str:
    return json.dumps(places)


def test_row_30_claims_are_given_where_they_are_asked_for(
    rp: RelyingParty, bob: User, acme: Company
) -> None:
    asked = ask(
        userinfo={"name": {"essential": True}, "orgno": None, "shoe_size": None},
        id_token={"email": None, "email_verified": None, "customer_id": {"essential": False}},
        other={"x": None},
    )
    body = rp.get_tokens(scope="openid", claims=asked)

    claims = rp.read_id_token(body["id_token"])
    assert claims["email"] == bob.email
    assert claims["email_verified"] is True
    assert claims["customer_id"] == str(acme.pk)
    assert {"name", "orgno", "shoe_size"}.isdisjoint(claims)
    info = rp.userinfo(body["access_token"]).json()
    assert (info["name"], info["orgno"]) == ("Bob Berg", "5560160680")
    assert {"email", "customer_id", "shoe_size"}.isdisjoint(info)


def test_row_30_claims_stay_within_what_the_client_may_have(make_rp: MakeRelyingParty) -> None:
    rp = make_rp(scopes=["openid"])
    body = rp.get_tokens(scope="openid", claims=ask(id_token={"email": None, "name": None}))
    assert {"email", "name"}.isdisjoint(rp.read_id_token(body["id_token"]))


def test_row_30_claims_are_consented_to(rp: RelyingParty) -> None:
    service = rp.profile.service
    service.is_first_party = False
    service.save()
    page = rp.authorize(scope="openid", claims=ask(userinfo={"email": None}))
    assert len(page.context["scopes"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "1", '"x"', '{"userinfo": []}', '{"id_token": {"acr": 1}}',
        '{"id_token": {"acr": {"values": 1}}}', '{"id_token": {"acr": {"values": [1]}}}',
        '{"id_token": {"name": {"essential": "yes"}}}', '{"id_token": {"sub": {"value": 1}}}',
        '{"id_token": {"sub": {"values": ["a", "b"]}}}', "[" * 7000,
    ],
)  # fmt: skip
def test_row_30_malformed_claims_are_refused(rp: RelyingParty, text: str) -> None:
    assert read_answer(rp.authorize(claims=text))["error"] == "invalid_request"
    assert not Grant.objects.exists()


def test_row_30_claims_name_the_person_who_is_meant(rp: RelyingParty, bob: User) -> None:
    mine, other = (ask(id_token={"sub": {"value": str(s)}}) for s in (bob.sub, bob.pk))
    assert "code" in read_answer(rp.authorize(claims=mine, prompt="none"))
    assert read_answer(rp.authorize(claims=other, prompt="none"))["error"] == "login_required"
    assert not rp.authorize(claims=other).context["may_stay"]


def test_row_30_login_hint_fills_in_the_address(rp: RelyingParty) -> None:
    rp.browser.logout()
    response = rp.authorize(login_hint="bob@exempel.se")
    asked = parse_qs(urlsplit(response.headers["Location"]).query)
    assert asked["login"] == ["bob@exempel.se"]
    page = rp.browser.get(response.headers["Location"])
    assert 'value="bob@exempel.se"' in page.content.decode()

    for hint in ("sms:+46701234567", '"><script>', "x" * 400 + "@exempel.se"):
        assert "login=" not in rp.authorize(login_hint=hint).headers["Location"].split("&")[0]


@pytest.mark.parametrize(
    ("wish", "language"),
    [("de en-GB sv", "en"), ("sv-SE en", "sv"), ("xx", "sv"), ("x" * 900, "sv")],
)
def test_row_30_ui_locales_choose_the_language_of_the_pages(
    rp: RelyingParty, wish: str, language: str
) -> None:
    page = rp.authorize(prompt="consent", ui_locales=wish, display="popup")
    assert page.headers["Content-Language"] == language
    denied = rp.browser.post("/oidc/authorize/search", {"pending": page.context["pending"]})
    assert denied.headers["Content-Language"] == language

    rp.browser.logout()
    way = rp.authorize(ui_locales=wish).headers["Location"]
    assert rp.browser.get(way).headers["Content-Language"] == language
    assert rp.browser.get("/login/").headers["Content-Language"] == "sv"


def test_prompt_create_explains_and_goes_on(rp: RelyingParty, bob: User) -> None:
    page = rp.authorize(prompt="create")
    assert read_answer_of(page.context["back_url"])["error"] == "access_denied"
    assert not page.context["is_invited"]
    assert "code" in read_answer(rp.browser.get(page.context["next_url"]))

    rp.browser.logout()
    page = rp.authorize(prompt="create")
    onward = rp.browser.get(page.context["next_url"])
    assert onward.headers["Location"].startswith("/login/?")


def read_answer_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_prompt_create_does_not_go_with_none(rp: RelyingParty, client: Client) -> None:
    assert read_answer(rp.authorize(prompt="none create"))["error"] == "invalid_request"
