"""The way of a person into a service: authorize, token, userinfo."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from stdnum import luhn

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Role
from oidc.models import AccessToken, Grant, RefreshToken
from services.models import Seat, Service
from tests.factories.companies import join_company, make_company
from tests.factories.services import entitle, seat
from tests.oidc.relying_party import RelyingParty, read_answer
from vop.lib.crypto import digest


def test_sign_in_gives_tokens_bound_to_person_and_company(
    rp: RelyingParty, bob: User, acme: Company
) -> None:
    answer = read_answer(rp.authorize())
    assert answer["state"] == "the state"
    assert answer["iss"] == "http://localhost:8000/oidc"

    response = rp.redeem(answer["code"])
    assert response.status_code == 200, response.content
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json()
    assert body["token_type"] == "Bearer"
    assert body["scope"] == "email openid profile"
    assert 590 < body["expires_in"] <= 600
    assert "refresh_token" not in body

    claims = rp.read_id_token(body["id_token"])
    assert claims["sub"] == str(bob.sub)
    assert claims["azp"] == rp.client_id
    assert claims["nonce"] == "the nonce"
    assert claims["company"] == {
        "id": str(acme.pk),
        "org_number": "5560160680",
        "name": "Acme AB",
        "country": "SE",
    }
    assert claims["roles"] == ["user"]
    assert claims["via"] == "membership"
    assert claims["sid"]
    assert claims["auth_time"] <= claims["iat"]
    assert claims["amr"] is not None
    assert "email" not in claims

    info = rp.userinfo(body["access_token"]).json()
    assert info["sub"] == claims["sub"]
    assert info["company"] == claims["company"]
    assert info["name"] == "Bob Berg"
    assert info["email"] == "bob@exempel.se"
    assert info["email_verified"] is True


def test_sign_in_writes_row_and_events_together(rp: RelyingParty, bob: User, acme: Company) -> None:
    body = rp.get_tokens(scope="openid offline_access")

    grant = Grant.objects.get()
    assert (grant.user, grant.company, grant.client) == (bob, acme, rp.profile)
    assert grant.redeemed_at is not None
    granted = Event.objects.get(action="authorization.granted")
    assert granted.actor_id == str(bob.pk)
    assert granted.company_id == acme.pk
    assert granted.data["service"] == "bokforing"
    issued = Event.objects.get(action="token.issued")
    assert (issued.actor_kind, issued.actor_id) == ("client", rp.client_id)
    assert Event.objects.for_company(acme.pk).filter(pk=issued.pk).exists()
    assert AccessToken.objects.get().digest == digest(body["access_token"])
    assert RefreshToken.objects.get().digest == digest(body["refresh_token"])


def test_sign_in_asks_a_stranger_to_sign_in_first(rp: RelyingParty) -> None:
    rp.browser.logout()
    response = rp.authorize()

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=/oidc/authorize%3F")
    assert not Grant.objects.exists()


def test_sign_in_refuses_a_person_without_a_seat_and_says_whom_to_ask(
    rp: RelyingParty, alice: User, acme: Company
) -> None:
    Seat.objects.update(valid_until=Seat.objects.get().valid_from + timedelta(days=1))
    response = rp.authorize()

    assert response.status_code == 403
    assert "Alice Ek" in response.content.decode()
    assert not Grant.objects.exists()
    denied = Event.objects.get(action="authorization.denied")
    assert denied.outcome == "denied"
    assert denied.company_id == acme.pk
    assert denied.data["reason"] == "no_seat"

    back = rp.browser.post("/oidc/authorize/back", {"pending": response.context["pending"]})
    assert back.status_code == 303
    assert read_answer(back)["error"] == "access_denied"


def test_sign_in_refuses_a_company_that_the_person_is_not_in(
    rp: RelyingParty, other: Company
) -> None:
    response = rp.authorize(company=str(other.pk))

    assert response.status_code == 403
    assert "Other AB" not in response.content.decode()
    assert 'id="advice"' in response.content.decode()
    assert not Grant.objects.exists()


@pytest.fixture
def second_seat(other: Company, bob: User, bookkeeping: Service) -> Seat:
    """Bob in a second company, as administrator of the service."""
    membership = join_company(other, bob, Role.MEMBER)
    return seat(entitle(other, bookkeeping), membership, role="admin")


def test_picker_is_shown_to_a_person_in_several_companies(
    rp: RelyingParty, second_seat: Seat, acme: Company, other: Company
) -> None:
    page = rp.authorize()
    assert page.status_code == 200
    assert {company.pk for company in page.context["companies"]} == {acme.pk, other.pk}
    assert not page.context["has_search"]

    answer = rp.browser.post(
        "/oidc/authorize/company", {"pending": page.context["pending"], "company": str(other.pk)}
    )
    body = rp.redeem(read_answer(answer)["code"]).json()
    claims = rp.read_id_token(body["id_token"])
    assert claims["company"]["id"] == str(other.pk)
    assert claims["roles"] == ["admin"]


def test_picker_shows_the_company_used_last_first(
    rp: RelyingParty, second_seat: Seat, acme: Company, other: Company
) -> None:
    for last in (other, acme, other):
        rp.get_code(company=str(last.pk))
        assert rp.authorize().context["companies"][0] == last


def test_silent_request_gets_no_picker(rp: RelyingParty, second_seat: Seat, other: Company) -> None:
    answer = read_answer(rp.authorize(prompt="none"))
    assert answer["error"] == "interaction_required"
    assert "code" in read_answer(rp.authorize(prompt="none", company=str(other.pk)))


def test_picker_takes_no_company_of_others(rp: RelyingParty, second_seat: Seat) -> None:
    pending = rp.authorize().context["pending"]
    for company in (str(uuid.uuid4()), "", "x"):
        answer = rp.browser.post(
            "/oidc/authorize/company", {"pending": pending, "company": company}
        )
        assert answer.status_code in {400, 403}
    assert not Grant.objects.exists()


def test_picker_answer_is_bound_to_the_person_and_the_session(
    rp: RelyingParty, second_seat: Seat, acme: Company, bob: User, mallory: User
) -> None:
    pending = rp.authorize().context["pending"]
    answer = {"pending": pending, "company": str(acme.pk)}
    stranger = Client()
    stranger.force_login(mallory, backend="accounts.adapter.SignInBackend")

    assert stranger.post("/oidc/authorize/company", answer).status_code == 400
    assert Client().post("/oidc/authorize/company", answer).status_code == 400
    elsewhere = Client()
    elsewhere.force_login(bob, backend="accounts.adapter.SignInBackend")
    assert elsewhere.post("/oidc/authorize/company", answer).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = rp.browser.cookies
    assert strict.post("/oidc/authorize/company", answer).status_code == 403


@pytest.mark.parametrize("way", ["parameter", "scope"])
def test_company_of_the_request_needs_no_picker(
    rp: RelyingParty, second_seat: Seat, other: Company, way: str
) -> None:
    changes: dict[str, str | None] = {
        "parameter": {"company": str(other.pk)},
        "scope": {"scope": "openid company:556703-7485"},
    }[way]  # type: ignore[assignment]
    body = rp.get_tokens(**changes)

    assert rp.read_id_token(body["id_token"])["company"]["id"] == str(other.pk)


def test_two_requests_of_one_browser_never_mix_their_companies(
    rp: RelyingParty, second_seat: Seat, acme: Company, other: Company
) -> None:
    first, second = rp.authorize(), rp.authorize()
    for page, company in ((second, other), (first, acme)):
        rp.browser.post(
            "/oidc/authorize/company",
            {"pending": page.context["pending"], "company": str(company.pk)},
        )
    grants = list(Grant.objects.order_by("created_at"))
    assert [grant.company_id for grant in grants] == [other.pk, acme.pk]
    assert grants[0].sid != grants[1].sid
    assert grants[0].session_ref == grants[1].session_ref != ""


def test_picker_searches_from_ten_companies(
    rp: RelyingParty, bob: User, alice: User, bookkeeping: Service
) -> None:
    numbers = make_org_numbers(12)
    for number in numbers:
        join_company(
            make_company(name=f"Klient {number}", owner=alice, org_number=number), bob, Role.MEMBER
        )
    page = rp.authorize()
    assert page.context["has_search"]
    found = rp.browser.post(
        "/oidc/authorize/search", {"pending": page.context["pending"], "q": numbers[3]}
    )
    assert [company.org_number for company in found.context["companies"]] == [numbers[3]]


def make_org_numbers(count: int) -> list[str]:
    bodies = [f"5590000{n:02d}" for n in range(count)]
    return [body + luhn.calc_check_digit(body) for body in bodies]
