"""The early way of an authorization request: the same as the long way, or not taken (ADR 12)."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth import HASH_SESSION_KEY
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone

from accounts.models import Session, User
from auditlog.models import Event
from companies.models import Company, Role
from oidc.models import Grant
from services.models import Seat, Service
from tests.factories.companies import join_company
from tests.oidc.relying_party import RelyingParty, read_answer
from tests.oidc.test_par import push, visit

EARLY = "oidc.middleware.EndpointMiddleware"
Ask = Callable[..., Any]


@pytest.fixture(params=["early", "long"])
def ask(request: pytest.FixtureRequest, rp: RelyingParty, settings: Any) -> Ask:
    """Ask for a code with a browser that says who it is, with the early way there or not."""
    if request.param == "long":
        settings.MIDDLEWARE = [name for name in configured.MIDDLEWARE if name != EARLY]

    def send(**changes: str | None) -> Any:
        browser = Client(headers={"User-Agent": "Lynx", "X-Request-ID": "a-request-of-ours"})
        browser.cookies = rp.browser.cookies
        return browser.get("/oidc/authorize", rp.ask(**changes))

    return send


def test_answer_is_the_same(
    ask: Ask, rp: RelyingParty, bob: User, acme: Company, caplog: pytest.LogCaptureFixture
) -> None:
    response = ask()

    answer = read_answer(response)
    assert set(answer) == {"code", "state", "iss"}
    assert response.status_code == 302
    assert response.headers["Cache-Control"] == "no-store"
    assert "Cookie" in response.headers["Vary"]
    assert response.headers["Content-Length"] == "0"
    assert response.headers["X-Request-ID"] == "a-request-of-ours"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert not response.cookies

    event = Event.objects.get(action="authorization.granted")
    assert (event.actor_kind, event.actor_id) == ("person", str(bob.pk))
    assert (event.company_id, event.request_id) == (acme.pk, "a-request-of-ours")
    assert (event.personal.ip, event.personal.user_agent) == ("127.0.0.1", "Lynx")
    assert event.personal.actor_label == "Bob Berg"

    [line] = [each.msg for each in caplog.records if "request_finished" in str(each.msg)]
    assert isinstance(line, dict)
    assert line["request"] == "GET /oidc/authorize"
    assert (line["code"], line["user_agent"]) == (302, "Lynx")
    assert (line["user_id"], line["request_id"]) == (str(bob.pk), "a-request-of-ours")
    assert line["logger"] == "django_structlog.middlewares.request"
    assert answer["code"] not in json.dumps(line)

    claims = rp.read_id_token(rp.redeem(answer["code"]).json()["id_token"])
    assert (claims["sub"], claims["company"]["id"]) == (str(bob.sub), str(acme.pk))


def test_named_company_is_the_same(ask: Ask, bob: User, acme: Company, other: Company) -> None:
    join_company(other, bob, Role.MEMBER)

    assert ask().status_code == 200  # which company?
    assert "code" in read_answer(ask(company=str(acme.pk)))
    assert "code" in read_answer(ask(scope=f"openid company:{acme.org_number}"))
    assert Grant.objects.filter(company=acme).count() == Grant.objects.count() == 2


def test_refusals_are_the_same(ask: Ask, bobs_seat: Seat, acme: Company) -> None:
    assert read_answer(ask(prompt="login none"))["error"] == "invalid_request"
    assert ask(redirect_uri="https://evil.example/").status_code == 400
    assert ask(client_id="nobody").status_code == 400
    assert ask(client_id="a\0b").status_code == 400
    Seat.objects.filter(pk=bobs_seat.pk).update(valid_until=timezone.now())
    assert ask().status_code == 403
    assert read_answer(ask(prompt="none"))["error"] == "access_denied"
    # One event for each refusal: the early way wrote nothing of its own.
    assert Event.objects.filter(action="authorization.denied").count() == 2
    assert not Grant.objects.exists()


def test_pages_are_the_same(ask: Ask) -> None:
    for changes in ({"prompt": "select_account"}, {"prompt": "consent"}, {"prompt": "create"}):
        page = ask(**changes)
        assert page.status_code == 200
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "/account/confirm/" in ask(prompt="login").headers["Location"]
    form = ask(response_mode="form_post")
    assert form.status_code == 200
    assert b'name="code"' in form.content
    assert Grant.objects.count() == 1


def test_session_that_is_over_is_asked_to_sign_in(ask: Ask, rp: RelyingParty) -> None:
    Session.objects.update(expire_date=timezone.now())

    assert "/login/" in ask().headers["Location"]
    assert read_answer(ask(prompt="none"))["error"] == "login_required"
    rp.browser.cookies["session"] = "\0'; --"
    assert "/login/" in ask().headers["Location"]
    assert not Grant.objects.exists()


@pytest.mark.parametrize("change", ["password", "is_active"])
def test_person_who_is_out_is_asked_to_sign_in(ask: Ask, bob: User, change: str) -> None:
    User.objects.filter(pk=bob.pk).update(**{change: "" if change == "password" else False})

    assert "/login/" in ask().headers["Location"]
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_auth_user_backend", "django.contrib.auth.backends.ModelBackend"),
        ("_auth_user_hash", ""),
        ("_auth_user_hash", "é"),
    ],
)
def test_session_of_another_kind_is_nobodys(
    ask: Ask, rp: RelyingParty, name: str, value: str
) -> None:
    change_session(rp, name, value)

    assert "/login/" in ask().headers["Location"]
    assert not Grant.objects.exists()


def test_session_of_somebody_else_than_its_row_says(
    rp: RelyingParty, bob: User, mallory: User
) -> None:
    """The early way trusts neither alone: what doesn't fit together is for the long way."""
    Session.objects.update(user=mallory)

    read_answer(rp.authorize())

    assert Grant.objects.get().user == bob  # as Django's check says, by what is signed
    assert try_early(rp) is None


