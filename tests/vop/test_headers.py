"""What every answer tells the browser to refuse."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from companies.models import Company
from tests.accounts.pages import post_login
from vop.middleware import PolicyMiddleware

POLICY = "Content-Security-Policy"
PAGES = ["/login/", "/password/reset/", "/account/", "/account/security/", "/nothing-here/"]


def read_policy(client: Client, path: str) -> dict[str, list[str]]:
    header = client.get(path)["Content-Security-Policy"]
    directives = (directive.split() for directive in header.split(";"))
    return {words[0]: words[1:] for words in directives if words}


@pytest.mark.parametrize("path", PAGES)
def test_pages_run_and_draw_only_what_we_serve(
    path: str, sign_in: Callable[[User], Client], alice: User
) -> None:
    policy = read_policy(sign_in(alice), path)

    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    assert "unsafe-inline" not in str(policy)


def test_policy_of_one_answer_stays_its_own(rf: RequestFactory) -> None:
    middleware = PolicyMiddleware(lambda _request: HttpResponse())

    def read(answer: HttpResponse) -> str:
        return str(middleware.process_response(rf.get("/"), answer).headers[POLICY])

    special = HttpResponse()
    vars(special)["_csp_update"] = {"form-action": ["https://service.example"]}
    plain = read(HttpResponse())

    assert "form-action 'self';" in f"{plain};"
    assert "form-action 'self' https://service.example" in read(special)
    assert read(HttpResponse(headers={POLICY: "other"})) == "other"
    assert read(HttpResponse()) == plain


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_no_inline_script_or_style(
    path: str, sign_in: Callable[[User], Client], alice: User
) -> None:
    page = sign_in(alice).get(path).content.decode()

    assert "<script>" not in page
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page


@pytest.mark.parametrize("path", PAGES)
def test_answers_carry_the_plain_headers_too(path: str, client: Client, db: None) -> None:
    answer = client.get(path)

    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["X-Request-ID"]


def test_pages_with_proofs_are_never_kept(
    client: Client, sign_in: Callable[[User], Client], alice: User
) -> None:
    assert "no-store" in client.get("/login/")["Cache-Control"]
    assert "no-store" in sign_in(alice).get("/account/security/")["Cache-Control"]


@pytest.mark.parametrize(
    "page", ["company_home", "companies:members", "companies:log", "billing:bases"]
)
def test_pages_of_a_company_are_never_kept(
    page: str, sign_in: Callable[[User], Client], alice: User, acme: Company
) -> None:
    answer = sign_in(alice).get(reverse(page, args=[acme.pk]))

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_session_cookie_is_out_of_reach_of_scripts(client: Client, alice: User) -> None:
    cookie = post_login(client, alice.email).cookies[settings.SESSION_COOKIE_NAME]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == ""  # it ends with the browser


def test_production_speaks_only_https(tmp_path: Path) -> None:
    """Over HTTPS the settings turn on what plain HTTP can't have."""
    names = [
        "SECURE_HSTS_SECONDS",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS",
        "SECURE_SSL_REDIRECT",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "LANGUAGE_COOKIE_SECURE",
        "SESSION_COOKIE_NAME",
    ]
    code = f"import json, vop.settings as s; print(json.dumps([getattr(s, n) for n in {names!r}]))"
    environment = {
        **os.environ,
        "BASE_URL": "https://konto.exempel.se",
        "VOP_VAR": str(tmp_path),
        "SECRET_KEY": "tests-only",
        "VOP_ENCRYPTION_KEYS": settings.ENCRYPTION_KEYS[0],
    }

    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    seconds, subdomains, redirect, session, csrf, language, name = json.loads(run.stdout)
    assert seconds >= 365 * 24 * 60 * 60
    assert all([subdomains, redirect, session, csrf, language])
    assert name == "__Host-session"