def test_session_under_an_earlier_secret_is_renewed(
    rp: RelyingParty, bob: User, settings: Any
) -> None:
    settings.SECRET_KEY_FALLBACKS = [configured.SECRET_KEY]
    settings.SECRET_KEY = "the next one"
    key = rp.browser.cookies["session"].value

    response = rp.authorize()

    assert "code" in read_answer(response)
    assert response.cookies["session"].value != key
    assert Grant.objects.get().user == bob


def test_last_seen_stays_right(ask: Ask) -> None:
    now = timezone.now()
    Session.objects.update(seen_at=now - timedelta(minutes=4))
    ask()
    assert Session.objects.filter(seen_at__lt=now).exists()
    Session.objects.update(seen_at=now - timedelta(minutes=6))
    ask()
    assert Session.objects.filter(seen_at__gte=now).exists()


def test_foreign_host_is_refused(rp: RelyingParty, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    asked = rp.ask()

    response = rp.browser.get("/oidc/authorize", asked, headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert not Grant.objects.exists()


def test_pushed_request_is_answered_early_and_once(rp: RelyingParty) -> None:
    request_uri = push(rp)

    answer = read_answer(visit(rp, request_uri))

    assert rp.redeem(answer["code"]).status_code == 200
    assert visit(rp, request_uri).status_code == 400


def test_early_way_leaves_the_rest(rp: RelyingParty) -> None:
    """It answers what needs no page, and nothing else; what it leaves, it didn't touch."""
    response = try_early(rp)
    assert response is not None
    read_answer(response)
    Grant.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        assert try_early(rp, method="HEAD") is None
        assert try_early(rp, method="POST") is None
        assert try_early(rp, nonce="n" * 2000) is None
        assert try_early(rp, response_mode="form_post") is None
        assert try_early(rp, prompt="consent") is None
        Service.objects.update(is_first_party=False)
        assert try_early(rp) is None
    writes = [each["sql"] for each in queries if not each["sql"].startswith(("SELECT", "EXECUTE"))]
    assert [sql for sql in writes if '"services_service"' not in sql] == []
    assert not Grant.objects.exists()


def change_session(rp: RelyingParty, name: str, value: str) -> None:
    session = rp.browser.session
    session[name] = value
    session.save()
    assert name != HASH_SESSION_KEY or rp.browser.session[name] == value


def try_early(rp: RelyingParty, *, method: str = "GET", **changes: str | None) -> Any:
    """What the early way alone says to a request."""
    made = RequestFactory()
    made.cookies = rp.browser.cookies
    request: Any = made.generic(method, "/oidc/authorize", query_params=rp.ask(**changes))
    request.now, request.request_id = timezone.now(), "a-request-of-ours"
    view: Any = resolve("/oidc/authorize").func
    return view.at_once(request)
